package controllers

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// A reset has the group from the moment that the group's status says so:
//
//	Approved ──grant──> status.activeReset ──> zero workers ──> stopped ──the reset works──> Resuming ──release──> workers
//
// The claim is written before the workers are stopped, with their number, and
// taken away after they are started again: a manager that is killed in between
// goes on from the status. What a cache says starts no worker: that a reset needs
// the group no more, and that no reset has it, is read from the API server.

// maxResetRecords is how many resets a group's status remembers.
const maxResetRecords = 20

// resetSeen is what is known of the resets of a group.
type resetSeen struct {
	// active is the reset that has the group, by the group's status; nil for none.
	active *v1alpha1.ActiveReset
	// holder is that reset: as the cache has it while it needs the group, and
	// otherwise as the API server has it; nil when it is gone.
	holder *v1alpha1.KafkaOffsetReset
	// stopped: none of the group's workers is left.
	stopped bool
	// next is the reset whose turn is next, as the API server has it; nil for none.
	next *v1alpha1.KafkaOffsetReset
	// catchUp is the backlog of the last reset, by the group's status.
	catchUp *v1alpha1.CatchUpStatus
	// unfinished is a reset that went in the middle of its commits, by the group's status.
	unfinished *v1alpha1.UnfinishedReset
	// pass is which dedup namespace is in force, from 1.
	pass int32
	// ran are those that have ended, of a group whose status remembers none.
	ran []v1alpha1.ResetRecord
}

// resetDecision is who has the group after this reconcile. What changes in it is
// reported once the count that goes with it is in force.
type resetDecision struct {
	// stops is the reset for which there are no workers, "" for none.
	stops string
	// active is the reset that has the group then, nil for none.
	active *v1alpha1.ActiveReset
	// granted: active is new, and the workers are stopped by the next reconcile.
	granted bool
	// released is the reset that gives the group back, nil for none.
	released *v1alpha1.ActiveReset
	// record is what is remembered of it; nil for one that plans again.
	record *v1alpha1.ResetRecord
	// catchUp is the backlog that has a time of its own, nil for none.
	catchUp *v1alpha1.CatchUpStatus
	// unfinished is a reset that went in the middle of its commits: there are no
	// workers until another one has written what it was writing. nil for none.
	unfinished *v1alpha1.UnfinishedReset
	// adopts are the ConfigMaps that the group takes over from it.
	adopts []string
}

// needsGroup: the reset may still write, or has not said anything yet.
func needsGroup(reset *v1alpha1.KafkaOffsetReset) bool {
	phase := reset.Status.Phase
	return phase == "" || phase == v1alpha1.PhaseApproved || phase.HoldsWorkers()
}

// wantsGroup: the reset waits for its turn. One that holds workers and is not in
// the group's status had the group before the status was lost, as by a restore.
func wantsGroup(reset *v1alpha1.KafkaOffsetReset) bool {
	s := reset.Status
	return s.Approval != nil && !s.HandOver && (s.Phase.HoldsWorkers() || (s.Phase == v1alpha1.PhaseApproved && reset.DeletionTimestamp.IsZero()))
}

// firstInTurn is the first of those that want the group: one that had it already,
// then by the time of approval, then by uid.
func firstInTurn(resets []v1alpha1.KafkaOffsetReset) *v1alpha1.KafkaOffsetReset {
	var first *v1alpha1.KafkaOffsetReset
	for i := range resets {
		if reset := &resets[i]; wantsGroup(reset) && (first == nil || inTurn(reset, first) < 0) {
			first = reset
		}
	}
	return first
}

func inTurn(a, b *v1alpha1.KafkaOffsetReset) int {
	rank := func(reset *v1alpha1.KafkaOffsetReset) int {
		if reset.Status.Phase.HoldsWorkers() {
			return 0
		}
		return 1
	}
	return cmp.Or(rank(a)-rank(b), a.Status.Approval.At.Compare(b.Status.Approval.At.Time), cmp.Compare(a.UID, b.UID))
}

// held: a reset has the group, and still needs it.
func (s resetSeen) held() bool {
	return s.active != nil && s.holder != nil && needsGroup(s.holder) && !s.holder.Status.HandOver
}

// decideReset says who has the group. Nobody is given it while nothing can be
// applied; present is how many workers are asked for now.
func decideReset(s resetSeen, present int32, canApply bool, now time.Time) resetDecision {
	if s.held() {
		active := *s.active
		active.Stopped, active.Writing = s.stopped, active.Writing || isWriting(s.holder)
		return resetDecision{stops: active.Name, active: &active, unfinished: s.unfinished}
	}
	d := resetDecision{released: s.active}
	d.unfinished, d.adopts = unfinishedAfter(s, now)
	if d.unfinished != nil {
		d.stops = d.unfinished.Name
	}
	if s.active != nil {
		d.record = recordOf(*s.active, s.holder, now)
	}
	if s.next == nil || !canApply {
		return d
	}
	d.granted = true
	d.active = &v1alpha1.ActiveReset{
		Name: s.next.Name, UID: s.next.UID, SpecHash: s.next.Status.SpecHash, Since: metav1.NewTime(now), Replicas: present,
	}
	if s.active != nil { // from one to the next without workers in between
		d.active.Replicas = max(s.active.Replicas, present)
	}
	if s.active != nil || s.next.Status.Phase.HoldsWorkers() || d.unfinished != nil {
		d.stops = d.active.Name
	}
	return d
}

// countBefore notes how many workers a reset finds that was given the group just now.
func (d resetDecision) countBefore(replicas int32) {
	if d.granted && d.stops == "" {
		d.active.Replicas = replicas
	}
}

// recordOf is what is remembered of a reset that gives the group back, nil for
// one that goes back to planning.
func recordOf(active v1alpha1.ActiveReset, reset *v1alpha1.KafkaOffsetReset, now time.Time) *v1alpha1.ResetRecord {
	record := &v1alpha1.ResetRecord{
		Name: active.Name, UID: active.UID, SpecHash: active.SpecHash, Outcome: v1alpha1.PhaseFailed, At: metav1.NewTime(now),
		Committed: active.Writing,
	}
	if reset == nil {
		return record
	}
	s := reset.Status
	record.Committed = s.Intent != nil && s.Intent.Begun > 0
	switch {
	case s.Phase.Finished(), s.Phase == v1alpha1.PhasePlanning, s.Phase == v1alpha1.PhasePlanned:
		record.Outcome = s.Phase
	case s.Outcome != nil:
		record.Outcome = s.Outcome.Phase
	}
	if record.Outcome == v1alpha1.PhasePlanning || record.Outcome == v1alpha1.PhasePlanned {
		return nil
	}
	return record
}

// setResets says who has the group. A count that could not be applied changes
// nothing: a reset that gave the group back is told when its workers are asked for.
func setResets(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult) {
	neverStopped := d.reset.released != nil && done.replicas > 0
	s.ActiveReset, s.CatchUp, s.UnfinishedReset = seen.resets.active, seen.resets.catchUp, seen.resets.unfinished
	if len(s.Resets) == 0 {
		s.Resets = seen.resets.ran
	}
	// What a reset hands over is taken although nothing can be applied: there are no workers in either case.
	handedOver := d.reset.released != nil && d.reset.unfinished != nil && !done.failed
	if active := s.ActiveReset; active != nil && active.Writing && seen.resets.holder != nil && !isWriting(seen.resets.holder) {
		s.ActiveReset = active.DeepCopy()
		s.ActiveReset.Writing = false // it is done with that, and may go
	}
	if seen.resets.held() || d.inForce(done) || neverStopped || handedOver {
		s.ActiveReset, s.CatchUp, s.UnfinishedReset = d.reset.active, d.reset.catchUp, d.reset.unfinished
		s.Resets = remembered(s.Resets, d.reset.record)
	}
}

// inForce: what was decided is.
func (d decision) inForce(done applyResult) bool {
	return d.blocked == nil && d.held == nil && done.invalid == nil && !done.failed
}

// remembered puts a record first, in place of an earlier one of the same reset.
func remembered(records []v1alpha1.ResetRecord, record *v1alpha1.ResetRecord) []v1alpha1.ResetRecord {
	if record == nil {
		return records
	}
	others := slices.DeleteFunc(slices.Clone(records), func(r v1alpha1.ResetRecord) bool { return r.UID == record.UID })
	others = append([]v1alpha1.ResetRecord{*record}, others...)
	return others[:min(len(others), maxResetRecords)]
}

// changes tells whether the decision says anything that the status doesn't.
func (d resetDecision) changes(s v1alpha1.KafkaConsumerGroupStatus) bool {
	return d.granted || d.released != nil || !sameActive(d.active, s.ActiveReset) || !reflect.DeepEqual(d.unfinished, s.UnfinishedReset)
}

// recheckAfter: the workers of a group that was granted are stopped at once.
func (d resetDecision) recheckAfter() time.Duration {
	if d.granted && d.stops == "" {
		return time.Millisecond
	}
	return 0
}

// resetInProgress tells who has the group; there is nothing to tell of a group
// that never had a reset.
func resetInProgress(s *v1alpha1.KafkaConsumerGroupStatus) (verdict, bool) {
	active := s.ActiveReset
	switch {
	case active != nil && active.Stopped:
		return verdict{yes, v1alpha1.ReasonResetInProgress, fmt.Sprintf("KafkaOffsetReset %q has the group: its workers are stopped until it has ended", active.Name)}, true
	case active != nil:
		return verdict{yes, v1alpha1.ReasonResetInProgress, fmt.Sprintf("KafkaOffsetReset %q has the group: its workers are being stopped", active.Name)}, true
	case len(s.Resets) > 0:
		return verdict{no, v1alpha1.ReasonNoReset, fmt.Sprintf("no reset has the group; the last was %q: %s", s.Resets[0].Name, s.Resets[0].Outcome)}, true
	}
	return verdict{no, v1alpha1.ReasonNoReset, "no reset has the group"}, meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionOffsetResetInProgress) != nil
}

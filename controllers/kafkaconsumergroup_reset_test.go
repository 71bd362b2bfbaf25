package controllers

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// resetIn is a reset in a phase that was approved so long after noon.
func resetIn(phase v1alpha1.ResetPhase, uid string, approved time.Duration) *v1alpha1.KafkaOffsetReset {
	reset := &v1alpha1.KafkaOffsetReset{ObjectMeta: metav1.ObjectMeta{Name: "reset-" + uid, UID: types.UID(uid)}}
	reset.Status.Phase, reset.Status.SpecHash = phase, "hash-"+uid
	reset.Status.Approval = &v1alpha1.ResetApproval{At: metav1.NewMicroTime(noon.Add(approved))}
	return reset
}

func activeOf(reset *v1alpha1.KafkaOffsetReset) *v1alpha1.ActiveReset {
	return &v1alpha1.ActiveReset{Name: reset.Name, UID: reset.UID, SpecHash: reset.Status.SpecHash, Since: metav1.NewTime(noon.Add(-time.Hour)), Replicas: 5}
}

func withOutcome(reset *v1alpha1.KafkaOffsetReset, outcome v1alpha1.ResetPhase, begun int32) *v1alpha1.KafkaOffsetReset {
	reset.Status.Outcome = &v1alpha1.ResetOutcome{Phase: outcome}
	reset.Status.Intent = &v1alpha1.ResetIntent{Begun: begun}
	return reset
}

// TestTurn: whose turn it is, by the time of approval and then by uid.
func TestTurn(t *testing.T) {
	going := resetIn(v1alpha1.PhaseApproved, "a", 0)
	going.DeletionTimestamp = &metav1.Time{Time: noon}
	finishing := resetIn(v1alpha1.PhaseCommitting, "z", time.Hour)
	finishing.DeletionTimestamp = &metav1.Time{Time: noon}
	handsOver := resetIn(v1alpha1.PhaseCommitting, "a", 0)
	handsOver.Status.HandOver = true
	unlatched := resetIn(v1alpha1.PhaseApproved, "a", 0)
	unlatched.Status.Approval = nil
	cases := map[string]struct {
		reason string
		resets []*v1alpha1.KafkaOffsetReset
		want   types.UID
	}{
		"None":         {"nobody asks", nil, ""},
		"EarlierFirst": {"approved first, whatever the uid", []*v1alpha1.KafkaOffsetReset{resetIn(v1alpha1.PhaseApproved, "a", 2), resetIn(v1alpha1.PhaseApproved, "b", 1)}, "b"},
		"UIDBreaksTie": {"approved at once", []*v1alpha1.KafkaOffsetReset{resetIn(v1alpha1.PhaseApproved, "b", 1), resetIn(v1alpha1.PhaseApproved, "a", 1)}, "a"},
		"PlansWaitNot": {"a plan is not in the queue", []*v1alpha1.KafkaOffsetReset{resetIn(v1alpha1.PhasePlanned, "a", 0), resetIn(v1alpha1.PhasePlanning, "c", 0)}, ""},
		"Ended":        {"what has ended never runs again", []*v1alpha1.KafkaOffsetReset{resetIn(v1alpha1.PhaseSucceeded, "a", 0), resetIn(v1alpha1.PhaseResuming, "b", 0)}, ""},
		"Going":        {"one that is being deleted has not begun", []*v1alpha1.KafkaOffsetReset{going, resetIn(v1alpha1.PhaseApproved, "b", 1)}, "b"},
		"NotLatched":   {"an approval counts once it is stored", []*v1alpha1.KafkaOffsetReset{unlatched}, ""},
		"HandsOver":    {"it has left what it wrote to the group", []*v1alpha1.KafkaOffsetReset{handsOver}, ""},
		"StatusLost":   {"one that writes had the group before, also while it is being deleted", []*v1alpha1.KafkaOffsetReset{resetIn(v1alpha1.PhaseApproved, "a", 0), finishing}, "z"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var resets []v1alpha1.KafkaOffsetReset
			for _, r := range tc.resets {
				resets = append(resets, *r)
			}
			for range 2 {
				got := types.UID("")
				if first := firstInTurn(resets); first != nil {
					got = first.UID
				}
				if got != tc.want {
					t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
				}
				slices.Reverse(resets)
			}
		})
	}
}

// TestDecideReset: grant, hold and release.
func TestDecideReset(t *testing.T) {
	first, second := resetIn(v1alpha1.PhaseApproved, "a", 0), resetIn(v1alpha1.PhaseApproved, "b", 1)
	holder := func(phase v1alpha1.ResetPhase) resetSeen {
		reset := resetIn(phase, "a", 0)
		return resetSeen{active: activeOf(reset), holder: reset}
	}
	granted := func(reset *v1alpha1.KafkaOffsetReset, replicas int32) *v1alpha1.ActiveReset {
		return &v1alpha1.ActiveReset{Name: reset.Name, UID: reset.UID, SpecHash: reset.Status.SpecHash, Since: metav1.NewTime(noon), Replicas: replicas}
	}
	writing := activeOf(first)
	writing.Writing = true
	stopped := *writing
	stopped.Stopped = true
	rows := v1alpha1.ResetOffsets{Count: 2, ConfigMaps: []string{"writes"}}
	unfinished := func(snapshot, writes *v1alpha1.ResetOffsets, cluster string) *v1alpha1.UnfinishedReset {
		return &v1alpha1.UnfinishedReset{Name: "reset-a", UID: "a", Since: metav1.NewTime(noon), ClusterID: cluster, Snapshot: snapshot, Writes: writes}
	}
	handsOver := withOutcome(resetIn(v1alpha1.PhaseCommitting, "a", 0), "", 1)
	handsOver.Status.HandOver, handsOver.Status.Outcome = true, nil
	handsOver.Status.Plan = &v1alpha1.ResetPlan{ClusterID: "cluster"}
	handsOver.Status.Snapshot, handsOver.Status.Intent.Offsets = &v1alpha1.ResetOffsets{Count: 2, ConfigMaps: []string{"snapshot"}}, rows
	earlier := unfinished(nil, nil, "")
	record := func(outcome v1alpha1.ResetPhase, committed bool) *v1alpha1.ResetRecord {
		return &v1alpha1.ResetRecord{Name: "reset-a", UID: "a", SpecHash: "hash-a", Outcome: outcome, Committed: committed, At: metav1.NewTime(noon)}
	}
	cases := map[string]struct {
		reason string
		seen   resetSeen
		held   bool // nothing can be applied
		want   resetDecision
	}{
		"Nothing":  {"no reset", resetSeen{}, false, resetDecision{}},
		"Grant":    {"the claim is written before the workers are stopped", resetSeen{next: first}, false, resetDecision{granted: true, active: granted(first, 3)}},
		"Stalled":  {"nobody is given a group whose workers can't be stopped", resetSeen{next: first}, true, resetDecision{}},
		"Approved": {"just given", holder(v1alpha1.PhaseApproved), false, resetDecision{stops: "reset-a", active: activeOf(first)}},
		"Holds":    {"the next waits", resetSeen{active: activeOf(first), holder: resetIn(v1alpha1.PhaseCommitting, "a", 0), stopped: true, next: second}, false, resetDecision{stops: "reset-a", active: &stopped}},
		"NoPhase":  {"its status was lost: what it has written is not known", holder(""), false, resetDecision{stops: "reset-a", active: activeOf(first)}},
		"Blocked":  {"a group that became blocked is still the reset's", holder(v1alpha1.PhaseVerifying), true, resetDecision{stops: "reset-a", active: writing}},
		"HandsOver": {"it can't complete its commits, and is deleted", resetSeen{active: writing, holder: handsOver}, false, resetDecision{
			stops: "reset-a", released: writing, unfinished: unfinished(handsOver.Status.Snapshot, &rows, "cluster"), adopts: []string{"snapshot", "writes"},
			record: record(v1alpha1.PhaseFailed, true)}},
		"GoneWriting": {"its finalizer was taken away in the middle", resetSeen{active: writing}, false,
			resetDecision{stops: "reset-a", released: writing, unfinished: earlier, record: record(v1alpha1.PhaseFailed, true)}},
		"StaysUnfinished": {"nobody comes", resetSeen{unfinished: earlier}, false, resetDecision{stops: "reset-a", unfinished: earlier}},
		"TakesUnfinished": {"no worker in between", resetSeen{unfinished: earlier, next: second}, false,
			resetDecision{stops: "reset-b", granted: true, active: granted(second, 3), unfinished: earlier}},
		"FailsUnfinished": {"the next has not written it either",
			resetSeen{active: activeOf(first), holder: withOutcome(resetIn(v1alpha1.PhaseResuming, "a", 0), v1alpha1.PhaseFailed, 0), unfinished: earlier}, false,
			resetDecision{stops: "reset-a", released: activeOf(first), unfinished: earlier, record: record(v1alpha1.PhaseFailed, false)}},
		"Completes": {"the next has written all of it",
			resetSeen{active: activeOf(first), holder: withOutcome(resetIn(v1alpha1.PhaseResuming, "a", 0), v1alpha1.PhaseSucceeded, 1), unfinished: earlier}, false,
			resetDecision{released: activeOf(first), record: record(v1alpha1.PhaseSucceeded, true)}},
		"Resuming": {"the outcome says how it ends", resetSeen{active: activeOf(first), holder: withOutcome(resetIn(v1alpha1.PhaseResuming, "a", 0), v1alpha1.PhaseSucceeded, 1)}, false,
			resetDecision{released: activeOf(first), record: record(v1alpha1.PhaseSucceeded, true)}},
		"Finished": {"it ended without the group noticing", resetSeen{active: activeOf(first), holder: withOutcome(resetIn(v1alpha1.PhaseCancelled, "a", 0), v1alpha1.PhaseCancelled, 0)}, false,
			resetDecision{released: activeOf(first), record: record(v1alpha1.PhaseCancelled, false)}},
		"PlansAgain": {"it has not ended", resetSeen{active: activeOf(first), holder: withOutcome(resetIn(v1alpha1.PhaseResuming, "a", 0), v1alpha1.PhasePlanning, 0)}, false, resetDecision{released: activeOf(first)}},
		"Planned":    {"it waits for approval again", holder(v1alpha1.PhasePlanned), false, resetDecision{released: activeOf(first)}},
		"Gone":       {"its finalizer was taken away", resetSeen{active: activeOf(first)}, false, resetDecision{released: activeOf(first), record: record(v1alpha1.PhaseFailed, false)}},
		"HandedOn": {"no workers in between, and the count of before is kept", resetSeen{active: activeOf(first), holder: withOutcome(resetIn(v1alpha1.PhaseResuming, "a", 0), v1alpha1.PhaseFailed, 0), next: second}, false,
			resetDecision{stops: "reset-b", granted: true, active: granted(second, 5), released: activeOf(first), record: record(v1alpha1.PhaseFailed, false)}},
		"Adopted": {"one that writes is given the group back with no worker started before", resetSeen{next: resetIn(v1alpha1.PhaseCommitting, "a", 0)}, false,
			resetDecision{stops: "reset-a", granted: true, active: granted(first, 3)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := decideReset(tc.seen, 3, !tc.held, noon)
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%s:\n got %+v, active %+v\nwant %+v, active %+v", tc.reason, got, got.active, tc.want, tc.want.active)
			}
		})
	}
}

// TestDecideResetProperties: in whatever state, a reset that may be writing keeps
// the group, and nobody has it without being in the status.
func TestDecideResetProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	phases := []v1alpha1.ResetPhase{"", v1alpha1.PhasePlanning, v1alpha1.PhasePlanned, v1alpha1.PhaseApproved, v1alpha1.PhaseDraining, v1alpha1.PhaseRechecking,
		v1alpha1.PhaseCommitting, v1alpha1.PhaseVerifying, v1alpha1.PhaseResuming, v1alpha1.PhaseSucceeded, v1alpha1.PhaseFailed, v1alpha1.PhaseCancelled, v1alpha1.PhaseAlreadyRun}
	for range 20_000 {
		var s resetSeen
		if r.IntN(3) > 0 {
			s.holder = resetIn(phases[r.IntN(len(phases))], "a", 0)
			s.active, s.stopped = activeOf(s.holder), r.IntN(2) == 0
			if r.IntN(8) == 0 {
				s.holder = nil
			}
		}
		if next := resetIn(phases[r.IntN(len(phases))], "b", 1); wantsGroup(next) {
			s.next = next
		}
		canApply, present := r.IntN(4) > 0, r.Int32N(9)
		d := decideReset(s, present, canApply, noon)
		check := func(ok bool, what string) {
			if !ok {
				t.Fatalf("%s:\nseen %+v, can apply %t\ngot %+v", what, s, canApply, d)
			}
		}
		writing := s.active != nil && s.holder != nil && s.holder.Status.Phase.HoldsWorkers()
		check(!writing || (d.active != nil && d.active.UID == s.active.UID && d.stops == s.active.Name), "the group was taken from a reset that writes")
		check(d.stops == "" || d.active != nil, "stopped for nobody")
		check(d.granted == (d.active != nil && (s.active == nil || d.active.UID != s.active.UID)), "granted in silence")
		check((d.released != nil) == (s.active != nil && (d.active == nil || d.active.UID != s.active.UID)), "released in silence")
		check(!d.granted || canApply, "given although nothing can be applied")
		check(d.record == nil || d.record.Outcome.Finished() || s.holder.Status.Outcome == nil, "remembered before its end")
	}
}

// TestStoppedBy: when none of the workers is left.
func TestStoppedBy(t *testing.T) {
	zero := func(mods ...func(*appsv1.Deployment)) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 4}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(0))}, Status: appsv1.DeploymentStatus{ObservedGeneration: 4}}
		for _, mod := range mods {
			mod(d)
		}
		return d
	}
	ending := notReady()
	ending.DeletionTimestamp = &metav1.Time{Time: noon}
	evicted := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}}
	lingering := notReady()
	lingering.Status.Phase = corev1.PodFailed
	cases := map[string]struct {
		reason     string
		deployment *appsv1.Deployment
		pods       []corev1.Pod
		want       bool
	}{
		"Stopped":      {"nothing is left", zero(), nil, true},
		"None":         {"a Deployment that is not there was not seen at zero", nil, nil, false},
		"Asked":        {"somebody scaled it", zero(func(d *appsv1.Deployment) { *d.Spec.Replicas = 1 }), nil, false},
		"NotSeenYet":   {"its controller has not seen the zero", zero(func(d *appsv1.Deployment) { d.Status.ObservedGeneration = 3 }), nil, false},
		"Counted":      {"its controller still counts one", zero(func(d *appsv1.Deployment) { d.Status.Replicas = 1 }), nil, false},
		"Running":      {"a pod that the Deployment does not count", zero(), []corev1.Pod{notReady()}, false},
		"Ending":       {"until it is gone it may work", zero(), []corev1.Pod{ending}, false},
		"Evicted":      {"its containers have ended, and nobody removes it", zero(), []corev1.Pod{evicted}, true},
		"NotQuiteGone": {"it is called failed, and a container runs", zero(), []corev1.Pod{evicted, lingering}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := stoppedBy(tc.deployment, tc.pods); got != tc.want {
				t.Errorf("%s: %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}

// TestSetResets: what was decided is told once the count that goes with it is in force.
func TestSetResets(t *testing.T) {
	a, b := activeOf(resetIn("", "a", 0)), activeOf(resetIn("", "b", 0))
	record := &v1alpha1.ResetRecord{Name: a.Name, UID: a.UID, Outcome: v1alpha1.PhaseSucceeded}
	grant := resetDecision{granted: true, active: a}
	release := resetDecision{released: a, record: record, catchUp: &v1alpha1.CatchUpStatus{Reset: a.Name}}
	handOn := resetDecision{released: a, record: record, active: b, granted: true, stops: b.Name}
	refused := applyResult{invalid: &blocked{v1alpha1.ReasonInvalidWorkload, "no"}}
	wall := &blocked{v1alpha1.ReasonDuplicateGroup, "no"}
	cases := map[string]struct {
		reason  string
		reset   resetDecision
		blocked *blocked
		held    *blocked
		done    applyResult
		want    *v1alpha1.ActiveReset
		records int
	}{
		"Granted":         {"the claim comes first", grant, nil, nil, applyResult{replicas: 3}, a, 0},
		"GrantFailed":     {"the Deployment can't be applied: nor could zero be", grant, nil, nil, applyResult{replicas: 3, failed: true}, nil, 0},
		"GrantRefused":    {"nor could it with a template that is refused", grant, nil, nil, refused, nil, 0},
		"Released":        {"the workers are asked for", release, nil, nil, applyResult{replicas: 5}, nil, 1},
		"ReleasedToZero":  {"a pause keeps them stopped", release, nil, nil, applyResult{}, nil, 1},
		"ReleaseFailed":   {"the count of before would be lost", release, nil, nil, applyResult{failed: true}, a, 0},
		"ReleaseRefused":  {"so it would with a template that is refused", release, nil, nil, refused, a, 0},
		"ReleaseBlocked":  {"it waits until the group may be touched again", release, wall, nil, applyResult{}, a, 0},
		"ReleaseHeld":     {"and until it may be known which cluster it is", release, nil, wall, applyResult{}, a, 0},
		"NeverStopped":    {"a group that was never at zero has its workers", release, wall, nil, applyResult{replicas: 5}, nil, 1},
		"HandedOn":        {"one ends, the next begins", handOn, nil, nil, applyResult{}, b, 1},
		"HandedOnFailing": {"both wait", handOn, nil, nil, applyResult{failed: true}, a, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var s v1alpha1.KafkaConsumerGroupStatus
			seen := groupSnapshot{resets: resetSeen{active: tc.reset.released}}
			setResets(&s, seen, decision{reset: tc.reset, blocked: tc.blocked, held: tc.held}, tc.done)
			if s.ActiveReset != tc.want || len(s.Resets) != tc.records || (s.CatchUp != nil) != (tc.reset.catchUp != nil && tc.records == 1) {
				t.Errorf("%s: active %+v, %d records, catch up %+v; want %+v and %d", tc.reason, s.ActiveReset, len(s.Resets), s.CatchUp, tc.want, tc.records)
			}
		})
	}
}

// TestRemembered: twenty, the newest first, each reset once.
func TestRemembered(t *testing.T) {
	var records []v1alpha1.ResetRecord
	for i := range 25 {
		records = remembered(records, &v1alpha1.ResetRecord{UID: types.UID(fmt.Sprint(i))})
		before := slices.Clone(records)
		records = remembered(records, nil)
		if !reflect.DeepEqual(before, records) {
			t.Fatal("nothing to remember has changed what is remembered")
		}
	}
	if len(records) != 20 || records[0].UID != "24" || records[19].UID != "5" {
		t.Fatalf("%d records from %q to %q, want 20 from 24 to 5", len(records), records[0].UID, records[len(records)-1].UID)
	}
	records = remembered(records, &v1alpha1.ResetRecord{UID: "10", Outcome: v1alpha1.PhaseSucceeded})
	if len(records) != 20 || records[0].UID != "10" || slices.ContainsFunc(records[1:], func(r v1alpha1.ResetRecord) bool { return r.UID == "10" }) {
		t.Errorf("%+v, want reset 10 once, first", records)
	}
}

// TestResetInWords: conditions and events of a group that a reset has.
func TestResetInWords(t *testing.T) {
	group, before, seen, d, done := healthy()
	group.Spec.Pause = &v1alpha1.PauseSpec{Mode: v1alpha1.PauseHoldReplicas} // without an end
	group.Spec.Scaling.Mode = v1alpha1.ScalingManual
	reset := resetIn(v1alpha1.PhaseDraining, "a", 0)
	before.StuckPartitions = []v1alpha1.StuckPartition{{Topic: "orders", Health: string(lag.HealthStalled)}}
	r := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}
	report := func(s resetSeen) v1alpha1.KafkaConsumerGroupStatus {
		seen.resets = s
		d.reset = decideReset(s, done.replicas, true, noon)
		d.scale = autoscale.Decision{Replicas: 5, Reason: autoscale.ReasonManual, Message: "5: set by hand"}
		if d.reset.stops != "" {
			d.scale = autoscale.Decision{Reason: autoscale.ReasonOffsetReset, Message: "0: stopped"}
		}
		done.replicas = d.scale.Replicas
		after := r.statusOf(group, before, seen, d, done)
		if c := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady); c.Status != yes {
			t.Errorf("Ready is %+v, want it True through the whole reset", c)
		}
		return after
	}
	wantCondition := func(s v1alpha1.KafkaConsumerGroupStatus, kind string, status metav1.ConditionStatus, reason, says string) {
		t.Helper()
		c := meta.FindStatusCondition(s.Conditions, kind)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) {
			t.Errorf("%+v, want %s %s %s saying %q", c, kind, status, reason, says)
		}
	}
	wantEvent := func(before, after v1alpha1.KafkaConsumerGroupStatus, kind, reason, says string) {
		t.Helper()
		if !slices.ContainsFunc(eventsOf(before, after), func(e groupEvent) bool { return e.kind == kind && e.reason == reason && strings.Contains(e.note, says) }) {
			t.Errorf("%+v, want %s %s saying %q", eventsOf(before, after), kind, reason, says)
		}
	}

	calm := report(resetSeen{})
	if meta.FindStatusCondition(calm.Conditions, v1alpha1.ConditionOffsetResetInProgress) != nil {
		t.Error("a group that never had a reset speaks of one")
	}
	before = calm
	given := report(resetSeen{next: resetIn(v1alpha1.PhaseApproved, "a", 0)})
	wantCondition(given, v1alpha1.ConditionOffsetResetInProgress, yes, v1alpha1.ReasonResetInProgress, `"reset-a" has the group: its workers are being stopped`)
	wantEvent(before, given, corev1.EventTypeNormal, "OffsetResetStarted", `"reset-a" has the group: its workers, 5 before`)

	before = given
	seen.deployment, done.deployment = deploymentWith(0, 0), deploymentWith(0, 0)
	active := activeOf(reset)
	held := report(resetSeen{active: active, holder: reset, stopped: true})
	wantCondition(held, v1alpha1.ConditionOffsetResetInProgress, yes, v1alpha1.ReasonResetInProgress, "its workers are stopped until it has ended")
	wantCondition(held, v1alpha1.ConditionScalingActive, no, "OffsetReset", "no workers")
	wantCondition(held, v1alpha1.ConditionScalingLimited, no, "OffsetReset", "has the group")
	wantCondition(held, v1alpha1.ConditionPaused, yes, "HoldReplicas", "held when the reset has ended")
	wantCondition(held, v1alpha1.ConditionStalled, no, v1alpha1.ReasonNothingStalled, "")
	if len(held.StuckPartitions) > 0 || !held.ActiveReset.Stopped {
		t.Errorf("stuck %v, active %+v; want none, and stopped", held.StuckPartitions, held.ActiveReset)
	}

	before = held
	ended := report(resetSeen{active: active, holder: withOutcome(resetIn(v1alpha1.PhaseResuming, "a", 0), v1alpha1.PhaseFailed, 0)})
	wantCondition(ended, v1alpha1.ConditionOffsetResetInProgress, no, v1alpha1.ReasonNoReset, `the last was "reset-a": Failed`)
	wantEvent(before, ended, corev1.EventTypeWarning, "OffsetResetEnded", "and ends as Failed")
	again := report(resetSeen{active: active, holder: resetIn(v1alpha1.PhasePlanned, "a", 0)})
	wantCondition(again, v1alpha1.ConditionOffsetResetInProgress, no, v1alpha1.ReasonNoReset, "no reset has the group")
	wantEvent(before, again, corev1.EventTypeNormal, "OffsetResetEnded", "to plan again")
	if e, _ := putBackEvent(applyResult{putBack: ptr.To(int32(4))}, "reset-a"); !strings.Contains(e.note, `0 again: KafkaOffsetReset "reset-a" has the group`) {
		t.Errorf("%q, want it to name the reset", e.note)
	}
}

// TestSaysNothingNewOfResets: right after a restart, before the first sample,
// what a reset waits for is told all the same.
func TestSaysNothingNewOfResets(t *testing.T) {
	group, before, seen, _, done := healthy()
	reset := resetIn(v1alpha1.PhaseDraining, "a", 0)
	seen.sampled, before.ObservedGeneration, before.ActiveReset = false, group.Generation, activeOf(reset)
	says := func(s resetSeen) bool {
		return !saysNothingNew(group, before, seen, decision{reset: decideReset(s, 4, true, noon)}, done)
	}
	if says(resetSeen{active: before.ActiveReset, holder: reset}) {
		t.Error("the same is written again")
	}
	if !says(resetSeen{active: before.ActiveReset, holder: reset, stopped: true}) {
		t.Error("nobody tells that the workers have stopped")
	}
	if !says(resetSeen{active: before.ActiveReset}) {
		t.Error("nobody tells that the group is given back")
	}
}

// TestClaimFirst: the reconcile that gives the group to a reset writes the claim
// with the count in force, and the next one, which is at once, stops the workers.
func TestClaimFirst(t *testing.T) {
	group, _, seen, _, _ := healthy()
	group.Spec.Scaling = v1alpha1.ScalingSpec{Mode: v1alpha1.ScalingAuto, MinReplicas: 1, LagTarget: &v1alpha1.LagTarget{MessagesPerReplica: 1000}}
	seen.deployment.Spec.Replicas = ptr.To(int32(4))
	seen.resets.next = resetIn(v1alpha1.PhaseApproved, "a", 0)
	r, m := &KafkaConsumerGroupReconciler{Settings: DefaultSettings()}, &memory{}
	d := r.decide(group, seen, m)
	if d.reset.active == nil || d.reset.active.Replicas != d.scale.Replicas || d.scale.Replicas == 0 || d.reset.recheckAfter() != time.Millisecond {
		t.Fatalf("%+v with %d workers, again after %s; want the claim with the count in force", d.reset.active, d.scale.Replicas, d.reset.recheckAfter())
	}
	seen.resets = resetSeen{active: d.reset.active, holder: seen.resets.next}
	if d = r.decide(group, seen, m); d.scale.Replicas != 0 || d.scale.Reason != autoscale.ReasonOffsetReset || d.reset.recheckAfter() != 0 {
		t.Fatalf("%s, want 0", d.scale.Message)
	}
}

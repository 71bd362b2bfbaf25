package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestOffsetsEndAReset: a reset whose consumer group was deleted on purpose, while it
// was committing or after it had, ends: it waits for no other object of the name. One
// that is deleted as well goes at once, and tells how it ended.
func TestOffsetsEndAReset(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"after commit", "in Verifying"} {
		for _, both := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/BothDeleted=%t", point, both), func(t *testing.T) {
				t.Parallel()
				s := newStand(t, deleting)
				stop := s.moments.stopAt(point)
				r := s.toThree("kor", automatic)
				create(t, r)
				stop.do(t, func() {
					remove(t, s.g.DeepCopy())
					if both {
						remove(t, r.DeepCopy())
					}
				})
				wantDeleted(t, s.g, s.b)
				if both {
					wantGone(t, r)
				} else {
					wantFailed(t, r, v1alpha1.ReasonOffsetsDeleted, `KafkaConsumerGroup "moved" was deleted with offsetsOnDelete: Delete`)
				}
				wantLastEvent(t, r, "Failed", "with all of its offsets")
			})
		}
	}
}

// TestOffsetsRetainedLeaveAReset: the object goes without its offsets, since somebody
// wanted that at last: a reset that has committed waits for another one of the name.
func TestOffsetsRetainedLeaveAReset(t *testing.T) {
	t.Parallel()
	s := newStand(t, deleting)
	stop := s.moments.stopAt("after commit")
	r := s.toThree("kor", automatic)
	create(t, r)
	stop.do(t, func() {
		remove(t, s.g.DeepCopy())
		change(t, s.g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain })
		wantGone(t, s.g.DeepCopy())
	})
	wantStalled(t, r, v1alpha1.PhaseVerifying, v1alpha1.ReasonGroupMissing, `"moved" does not exist`)
	if err := s.committedSomewhere(3, 3); err != nil {
		t.Error(err)
	}
	d, err := deployment(s.g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, d) // as the garbage collector does
	create(t, group(s.ns, "moved", s.b.address(), drainable, oneWorker))
	nudge(t, r)
	s.wantMoved(t, r)
}

// wantFailed waits until the reset has failed, and says why.
func wantFailed(t *testing.T, r *v1alpha1.KafkaOffsetReset, reason string, words ...string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	now := wantPhase(t, r, v1alpha1.PhaseFailed)
	if o := now.Status.Outcome; o == nil || o.Reason != reason {
		t.Errorf("outcome %+v, want the reason %s", o, reason)
	}
	if err := mentions(now.Status.Message, words...); err != nil {
		t.Error(err)
	}
	return now
}

// wantLastEvent waits until this is what the last event of the reset tells.
func wantLastEvent(t *testing.T, r *v1alpha1.KafkaOffsetReset, reason, words string) {
	t.Helper()
	eventually(t, func() error {
		told, err := eventsOfReset(r)
		if err != nil {
			return err
		}
		if len(told) == 0 {
			return errors.New("nothing was told")
		}
		if last := told[len(told)-1]; last.Reason != reason || !strings.Contains(last.Note, words) {
			return fmt.Errorf("the last event is %s: %q", last.Reason, last.Note)
		}
		return nil
	})
}

// eventsOfReset are the reset's events, the oldest first.
func eventsOfReset(r *v1alpha1.KafkaOffsetReset) ([]eventsv1.Event, error) {
	var events eventsv1.EventList
	err := kube.List(context.Background(), &events, client.InNamespace(r.Namespace))
	told := slices.DeleteFunc(events.Items, func(e eventsv1.Event) bool { return e.Regarding.Name != r.Name })
	slices.SortFunc(told, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	return told, err
}

// TestOffsetsDeletedAndAResetIsSilent: a reset that never says that it has seen it, as
// one that nobody looks after, holds the object until the time is over. What is told
// then is what was done.
func TestOffsetsDeletedAndAResetIsSilent(t *testing.T) {
	t.Parallel()
	ns, b, clock := namespace(t), startBroker(t, map[string]int32{"orders": 3}), &clockAhead{}
	startManager(t, managerOptions{clock: clock, playedResets: true}, ns)
	g := disposable(t, ns, "silent", b, toZero)
	anyDeployment(t, g)
	play(t, g, allAvailable)
	r := playedReset(t, g, "kor")
	playApproval(t, r, clock.Now())
	playReset(t, r, func(s *v1alpha1.KafkaOffsetResetStatus) {
		s.Phase, s.Plan = v1alpha1.PhaseVerifying, &v1alpha1.ResetPlan{GroupID: "billing", ClusterID: t.Name(), PlannedAt: metav1.Now()}
		s.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonGroupMissing, LastTransitionTime: metav1.Now(),
		}}
	})
	wantActive(t, g, r)
	eventually(t, func() error { // the Deployment may be changed once more
		play(t, g, allAvailable)
		now, err := seen(g)
		if err == nil && (now.Status.ActiveReset == nil || !now.Status.ActiveReset.Stopped) {
			err = fmt.Errorf("active %+v", now.Status.ActiveReset)
		}
		return err
	})
	remove(t, g)
	wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonOffsetsDeleted)
	if n := b.commits(t, "billing"); n > 0 {
		t.Errorf("%d commits are left", n)
	}
	timeIsOver(clock)
	wantDeleted(t, g, b)
	wantEvent(t, g, "Normal", "OffsetsDeleted", "of 3 partitions in 1 topics")
	for _, note := range eventNotes(t, g) {
		if strings.HasPrefix(note, "OffsetsRetained") {
			t.Error(note)
		}
	}
}

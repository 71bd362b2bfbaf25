package integration

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetFaultResumeHeld: with resume: false the workers stay stopped, and are
// started by the annotation, or when the reset is deleted.
func TestResetFaultResumeHeld(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	held := func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Resume = new(bool) }
	for _, name := range []string{"annotated", "deleted"} {
		r := s.toThree(name, automatic, held)
		create(t, r)
		wantTrouble(t, r, v1alpha1.PhaseVerifying, v1alpha1.ConditionVerified, "False", v1alpha1.ReasonResumeHeld, "kafka.lagrange.dev/resume=true")
		wantReplicas(t, s.g, 0)
		if name == "annotated" {
			edit(t, r, func(r *v1alpha1.KafkaOffsetReset) {
				r.Annotations = map[string]string{"kafka.lagrange.dev/resume": "true"}
			})
			s.wantMoved(t, r)
			continue
		}
		remove(t, r.DeepCopy())
		wantGone(t, r)
		wantReplicas(t, s.g, 1)
		s.wantBegun(t, 3)
	}
}

// TestResetFaultDrifted: commits that moved farther than maxDrift between plan and
// commit end an automatic reset, and ask whoever approves again.
func TestResetFaultDrifted(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	noDrift := func(r *v1alpha1.KafkaOffsetReset) { r.Spec.MaxDrift = new(int64) }
	for _, name := range []string{"automatic", "manual"} {
		stop := s.moments.stopAt("in Rechecking")
		r := s.toThree(name, noDrift)
		if name == "automatic" {
			automatic(r)
		}
		create(t, r)
		if name == "manual" {
			approve(t, r)
		}
		stop.do(t, func() { s.b.commit(t, "moved", "orders", 9) })
		if name == "automatic" {
			now := wantPhase(t, r, v1alpha1.PhaseFailed)
			if o := now.Status.Outcome; o.Reason != v1alpha1.ReasonDrifted || mentions(o.Message, "nothing was committed", "orders-0 (10, now 9)") != nil {
				t.Errorf("outcome %+v", o)
			}
			s.settle(t)
			continue
		}
		now := wantTrouble(t, r, v1alpha1.PhasePlanned, v1alpha1.ConditionApproved, "False", v1alpha1.ReasonApprovalMismatch, "read the plan")
		if now.Status.Plan.Revision != 2 || now.Status.Approval != nil {
			t.Errorf("revision %d, approval %+v", now.Status.Plan.Revision, now.Status.Approval)
		}
		wantReplicas(t, s.g, 1)
		s.settle(t) // the workers go on from 9, which is drift too
		edit(t, r, func(r *v1alpha1.KafkaOffsetReset) {
			r.Annotations = map[string]string{"kafka.lagrange.dev/replan": "2"}
		})
		wantRevision(t, r, 3)
		approve(t, r)
		s.wantMoved(t, r)
	}
}

func wantRevision(t *testing.T, r *v1alpha1.KafkaOffsetReset, revision int32) {
	t.Helper()
	eventually(t, func() error {
		now, err := resetNow(r)
		if err == nil && (now.Status.Plan == nil || now.Status.Phase != v1alpha1.PhasePlanned) {
			err = fmt.Errorf("phase %s", now.Status.Phase)
		}
		if err != nil {
			return err
		}
		return same("the plan's revision", now.Status.Plan.Revision, revision)
	})
}

// TestResetFaultReplanned: the annotation makes another plan, which the approval of
// the first does not let run, also when Kafka can't be asked in between.
func TestResetFaultReplanned(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.toThree("kor")
	create(t, r)
	first := wantPhase(t, r, v1alpha1.PhasePlanned).Status.Plan.Hash
	s.moments.unread.Store(true)
	edit(t, r, func(r *v1alpha1.KafkaOffsetReset) {
		r.Annotations = map[string]string{"kafka.lagrange.dev/replan": "1"}
	})
	wantTrouble(t, r, v1alpha1.PhasePlanned, v1alpha1.ConditionApproved, "False", v1alpha1.ReasonKafkaFailed, "read as the test wants it")
	edit(t, r, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Approved = first })
	s.moments.unread.Store(false)
	nudge(t, r)
	edit(t, r, func(r *v1alpha1.KafkaOffsetReset) {
		r.Annotations = map[string]string{"kafka.lagrange.dev/replan": "1"}
	})
	now := wantTrouble(t, r, v1alpha1.PhasePlanned, v1alpha1.ConditionApproved, "False", v1alpha1.ReasonApprovalMismatch, first)
	if p := now.Status.Plan; p.Revision != 2 || p.Hash == first {
		t.Errorf("revision %d, hash %s, the first %s", p.Revision, p.Hash, first)
	}
	approve(t, r)
	s.wantMoved(t, r)
}

// TestResetFaultAppliedAgain: a reset that was removed and is created again, by a
// tool or from a backup, does not run again; one of another spec does.
func TestResetFaultAppliedAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.toThree("kor", automatic)
	create(t, r.DeepCopy())
	s.wantMoved(t, r)
	remove(t, r.DeepCopy())
	wantGone(t, r)
	create(t, r.DeepCopy())
	s.wantOld(t, r, v1alpha1.PhaseAlreadyRun, v1alpha1.ReasonAlreadyRun, "of this name and spec has run (", "give it another name")
	remove(t, r.DeepCopy())
	wantGone(t, r)
	other := s.toThree("kor", automatic, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.MaxDrift = new(int64(99)) })
	create(t, other)
	s.wantMoved(t, other)
}

// TestResetFaultAppliedAgainToANewGroup: a tool creates the group anew, which lost what
// it remembered, and later the reset. What the old one left tells that it has run.
func TestResetFaultAppliedAgainToANewGroup(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.toThree("kor", automatic)
	create(t, r.DeepCopy())
	s.wantMoved(t, r)
	remove(t, s.g.DeepCopy())
	wantGone(t, s.g.DeepCopy())
	d, err := deployment(s.g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, d) // as the garbage collector does
	g := group(s.ns, "moved", s.b.address(), drainable, oneWorker)
	create(t, g)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.Resets) != 1 || s.Resets[0].Name != "kor" || !s.Resets[0].Committed || s.Resets[0].Outcome != v1alpha1.PhaseSucceeded {
			return fmt.Errorf("it remembers %+v", s.Resets)
		}
		return nil
	})
	remove(t, r.DeepCopy())
	wantGone(t, r)
	create(t, r.DeepCopy())
	wantPhase(t, r, v1alpha1.PhaseAlreadyRun)
}

// TestResetFaultTTL: resets are removed when their time is over, but for the newest
// that has committed: the next rollback needs it.
func TestResetFaultTTL(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	brief := func(r *v1alpha1.KafkaOffsetReset) { r.Spec.TTLAfterFinished = &metav1.Duration{Duration: time.Second} }
	ran := func(name string) *v1alpha1.KafkaOffsetReset {
		r := s.toThree(name, brief)
		create(t, r)
		approve(t, r)
		s.wantMoved(t, r)
		eventually(t, func() error { // nothing else is to be looked at any more
			now, err := resetNow(r)
			if err == nil && (now.Status.Replay == nil || now.Status.Replay.Remaining > 0) {
				err = fmt.Errorf("replay %+v", now.Status.Replay)
			}
			return err
		})
		return r
	}
	first := ran("first")
	cancelled := s.toThree("cancelled", brief, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Cancel = true })
	create(t, cancelled)
	wantGone(t, cancelled)
	if now, err := resetNow(first); err != nil || now.Status.Phase != v1alpha1.PhaseSucceeded {
		t.Fatalf("the newest that has committed: %v, %v", now.Status.Phase, err)
	}
	second := ran("second")
	wantGone(t, first)
	if _, err := resetNow(second); err != nil {
		t.Error(err)
	}
}

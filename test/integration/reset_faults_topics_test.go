package integration

import (
	"fmt"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// renew deletes the topic and creates it again under its name, with n messages in
// each of its partitions.
func (s *stand) renew(t *testing.T, n int) {
	t.Helper()
	if err := s.b.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	if err := s.b.CreateTopic("orders", 4, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.b.client.RefreshMetadata("orders"); err != nil {
		t.Fatal(err)
	}
	s.b.produce(t, "orders", n)
}

// wantNew: the new topic is handled from its start to the end.
func (s *stand) wantNew(t *testing.T, want string, end int64) {
	t.Helper()
	eventually(t, func() error { return s.workers.committedEverywhere(4, end) })
	for p, offsets := range s.workers.handledOf() {
		if got := fmt.Sprint(offsets); got != want {
			t.Errorf("of the new topic %v was handled at %s, want %s", p, got, want)
		}
	}
}

// TestResetFaultTopicRenewed (A9): nothing of a plan is committed to a topic that
// was created anew under the same name; whoever approves is asked again.
func TestResetFaultTopicRenewed(t *testing.T) {
	t.Parallel()
	for _, manual := range []bool{false, true} {
		t.Run(fmt.Sprintf("Manual=%t", manual), func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			stop := s.moments.stopAt("in Rechecking")
			r := s.toThree("kor")
			if !manual {
				automatic(r)
			}
			create(t, r)
			if manual {
				approve(t, r)
			}
			stop.do(t, func() { s.renew(t, 10) })
			if manual {
				now := wantTrouble(t, r, v1alpha1.PhasePlanned, v1alpha1.ConditionApproved, "False", v1alpha1.ReasonApprovalMismatch, "read the plan")
				if now.Status.Plan.Revision != 2 || now.Spec.Approved == now.Status.Plan.Hash || now.Status.Approval != nil {
					t.Errorf("plan %+v", now.Status.Plan)
				}
				return
			}
			now := wantPhase(t, r, v1alpha1.PhaseFailed)
			if o := now.Status.Outcome; o.Reason != v1alpha1.ReasonTopicChanged || mentions(o.Message, "nothing was committed", "orders") != nil || now.Status.Intent != nil {
				t.Errorf("outcome %+v, intent %+v", o, now.Status.Intent)
			}
			s.wantNew(t, "[0 1 2 3 4 5 6 7 8 9]", 10)
		})
	}
}

// TestResetFaultTopicRenewedAtCommit (A9): what was committed to the new topic in
// the moment in which nobody could know is deleted again, and so it ends. That it
// is going to be deleted is stored before.
func TestResetFaultTopicRenewedAtCommit(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before commit", "after commit", "in Verifying"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			stop := s.moments.stopAt(point)
			r := s.toThree("kor", automatic)
			create(t, r)
			deletes := s.moments.stopAt("before delete")
			stop.do(t, func() { s.renew(t, 5) })
			if point != "in Verifying" { // where Kafka has deleted all commits with the topic
				deletes.do(t, func() {
					if now, err := resetNow(r); err != nil || fmt.Sprint(now.Status.Intent.Lost) != "[orders]" {
						t.Errorf("intent %+v before the commits are deleted: %v", now.Status.Intent, err)
					}
				})
			}
			now := wantPhase(t, r, v1alpha1.PhaseFailed)
			if o := now.Status.Outcome; o.Reason != v1alpha1.ReasonTopicChanged || mentions(o.Message, "created anew", "orders") != nil {
				t.Errorf("outcome %+v", o)
			}
			s.wantNew(t, "[0 1 2 3 4]", 5)
		})
	}
}

// TestResetFaultPartitionsAdded: partitions that were added since the plan are left
// as they are, and named.
func TestResetFaultPartitionsAdded(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	stop := s.moments.stopAt("in Rechecking")
	r := reset(s.g, "kor", toEarliest(), automatic)
	create(t, r)
	stop.do(t, func() { s.b.grow(t, "orders", 5) })
	now := wantPhase(t, r, v1alpha1.PhaseSucceeded)
	if err := mentions(fmt.Sprint(now.Status.Plan.Notes), "added since the plan, and not written: orders-4"); err != nil {
		t.Error(err)
	}
	starts := s.workers.startsSoFar()
	if start := starts[len(starts)-1]; len(start) != 4 || offsetsAre(start, 0, -1) != nil {
		t.Errorf("workers began at %v, want 0 on the four that were planned", start)
	}
}

// TestResetFaultRetention (A8): the log start has moved past the target between
// plan and commit. Fail ends the reset, Clamp takes the log start, earliest follows it.
func TestResetFaultRetention(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	clamp := func(r *v1alpha1.KafkaOffsetReset) { r.Spec.OnOutOfRange = v1alpha1.OutOfRangeClamp }
	begin := func(name string, target v1alpha1.ResetTarget, start int64, mods ...func(*v1alpha1.KafkaOffsetReset)) *v1alpha1.KafkaOffsetReset {
		stop := s.moments.stopAt("in Rechecking")
		r := reset(s.g, name, target, append(mods, automatic)...)
		create(t, r)
		stop.do(t, func() { s.b.deleteRecords(t, "orders", map[int32]int64{0: start}) })
		return r
	}
	r := begin("fail", allTo(3)("orders", 4), 4)
	s.wantOld(t, r, v1alpha1.PhaseFailed, v1alpha1.ReasonTargetRefused, "nothing was committed", "orders-0", "3")

	for name, r := range map[string]*v1alpha1.KafkaOffsetReset{
		"clamp":    begin("clamp", allTo(4)("orders", 4), 5, clamp),
		"earliest": nil,
	} {
		want := int64(5)
		if r == nil {
			r, want = begin(name, toEarliest(), 6), 6
		}
		now := wantPhase(t, r, v1alpha1.PhaseSucceeded)
		for _, w := range now.Status.Intent.Offsets.Items {
			if w.Partition == 0 && *w.Offset != want {
				t.Errorf("%s: %v was committed, want %d", name, *w.Offset, want)
			}
		}
		if err := mentions(fmt.Sprint(now.Status.Plan.Notes), "orders-0", "since the plan"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.settle(t)
	}
}

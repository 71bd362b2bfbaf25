package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// endedOffsets has a name for the deletion of a group.
type endedOffsets struct {
	controllers.Offsets
	x *executioner
}

func (e endedOffsets) DeleteGroup(ctx context.Context, c kafkaadmin.Connection, clusterID, groupID string) error {
	return e.x.write("delete group", func() error { return e.Offsets.DeleteGroup(ctx, c, clusterID, groupID) })
}

// TestOffsetsKills: the manager is killed right before and right after each of its
// writes, and another one goes on: the consumer group goes, and then the object.
func TestOffsetsKills(t *testing.T) {
	t.Parallel()
	killWherever(t, deletedUnder, "1 finalizers", "workers false", "status group, deleting", "delete group", "0 finalizers")
}

// TestOffsetsKillsUnderAReset: the same where a reset has committed, and ends with the
// consumer group.
func TestOffsetsKillsUnderAReset(t *testing.T) {
	t.Parallel()
	killWherever(t, deletedUnderAReset, "reset unfinished true, offsets deleted false", "delete group", "offsets deleted true", "status reset Failed", "0 finalizers")
}

// killWherever kills right before and right after each write of what is done, which has these.
func killWherever(t *testing.T, do func(*testing.T, *executioner), words ...string) {
	t.Helper()
	x := newExecutioner("", false)
	do(t, x)
	names := x.writes()
	if lacks := mentions(strings.Join(names, "; "), words...); lacks != nil {
		t.Fatal(lacks)
	}
	for _, name := range names {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %t", name, after), func(t *testing.T) {
				t.Parallel()
				x := newExecutioner(name, after)
				do(t, x)
				eventually(t, func() error { // after the last write the test may be first
					select {
					case <-x.killed:
						return nil
					default:
						return errors.New("nobody was killed")
					}
				})
			})
		}
	}
}

// deletedUnder has a group live and be deleted; when the manager is killed another one follows.
func deletedUnder(t *testing.T, x *executioner) {
	t.Helper()
	x.begun = true
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3}, kfake.ClusterID("one"))
	followed := x.follow(t, ns)
	b.produce(t, "orders", 10)
	g := group(ns, "killed", b.address(), drainable, deleting, oneWorker)
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	followed(func() error { return workers.committedEverywhere(3, 10) })
	followed(func() error {
		now, err := seen(g)
		if err == nil && (now.Status.ClusterID == "" || len(now.Finalizers) == 0) {
			err = fmt.Errorf("cluster %q, held by %q", now.Status.ClusterID, now.Finalizers)
		}
		return err
	})
	remove(t, g)
	followed(func() error {
		now, err := seen(g)
		if err == nil {
			return fmt.Errorf("still there: %q, %q", now.Finalizers, eventNotes(t, g))
		}
		return nil
	})
	if n := b.commits(t, "killed"); n > 0 {
		t.Errorf("%d commits are left; %q", n, eventNotes(t, g))
	}
}

// follow starts a manager that may be killed, and returns a wait in which another one
// follows it then.
func (x *executioner) follow(t *testing.T, ns string) (followed func(check func() error)) {
	t.Helper()
	stop := startManager(t, managerOptions{wrap: x.client, offsets: func(o controllers.Offsets) controllers.Offsets { return endedOffsets{o, x} }}, ns)
	killed := x.killed
	return func(check func() error) {
		t.Helper()
		eventually(t, func() error {
			select {
			case <-killed:
				killed = nil
				stop()
				startManager(t, managerOptions{}, ns)
			default:
			}
			return check()
		})
	}
}

// deletedUnderAReset has a group be deleted that a reset holds at zero, which has committed.
func deletedUnderAReset(t *testing.T, x *executioner) {
	t.Helper()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3}, kfake.ClusterID("one"))
	stop := startManager(t, managerOptions{}, ns)
	b.produce(t, "orders", 10)
	g := group(ns, "killed", b.address(), drainable, deleting, oneWorker)
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	eventually(t, func() error { return workers.committedEverywhere(3, 10) })
	r := reset(g, "kor", allTo(3)("orders", 3), automatic, func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Resume = new(bool) })
	create(t, r)
	wantTrouble(t, r, v1alpha1.PhaseVerifying, v1alpha1.ConditionVerified, "False", v1alpha1.ReasonResumeHeld)
	stop()
	x.begun = true
	followed := x.follow(t, ns)
	remove(t, g)
	followed(func() error {
		if now, err := seen(g); err == nil {
			return fmt.Errorf("still there: %q, %+v", now.Finalizers, now.Status.Conditions)
		}
		now, err := resetNow(r)
		if err == nil && (now.Status.Phase != v1alpha1.PhaseFailed || now.Status.Outcome.Reason != v1alpha1.ReasonOffsetsDeleted || len(now.Finalizers) > 0) {
			err = fmt.Errorf("%s: %s; held by %q", now.Status.Phase, now.Status.Message, now.Finalizers)
		}
		return err
	})
	if n := b.commits(t, "killed"); n > 0 {
		t.Errorf("%d commits are left; %q", n, eventNotes(t, g))
	}
}

// TestOffsetsUnderAReset: a reset is in the middle of its commits. Nothing is
// deleted before it has noticed: what it commits would be there again.
func TestOffsetsUnderAReset(t *testing.T) {
	t.Parallel()
	s := newStand(t, deleting)
	stop := s.moments.stopAt("before commit")
	r := s.toThree("kor", automatic)
	create(t, r)
	stop.do(t, func() {
		remove(t, s.g)
		wantStatus(t, s.g, func(now v1alpha1.KafkaConsumerGroupStatus) error {
			if now.ActiveReset != nil || now.UnfinishedReset == nil || now.UnfinishedReset.Name != "kor" {
				return fmt.Errorf("active %+v, unfinished %+v", now.ActiveReset, now.UnfinishedReset)
			}
			return nil
		})
		s.b.cycles(t, 20)
		if n := s.b.commits(t, "moved"); n != 4 {
			t.Errorf("%d commits are left while a reset is writing, want 4", n)
		}
	})
	wantDeleted(t, s.g, s.b)
	wantEvent(t, s.g, "Normal", "OffsetsDeleted", "of 4 partitions in 1 topics")
	if starts := s.workers.startsSoFar(); len(starts) != s.starts {
		t.Errorf("workers began at %v after the reset had stopped them", starts[s.starts:])
	}
	remove(t, r.DeepCopy())
}

// TestOffsetsUnderALostTable: a reset that waits for a table to come back notices all
// the same that its group is being deleted.
func TestOffsetsUnderALostTable(t *testing.T) {
	t.Parallel()
	for at, phase := range map[string]v1alpha1.ResetPhase{"in Committing": v1alpha1.PhaseCommitting, "after commit": v1alpha1.PhaseVerifying} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s := standOn(t, startBroker(t, map[string]int32{"orders": 301}), 0, deleting)
			r := reset(s.g, "kor", allTo(3)("orders", 301))
			create(t, r)
			wantPhase(t, r, v1alpha1.PhasePlanned)
			stop := s.moments.stopAt(at)
			approve(t, r)
			stop.do(t, func() { remove(t, table(t, r, "writes")) })
			wantStalled(t, r, phase, v1alpha1.ReasonTablesLost, "kor-writes")
			remove(t, s.g)
			wantDeleted(t, s.g, s.b)
			wantEvent(t, s.g, "Normal", "OffsetsDeleted", "of 301 partitions in 1 topics")
		})
	}
}

// TestOffsetsOfAHalfReset: what a reset could not complete is a mixture, of which
// nothing is left.
func TestOffsetsOfAHalfReset(t *testing.T) {
	t.Parallel()
	h := halfCommitted(t, 4)
	change(t, h.g, deleting)
	wantHeld(t, h.g, true)
	remove(t, h.g)
	wantGone(t, h.g)
	if committed, err := committedOf(t.Context(), h.workers.servers, h.g.Spec.GroupID); err != nil || len(committed) > 0 {
		t.Errorf("committed %v, %v", committed, err)
	}
	h.wantBegan(t)
}

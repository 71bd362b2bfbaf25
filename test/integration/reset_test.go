package integration

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// drainable makes a group whose workers leave in a moment.
func drainable(g *v1alpha1.KafkaConsumerGroup) {
	g.Spec.Consumer.HeartbeatInterval = v1alpha1.Duration{Duration: 100 * time.Millisecond}
	g.Spec.Consumer.SessionTimeout = v1alpha1.Duration{Duration: 6 * time.Second}
}

// reset is a KafkaOffsetReset of the group that verifies for a moment only.
func reset(g *v1alpha1.KafkaConsumerGroup, name string, target v1alpha1.ResetTarget, mods ...func(*v1alpha1.KafkaOffsetReset)) *v1alpha1.KafkaOffsetReset {
	r := &v1alpha1.KafkaOffsetReset{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: name},
		Spec: v1alpha1.KafkaOffsetResetSpec{
			GroupRef: v1alpha1.GroupReference{Name: v1alpha1.ObjectName(g.Name)}, Target: target,
			VerifyFor: v1alpha1.Duration{Duration: 100 * time.Millisecond},
		},
	}
	for _, mod := range mods {
		mod(r)
	}
	return r
}

func toEarliest() v1alpha1.ResetTarget {
	return v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}}
}

// resetNow reads the reset again.
func resetNow(r *v1alpha1.KafkaOffsetReset) (*v1alpha1.KafkaOffsetReset, error) {
	var now v1alpha1.KafkaOffsetReset
	err := kube.Get(context.Background(), client.ObjectKeyFromObject(r), &now)
	return &now, err
}

// wantPhase waits for a phase. A reset that has ended otherwise is not waited for.
func wantPhase(t *testing.T, r *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	var found *v1alpha1.KafkaOffsetReset
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		if now.Status.Phase.Finished() && now.Status.Phase != phase {
			t.Fatalf("%s: %s, want %s", now.Status.Phase, now.Status.Message, phase)
		}
		if found = now; now.Status.Phase != phase {
			g, _ := seen(&v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: string(r.Spec.GroupRef.Name)}})
			return fmt.Errorf("phase %s (%s; %+v), want %s; the group's reset %+v, %+v, members %+v",
				now.Status.Phase, now.Status.Message, now.Status.Draining, phase, g.Status.ActiveReset, g.Status.Scaling, g.Status.Group)
		}
		return nil
	})
	return found
}

// approve writes the plan's hash into the spec.
func approve(t *testing.T, r *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	eventually(t, func() error {
		now, err := resetNow(r)
		if err != nil {
			return err
		}
		if now.Status.Plan == nil {
			return fmt.Errorf("no plan: %s %s", now.Status.Phase, now.Status.Message)
		}
		before := now.DeepCopy()
		now.Spec.Approved = now.Status.Plan.Hash
		return kube.Patch(context.Background(), now, client.MergeFrom(before))
	})
}

// working starts a group with its workers, which have handled n messages of each
// of the partitions.
func working(t *testing.T, ns, name string, b *broker, n int) (*v1alpha1.KafkaConsumerGroup, *crew) {
	t.Helper()
	g := group(ns, name, b.address(), drainable)
	b.produce(t, "orders", n)
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	workers.wantCommitted(t, int64(n))
	return g, workers
}

// TestResetAndRollback: a plan touches nothing; the approved plan runs and the
// workers handle again exactly what was planned; a rollback brings back offsets.
func TestResetAndRollback(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, workers := working(t, ns, "replayed", b, 10)
	workers.handledOf()

	r := reset(g, "to-start", toEarliest())
	create(t, r)
	planned := wantPhase(t, r, v1alpha1.PhasePlanned)
	if plan := planned.Status.Plan; plan.Moved != 4 || plan.Distance != -40 || len(plan.Rows.Items) != 4 {
		t.Errorf("plan %+v", plan)
	}
	approve(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	workers.wantCommitted(t, 10)
	for p, offsets := range workers.handledOf() {
		if fmt.Sprint(offsets) != "[0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("%v was handled again at %v, want 0 to 9 once each", p, offsets)
		}
	}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ActiveReset != nil || len(s.Resets) != 1 || s.Resets[0].Name != "to-start" || s.Resets[0].Outcome != v1alpha1.PhaseSucceeded || !s.Resets[0].Committed {
			return fmt.Errorf("active %+v, resets %+v", s.ActiveReset, s.Resets)
		}
		return nil
	})
	eventually(t, func() error {
		now, err := resetNow(r)
		if err == nil && (now.Status.Replay == nil || now.Status.Replay.Percent != 100) {
			err = fmt.Errorf("replay %+v", now.Status.Replay)
		}
		return err
	})

	back := reset(g, "back", v1alpha1.ResetTarget{RollbackOf: "to-start"})
	create(t, back)
	wantPhase(t, back, v1alpha1.PhasePlanned)
	approve(t, back)
	wantPhase(t, back, v1alpha1.PhaseSucceeded)
	starts := workers.startsSoFar()
	if want := map[kafka.TopicPartition]int64{{Topic: "orders", Partition: 0}: 10, {Topic: "orders", Partition: 1}: 10, {Topic: "orders", Partition: 2}: 10, {Topic: "orders", Partition: 3}: 10}; fmt.Sprint(starts[len(starts)-1]) != fmt.Sprint(want) {
		t.Errorf("the workers began at %v after the rollback, want %v", starts[len(starts)-1], want)
	}
}

// TestUnapprovedPlanTouchesNothing: the group keeps its members, its generation
// and its commits while a plan waits.
func TestUnapprovedPlanTouchesNothing(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 4})
	startManager(t, managerOptions{}, ns)
	g, workers := working(t, ns, "untouched", b, 10)
	eventually(t, func() error {
		if info := b.GroupInfo("untouched"); info == nil || info.State != "Stable" {
			return errors.New("not stable")
		}
		return nil
	})
	var writes []*atomic.Int64
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.LeaveGroup, kmsg.OffsetCommit, kmsg.OffsetDelete} {
		writes = append(writes, b.count(key, func(kmsg.Request) bool { return true }))
	}
	r := reset(g, "waits", toEarliest())
	create(t, r)
	planned := wantPhase(t, r, v1alpha1.PhasePlanned)
	b.cycles(t, 10)
	for i, n := range writes {
		if n.Load() != 0 {
			t.Errorf("%d requests of kind %d to the group", n.Load(), i)
		}
	}
	workers.wantCommitted(t, 10)
	for _, c := range planned.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady && c.Status != metav1.ConditionTrue {
			t.Errorf("Ready is %s: %s", c.Status, c.Message)
		}
	}
}

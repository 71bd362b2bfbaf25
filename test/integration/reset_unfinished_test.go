package integration

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// halfOffsets takes commits of the first partition, and no others until whole is set.
type halfOffsets struct {
	controllers.Offsets
	whole *atomic.Bool
}

func (h halfOffsets) Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error {
	if commits[0].Partition > 0 && !h.whole.Load() {
		return fmt.Errorf("a broker that is away: %w", kafka.ErrUnreachable)
	}
	return h.Offsets.Commit(ctx, c, groupID, commits)
}

// laterClock is ahead of the real one by what was added.
type laterClock struct {
	clock.PassiveClock
	ahead *atomic.Int64
}

func (l laterClock) Now() time.Time                  { return time.Now().Add(time.Duration(l.ahead.Load())) }
func (l laterClock) Since(t time.Time) time.Duration { return l.Now().Sub(t) }

// half is a group of which a reset has committed one half, and can't go on.
type half struct {
	g       *v1alpha1.KafkaConsumerGroup
	r       *v1alpha1.KafkaOffsetReset
	workers *crew
	whole   *atomic.Bool
	ahead   *atomic.Int64
}

func halfCommitted(t *testing.T, partitions int32, planned ...func(half) *v1alpha1.KafkaOffsetReset) half {
	t.Helper()
	h := half{whole: &atomic.Bool{}, ahead: &atomic.Int64{}}
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": partitions})
	limit := int32(150)
	if partitions > 4 {
		limit = 16 << 10
	}
	startManager(t, managerOptions{
		commitLimit: limit, clock: laterClock{ahead: h.ahead},
		offsets: func(o controllers.Offsets) controllers.Offsets { return halfOffsets{o, h.whole} },
	}, ns)
	h.g = group(ns, "halved", b.address(), drainable, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.LagTarget.MessagesPerReplica = 100_000 })
	b.produce(t, "orders", 10)
	create(t, h.g)
	h.workers = playCrew(t, h.g, b.ListenAddrs())
	eventually(t, func() error { return h.workers.committedEverywhere(partitions, 10) })
	for _, other := range planned {
		r := other(h)
		create(t, r)
		wantPhase(t, r, v1alpha1.PhasePlanned)
	}
	h.r = reset(h.g, "half", allTo(3)("orders", partitions))
	create(t, h.r)
	approve(t, h.r)
	eventually(t, func() error {
		now, err := resetNow(h.r)
		if err == nil && (now.Status.Intent == nil || now.Status.Intent.Begun < 2) {
			err = fmt.Errorf("phase %s: %s", now.Status.Phase, now.Status.Message)
		}
		return err
	})
	return h
}

// wantUnfinished waits until the group says what is left, and is at zero for it.
func (h half) wantUnfinished(t *testing.T) v1alpha1.UnfinishedReset {
	t.Helper()
	wantCondition(t, h.g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOffsetResetUnfinished)
	now, err := seen(h.g)
	if err != nil {
		t.Fatal(err)
	}
	wantReplicas(t, h.g, 0)
	wantGone(t, h.r)
	return *now.Status.UnfinishedReset
}

// wantBegan: the workers began only at what was committed before, or at what is now.
func (h half) wantBegan(t *testing.T, offsets ...int64) {
	t.Helper()
	for _, start := range h.workers.startsSoFar()[1:] {
		fits := false
		for _, at := range offsets {
			fits = fits || offsetsAre(start, at, -1) == nil
		}
		if !fits {
			t.Errorf("workers began at %v, want all at one of %v", start, offsets)
		}
	}
}

// TestDeletedInTheMiddleIsTakenOver: a reset that is deleted and can't complete its
// commits leaves them to the group, which has no workers until a rollback.
func TestDeletedInTheMiddleIsTakenOver(t *testing.T) {
	t.Parallel()
	for name, partitions := range map[string]int32{"InStatus": 4, "InConfigMaps": 301} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := halfCommitted(t, partitions)
			remove(t, h.r)
			eventually(t, func() error {
				now, err := resetNow(h.r)
				if err == nil && now.DeletionTimestamp.IsZero() {
					err = errors.New("not deleted")
				}
				return err
			})
			h.ahead.Store(int64(11 * time.Minute))
			left := h.wantUnfinished(t)
			h.ahead.Store(0)
			if left.Name != "half" || left.Snapshot == nil || left.Writes == nil || left.Snapshot.Count != partitions {
				t.Errorf("left unfinished: %+v", left)
			}
			for _, name := range left.Snapshot.ConfigMaps {
				wantOwnedByGroup(t, h.g, name)
			}
			h.whole.Store(true)
			back := reset(h.g, "back", v1alpha1.ResetTarget{RollbackOf: "half"})
			create(t, back)
			approve(t, back)
			wantPhase(t, back, v1alpha1.PhaseSucceeded)
			eventually(t, func() error { return h.workers.committedIs(10, -1) })
			wantCondition(t, h.g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
			h.wantBegan(t, 10)
		})
	}
}

func wantOwnedByGroup(t *testing.T, g *v1alpha1.KafkaConsumerGroup, name string) {
	t.Helper()
	var configMap corev1.ConfigMap
	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: g.Namespace, Name: name}, &configMap); err != nil {
		t.Fatal(err)
	}
	for _, owner := range configMap.OwnerReferences {
		if owner.Kind == "KafkaConsumerGroup" && owner.Name == g.Name {
			return
		}
	}
	t.Errorf("ConfigMap %s has the owners %+v", name, configMap.OwnerReferences)
}

// TestRemovedByForceInTheMiddle: a reset whose finalizer somebody takes away leaves
// a group without workers, until another reset writes all of its partitions.
func TestRemovedByForceInTheMiddle(t *testing.T) {
	t.Parallel()
	h := halfCommitted(t, 4)
	remove(t, h.r)
	eventually(t, func() error {
		now, err := resetNow(h.r)
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		before := now.DeepCopy()
		now.Finalizers = nil
		return kube.Patch(t.Context(), now, client.MergeFrom(before))
	})
	if left := h.wantUnfinished(t); left.Snapshot != nil || left.Writes != nil {
		t.Errorf("left unfinished: %+v", left)
	}
	h.whole.Store(true)
	part := reset(h.g, "part", allTo(5)("orders", 3))
	create(t, part)
	refused := wantPhase(t, part, v1alpha1.PhaseFailed)
	if lacks := mentions(refused.Status.Message, `"half"`); lacks != nil {
		t.Error(lacks)
	}
	all := reset(h.g, "all", toEarliest())
	create(t, all)
	approve(t, all)
	wantPhase(t, all, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return h.workers.committedIs(10, -1) })
	wantCondition(t, h.g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
	h.wantBegan(t, 10, 0)
}

// TestUnfinishedIsNoGroundForOtherPlans: a plan that was made before, and would
// leave a part of the mixture or be counted from it, does not run, and the group
// stays without workers.
func TestUnfinishedIsNoGroundForOtherPlans(t *testing.T) {
	t.Parallel()
	part := func(h half) *v1alpha1.KafkaOffsetReset { return reset(h.g, "part", allTo(5)("orders", 1)) }
	shift := func(h half) *v1alpha1.KafkaOffsetReset {
		return reset(h.g, "shift", v1alpha1.ResetTarget{ShiftBy: new(int64(-1))})
	}
	h := halfCommitted(t, 4, part, shift)
	remove(t, h.r)
	h.ahead.Store(int64(11 * time.Minute))
	h.wantUnfinished(t)
	h.ahead.Store(0)
	h.whole.Store(true)
	for _, other := range []*v1alpha1.KafkaOffsetReset{part(h), shift(h)} {
		approve(t, other)
		failed := wantPhase(t, other, v1alpha1.PhaseFailed)
		if lacks := mentions(failed.Status.Message, `"half"`); lacks != nil || failed.Status.Intent != nil {
			t.Errorf("%s: %v, intent %+v", other.Name, lacks, failed.Status.Intent)
		}
		h.wantUnfinished(t)
	}
	h.wantBegan(t)
}

package integration

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestWorkersWaitForKept: while what expired can't be committed again no worker
// starts, however long that takes; what needs somebody says so.
func TestWorkersWaitForKept(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind            error
		condition       string
		reason, message string
	}{
		"Passing": {kafka.ErrUnavailable, v1alpha1.ConditionReconciling, v1alpha1.ReasonRestoringOffsets, "2 that were kept"},
		"Lasting": {kafka.ErrUnauthorized, v1alpha1.ConditionStalled, v1alpha1.ReasonOffsetsNotRestored, "KafkaOffsetReset of all partitions"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, ahead, refused := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &atomic.Int64{}, &restoring{}
			startManager(t, managerOptions{clock: laterClock{ahead: ahead}, settings: slowSamples(), offsets: refused.wrap}, ns)
			g, workers := stoppedGroup(t, ns, "waiting", b, 2)
			refused.with.Store(&tc.kind)
			expire(t, b, "waiting")
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
				if s.RestoredOffsets == nil || len(s.Warnings) == 0 {
					return fmt.Errorf("restored %+v, warnings %q", s.RestoredOffsets, s.Warnings)
				}
				return mentions(s.RestoredOffsets.Failed, tc.kind.Error())
			})
			unpause(t, g)
			waits := wantCondition(t, g, tc.condition, metav1.ConditionTrue, tc.reason)
			if lacks := mentions(waits.Message, tc.message, tc.kind.Error()); lacks != nil {
				t.Error(lacks)
			}
			ahead.Store(int64(time.Hour))
			b.produce(t, "orders", 5)
			b.cycles(t, 10)
			wantReplicas(t, g, 0)
			refused.with.Store(nil)
			workers.wantExactly(t, 2, "[10 11 12 13 14]")
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
				if s.KeptOffsets != nil || s.RestoredOffsets == nil || s.RestoredOffsets.Failed != "" {
					return fmt.Errorf("kept %+v, restored %+v", s.KeptOffsets, s.RestoredOffsets)
				}
				return nil
			})
		})
	}
}

// TestKeptWaitsForKafka: with no broker to be asked it isn't known whether the
// offsets are there. Workers wait when they may have expired, and else don't.
func TestKeptWaitsForKafka(t *testing.T) {
	t.Parallel()
	for name, may := range map[string]bool{"MayHaveExpired": true, "CanNotHave": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, ago := namespace(t), startBroker(t, map[string]int32{"orders": 2}), time.Hour
			stop := startManager(t, managerOptions{}, ns)
			g := group(ns, "blind", b.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 1 })
			create(t, g)
			wantReplicas(t, g, 1)
			change(t, g, toZero)
			b.commit(t, "blind", "orders", 7)
			wantKept(t, g, 2)
			stop()
			b.Close()
			if may {
				ago = 8 * 24 * time.Hour
			}
			setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) {
				s.KeptOffsets.CountedFrom = new(metav1.NewTime(time.Now().Add(-ago)))
			})
			unpause(t, g)
			startManager(t, managerOptions{}, ns)
			if !may {
				wantReplicas(t, g, 1)
				return
			}
			waits := wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRestoringOffsets)
			if lacks := mentions(waits.Message, "can't be seen"); lacks != nil {
				t.Error(lacks)
			}
			wantReplicas(t, g, 0)
		})
	}
}

// TestResetInsteadOfKept: where the offsets can't be restored, a reset that says
// where the group goes on is not held up, and what was kept is not used after it.
func TestResetInsteadOfKept(t *testing.T) {
	t.Parallel()
	ns, b, refused := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &restoring{}
	startManager(t, managerOptions{offsets: refused.wrap}, ns)
	g, workers := stoppedGroup(t, ns, "instead", b, 2)
	b.produce(t, "orders", 5)
	refused.with.Store(&kafka.ErrUnauthorized)
	expire(t, b, "instead")
	wantNotRestored(t, g)
	unpause(t, g)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOffsetsNotRestored)
	tries := refused.commits.Load()

	r := reset(g, "onwards", v1alpha1.ResetTarget{Offsets: []v1alpha1.PartitionOffset{
		{Topic: "orders", Partition: 0, Offset: 12}, {Topic: "orders", Partition: 1, Offset: 12},
	}})
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	approve(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	workers.wantExactly(t, 2, "[12 13 14]")
	wantNothingKept(t, g)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.RestoredOffsets != nil || len(s.Warnings) > 0 {
			return fmt.Errorf("restored %+v, warnings %q", s.RestoredOffsets, s.Warnings)
		}
		return nil
	})
	if tries == 0 {
		t.Error("nothing was tried to be restored before")
	}
}

// wantNotRestored waits until it was tried to make the commits again.
func wantNotRestored(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.RestoredOffsets == nil || s.RestoredOffsets.Failed == "" {
			return fmt.Errorf("restored: %+v", s.RestoredOffsets)
		}
		return nil
	})
}

// TestResetOfAPartOfKept: what a reset does not write is restored when it has
// ended and before workers start; a commit that it deleted is not.
func TestResetOfAPartOfKept(t *testing.T) {
	t.Parallel()
	ns, b, refused := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &restoring{}
	startManager(t, managerOptions{offsets: refused.wrap}, ns)
	g, workers := stoppedGroup(t, ns, "partly", b, 2)
	b.produce(t, "orders", 5)
	refused.with.Store(&kafka.ErrUnauthorized)
	expire(t, b, "partly")
	wantNotRestored(t, g)
	unpause(t, g)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOffsetsNotRestored)
	r := reset(g, "half", v1alpha1.ResetTarget{Offsets: []v1alpha1.PartitionOffset{{Topic: "orders", Partition: 0, Offset: 12}}})
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	approve(t, r)
	wantPhase(t, r, v1alpha1.PhaseResuming)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOffsetsNotRestored)
	wantReplicas(t, g, 0)
	refused.with.Store(nil)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return workers.committedEverywhere(2, 15) })
	handled := workers.handledOf()
	if got := fmt.Sprint(handled[kafka.TopicPartition{Topic: "orders"}], handled[kafka.TopicPartition{Topic: "orders", Partition: 1}]); got != "[12 13 14] [10 11 12 13 14]" {
		t.Errorf("handled %s", got)
	}
}

// TestKeptFence: somebody who joins in the last moment is left alone, and workers
// wait until he has left.
func TestKeptFence(t *testing.T) {
	t.Parallel()
	ns, b, x := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &restoring{}
	startManager(t, managerOptions{offsets: x.wrap}, ns)
	g, workers := stoppedGroup(t, ns, "fenced", b, 2)
	leave := make(chan func(), 1)
	var once atomic.Bool
	x.before.Store(new(func() {
		if once.CompareAndSwap(false, true) {
			leave <- join(t, b, "fenced").Close
		}
	}))
	b.produce(t, "orders", 5)
	expire(t, b, "fenced")
	var end func()
	select {
	case end = <-leave:
	case <-time.After(40 * time.Second):
		t.Fatal("nothing was tried")
	}
	unpause(t, g)
	waits := wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRestoringOffsets)
	if lacks := mentions(waits.Message, "the group has members"); lacks != nil {
		t.Error(lacks)
	}
	wantReplicas(t, g, 0)
	end()
	workers.wantExactly(t, 2, "[10 11 12 13 14]")
}

// TestKeptReadsBack: a commit whose answer is lost was made, or not: it is read.
func TestKeptReadsBack(t *testing.T) {
	t.Parallel()
	for name, done := range map[string]bool{"Done": true, "NotDone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, x := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), &restoring{}
			startManager(t, managerOptions{offsets: x.wrap}, ns)
			g, workers := stoppedGroup(t, ns, "unsaid", b, 2)
			x.done.Store(done)
			x.with.Store(&kafka.ErrUncertain)
			expire(t, b, "unsaid")
			if !done {
				wantNotRestored(t, g)
				return
			}
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
				if s.RestoredOffsets == nil || s.RestoredOffsets.Failed != "" || s.RestoredOffsets.Partitions != 2 {
					return fmt.Errorf("restored %+v", s.RestoredOffsets)
				}
				return nil
			})
			if err := workers.committedEverywhere(2, 10); err != nil || x.commits.Load() != 1 {
				t.Errorf("%v, %d commits", err, x.commits.Load())
			}
		})
	}
}

// TestKeptWhenKilled: a manager that is killed right before or after the commit
// leaves the rest to the next one, which starts no worker before it is done.
func TestKeptWhenKilled(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"Before": false, "After": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b, x := namespace(t), startBroker(t, map[string]int32{"orders": 2}, shortRetention()), newExecutioner("commit first request", after)
			x.begun = true
			stop := startManager(t, managerOptions{wrap: x.client, offsets: x.offsets}, ns)
			g, workers := stoppedGroup(t, ns, "killed", b, 2)
			b.produce(t, "orders", 5)
			expire(t, b, "killed")
			select {
			case <-x.killed:
			case <-time.After(40 * time.Second):
				t.Fatal("nothing was committed")
			}
			stop()
			unpause(t, g)
			startManager(t, managerOptions{}, ns)
			workers.wantExactly(t, 2, "[10 11 12 13 14]")
		})
	}
}

// TestKeptTableLost: what was kept beside the status is gone as well: only a
// person can say where the group goes on, and no worker starts before.
func TestKeptTableLost(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 301}, shortRetention())
	stop := startManager(t, managerOptions{}, ns)
	g, workers := working(t, ns, "lost", b, 1)
	change(t, g, toZero)
	kept := wantKept(t, g, 301)
	stop()
	configMap := configMapNamed(t, g, kept.Offsets.ConfigMaps[0])
	if err := kube.Delete(t.Context(), configMap); err != nil {
		t.Fatal(err)
	}
	expire(t, b, "lost")
	b.produce(t, "orders", 1)
	unpause(t, g)
	startManager(t, managerOptions{}, ns)
	waits := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOffsetsNotRestored)
	if lacks := mentions(waits.Message, "does not exist", "KafkaOffsetReset"); lacks != nil {
		t.Error(lacks)
	}
	wantReplicas(t, g, 0)
	before := len(workers.startsSoFar())
	r := reset(g, "from-start", toEarliest())
	create(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	approve(t, r)
	wantPhase(t, r, v1alpha1.PhaseSucceeded)
	eventually(t, func() error { return workers.committedEverywhere(301, 2) })
	for _, start := range workers.startsSoFar()[before:] {
		if len(start) != 301 {
			t.Errorf("workers started with %d commits", len(start))
		}
	}
}

func configMapNamed(t *testing.T, g *v1alpha1.KafkaConsumerGroup, name string) client.Object {
	t.Helper()
	var found corev1.ConfigMap
	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: g.Namespace, Name: name}, &found); err != nil {
		t.Fatal(err)
	}
	return &found
}

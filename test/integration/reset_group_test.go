package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// The tests of this file play the controller of resets: they write the status of
// KafkaOffsetResets, and look at what the group's controller does.

// TestResetStopsEveryMode: whatever else decides the count, a reset has none, and
// afterwards it goes on from where it was.
func TestResetStopsEveryMode(t *testing.T) {
	t.Parallel()
	more := func(t *testing.T, _ *v1alpha1.KafkaConsumerGroup, k *broker) { k.produce(t, "orders", 1000) }
	nothing := func(*testing.T, *v1alpha1.KafkaConsumerGroup, *broker) {}
	cases := map[string]struct {
		reason string
		mode   func(*v1alpha1.KafkaConsumerGroup)
		before int32
		during func(*testing.T, *v1alpha1.KafkaConsumerGroup, *broker)
		after  int32
	}{
		"Auto":         {"lag wants twelve, now and afterwards", func(*v1alpha1.KafkaConsumerGroup) {}, 3, more, 12},
		"MinReplicas":  {"a minimum is for a group that works", func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 6 }, 6, nothing, 6},
		"Manual":       {"the number set by hand returns", func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.Mode, g.Spec.Replicas = v1alpha1.ScalingManual, 5 }, 5, more, 5},
		"HoldReplicas": {"the pause holds what was there before, not the zero", func(*v1alpha1.KafkaConsumerGroup) {}, 3, more, 3},
		"ScaleToZero":  {"a pause that stopped the workers goes on", pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}), 0, more, 0},
		"LagUnknown": {"unknown is no reason to start workers, and afterwards none to start fewer", func(*v1alpha1.KafkaConsumerGroup) {}, 3, func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker) {
			change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Topics = append(g.Spec.Topics, "nope") })
		}, 3},
		"BrokerAway": {"nothing at all is known", func(*v1alpha1.KafkaConsumerGroup) {}, 3, func(_ *testing.T, _ *v1alpha1.KafkaConsumerGroup, k *broker) { k.Close() }, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka, other := namespace(t), startBroker(t, map[string]int32{"orders": 12}), startBroker(t, map[string]int32{"orders": 1})
			startManager(t, played(), ns)
			kafka.produce(t, "orders", 25)
			g := group(ns, "stopped", kafka.address(), tc.mode)
			create(t, g)
			create(t, group(ns, "clock", other.address()))
			wantReplicas(t, g, tc.before)
			play(t, g, allAvailable)
			wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
			if name == "HoldReplicas" {
				change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseHoldReplicas}))
				wantCondition(t, g, v1alpha1.ConditionPaused, metav1.ConditionTrue, "HoldReplicas")
			}
			reset := playedReset(t, g, "replay")
			playApproval(t, reset, time.Now())
			if active := wantActive(t, g, reset); active.Replicas != tc.before || active.SpecHash != "hash-of-replay" {
				t.Errorf("%s: %+v, want %d workers before", tc.reason, active, tc.before)
			}
			wantReplicas(t, g, 0)
			playPhase(t, reset, v1alpha1.PhaseDraining)
			play(t, g, allAvailable)
			wantStopped(t, g)
			counts := countsOf(t, g)
			tc.during(t, g, kafka)
			playPhase(t, reset, v1alpha1.PhaseCommitting)
			other.cycles(t, 10)
			wantReason(t, g, "OffsetReset")
			wantReplicas(t, g, 0)
			if got := counts(); slices.Max(append(got, 0)) != 0 {
				t.Errorf("%s: counts %v while the reset had the group, want none but 0", tc.reason, got)
			}
			playResume(t, reset, v1alpha1.PhaseSucceeded)
			wantReplicas(t, g, tc.after)
			wantActive(t, g, nil)
			wantRecord(t, g, reset, v1alpha1.PhaseSucceeded)
		})
	}
}

// TestResetStopped: the workers count as stopped when the last pod is gone, and
// everybody is told of each step; Ready stays True.
func TestResetStopped(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, played(), ns)
	g := threeWorkers(t, ns, "told", kafka)
	worker := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "told-1"}}
	playPod(t, g, worker.Name, ready(metav1.Now()))
	finalize := func(finalizers ...string) {
		t.Helper()
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(worker), worker); err != nil {
			t.Fatal(err)
		}
		worker.Finalizers = finalizers
		if err := kube.Update(context.Background(), worker); err != nil {
			t.Fatal(err)
		}
	}
	finalize("test.lagrange.dev/on-its-way-out")
	reset := playedReset(t, g, "replay")
	playApproval(t, reset, time.Now())
	wantReplicas(t, g, 0)
	going := wantCondition(t, g, v1alpha1.ConditionOffsetResetInProgress, metav1.ConditionTrue, v1alpha1.ReasonResetInProgress)
	if lacks := mentions(going.Message, `"replay"`, "being stopped"); lacks != nil {
		t.Error(lacks)
	}
	wantEvent(t, g, corev1.EventTypeNormal, "OffsetResetStarted", `KafkaOffsetReset "replay" has the group: its workers, 3 before`)
	wantEvent(t, g, corev1.EventTypeNormal, "Scaled", `from 3 to 0: stopped while KafkaOffsetReset "replay"`)
	kafka.cycles(t, 5)
	notStopped(t, g, "the Deployment's controller has not seen the zero")
	play(t, g, allAvailable)
	kafka.cycles(t, 5)
	notStopped(t, g, "a pod runs")
	remove(t, worker)
	kafka.cycles(t, 5)
	notStopped(t, g, "a pod is on its way out")
	finalize()
	wantStopped(t, g)
	now := wantCondition(t, g, v1alpha1.ConditionOffsetResetInProgress, metav1.ConditionTrue, v1alpha1.ReasonResetInProgress)
	if lacks := mentions(now.Message, "are stopped until it has ended"); lacks != nil {
		t.Error(lacks)
	}
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonResetInProgress)
	wantCondition(t, g, v1alpha1.ConditionScalingActive, metav1.ConditionFalse, "OffsetReset")
	playPod(t, g, "told-2", ready(metav1.Now()))
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("stopped", s.ActiveReset.Stopped, false) })
	remove(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "told-2"}})
	wantStopped(t, g)
	playResume(t, reset, v1alpha1.PhaseFailed)
	wantReplicas(t, g, 3)
	wantEvent(t, g, corev1.EventTypeWarning, "OffsetResetEnded", `KafkaOffsetReset "replay" has given the group back, and ends as Failed`)
	ended := wantCondition(t, g, v1alpha1.ConditionOffsetResetInProgress, metav1.ConditionFalse, v1alpha1.ReasonNoReset)
	if lacks := mentions(ended.Message, `the last was "replay": Failed`); lacks != nil {
		t.Error(lacks)
	}
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
}

// TestResetOrder: of several resets the first approved has the group first, of
// two approved at once that with the smaller uid; the next has it with no worker
// started in between, and the last gives back what the first found.
func TestResetOrder(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, played(), ns)
	g := threeWorkers(t, ns, "ordered", kafka)
	stop()
	early := time.Now().Add(-time.Hour)
	last, one, two := playedReset(t, g, "a-last"), playedReset(t, g, "b"), playedReset(t, g, "c")
	plan := playedReset(t, g, "0-plan")
	playApproval(t, last, early.Add(time.Microsecond))
	playApproval(t, one, early)
	playApproval(t, two, early)
	playPhase(t, plan, v1alpha1.PhasePlanned)
	if two.UID < one.UID {
		one, two = two, one
	}
	startManager(t, played(), ns)
	counts := countsOf(t, g)
	for i, reset := range []*v1alpha1.KafkaOffsetReset{one, two, last} {
		if active := wantActive(t, g, reset); active.Replicas != 3 {
			t.Errorf("reset %d found %d workers, want 3", i+1, active.Replicas)
		}
		wantReplicas(t, g, 0)
		playPhase(t, reset, v1alpha1.PhaseVerifying)
		kafka.cycles(t, 3)
		wantActive(t, g, reset)
		playResume(t, reset, v1alpha1.PhaseSucceeded)
	}
	wantActive(t, g, nil)
	wantReplicas(t, g, 3)
	wantRecord(t, g, last, v1alpha1.PhaseSucceeded)
	if got := counts(); !slices.Equal(got, []int32{3, 0, 3}) {
		t.Errorf("counts %v, want 3, 0 and 3: no worker in between", got)
	}
}

// TestResetGivesBack: each way in which a reset may end.
func TestResetGivesBack(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		end     func(t *testing.T, reset *v1alpha1.KafkaOffsetReset)
		outcome v1alpha1.ResetPhase // "" when it has not ended
	}{
		"Resuming":  {"the usual way", func(t *testing.T, r *v1alpha1.KafkaOffsetReset) { playResume(t, r, v1alpha1.PhaseCancelled) }, v1alpha1.PhaseCancelled},
		"Finished":  {"nobody looked while it was resuming", func(t *testing.T, r *v1alpha1.KafkaOffsetReset) { playPhase(t, r, v1alpha1.PhaseSucceeded) }, v1alpha1.PhaseSucceeded},
		"Replanned": {"it drifted, and asks again", func(t *testing.T, r *v1alpha1.KafkaOffsetReset) { playResume(t, r, v1alpha1.PhasePlanning) }, ""},
		"Planned":   {"and nobody looked meanwhile", func(t *testing.T, r *v1alpha1.KafkaOffsetReset) { playPhase(t, r, v1alpha1.PhasePlanned) }, ""},
		"Gone":      {"its finalizer was taken away", func(t *testing.T, r *v1alpha1.KafkaOffsetReset) { remove(t, r) }, v1alpha1.PhaseFailed},
		"Another": {"created anew by a tool, under its name", func(t *testing.T, r *v1alpha1.KafkaOffsetReset) {
			remove(t, r)
			again := r.DeepCopy()
			again.ObjectMeta = metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name}
			create(t, again)
			playPhase(t, again, v1alpha1.PhasePlanned)
		}, v1alpha1.PhaseFailed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			stop := startManager(t, played(), ns)
			g := threeWorkers(t, ns, "back", kafka)
			reset := playedReset(t, g, "replay")
			playApproval(t, reset, time.Now())
			wantReplicas(t, g, 0)
			playPhase(t, reset, v1alpha1.PhaseDraining)
			if name == "Another" { // or the first would be seen gone before there is another
				stop()
			}
			tc.end(t, reset)
			if name == "Another" {
				startManager(t, played(), ns)
			}
			wantReplicas(t, g, 3)
			wantActive(t, g, nil)
			if tc.outcome != "" {
				wantRecord(t, g, reset, tc.outcome)
				return
			}
			wantEvent(t, g, corev1.EventTypeNormal, "OffsetResetEnded", "to plan again")
			if now, err := seen(g); err != nil || len(now.Status.Resets) > 0 {
				t.Errorf("%s: %+v, %v; want nothing remembered of a reset that has not ended", tc.reason, now.Status.Resets, err)
			}
			playApproval(t, reset, time.Now())
			wantActive(t, g, reset)
			wantReplicas(t, g, 0)
		})
	}
}

// TestResetHistory: the last twenty, the newest first.
func TestResetHistory(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, played(), ns)
	g := threeWorkers(t, ns, "history", kafka)
	var last *v1alpha1.KafkaOffsetReset
	for i := range 22 {
		last = playedReset(t, g, fmt.Sprintf("reset-%02d", i))
		playApproval(t, last, time.Now())
		wantActive(t, g, last)
		playReset(t, last, func(s *v1alpha1.KafkaOffsetResetStatus) {
			s.Intent = &v1alpha1.ResetIntent{At: metav1.Now(), Offsets: v1alpha1.ResetOffsets{TakenAt: metav1.Now()}, Requests: 1, Begun: int32(i % 2)}
		})
		playResume(t, last, []v1alpha1.ResetPhase{v1alpha1.PhaseFailed, v1alpha1.PhaseSucceeded}[i%2])
		wantActive(t, g, nil)
	}
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	records := now.Status.Resets
	if len(records) != 20 {
		t.Fatalf("%d are remembered, want 20", len(records))
	}
	for i, record := range records {
		n := 21 - i
		if record.Name != fmt.Sprintf("reset-%02d", n) || record.Committed != (n%2 == 1) || (record.Outcome == v1alpha1.PhaseSucceeded) != (n%2 == 1) || record.At.IsZero() {
			t.Errorf("number %d is %+v, want reset-%02d", i, record, n)
		}
	}
}

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// The tests of this file play the controller of resets: they write the status of
// KafkaOffsetResets, and look at what the group's controller does.

// playedReset is a reset of the group, as nobody has looked at it yet.
func playedReset(t *testing.T, g *v1alpha1.KafkaConsumerGroup, name string) *v1alpha1.KafkaOffsetReset {
	t.Helper()
	reset := &v1alpha1.KafkaOffsetReset{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: name},
		Spec: v1alpha1.KafkaOffsetResetSpec{
			GroupRef: v1alpha1.GroupReference{Name: v1alpha1.ObjectName(g.Name)},
			Target:   v1alpha1.ResetTarget{Earliest: &v1alpha1.ResetTargetEarliest{}},
		},
	}
	create(t, reset)
	return reset
}

// playPhase takes the reset to a phase.
func playPhase(t *testing.T, reset *v1alpha1.KafkaOffsetReset, phase v1alpha1.ResetPhase) {
	t.Helper()
	playReset(t, reset, func(s *v1alpha1.KafkaOffsetResetStatus) { s.Phase = phase })
}

func playReset(t *testing.T, reset *v1alpha1.KafkaOffsetReset, change func(*v1alpha1.KafkaOffsetResetStatus)) {
	t.Helper()
	var now v1alpha1.KafkaOffsetReset
	if err := kube.Get(context.Background(), client.ObjectKeyFromObject(reset), &now); err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	change(&now.Status)
	if err := kube.Status().Patch(context.Background(), &now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// playApproval has the reset wait for its turn, approved at the time.
func playApproval(t *testing.T, reset *v1alpha1.KafkaOffsetReset, at time.Time) {
	t.Helper()
	playReset(t, reset, func(s *v1alpha1.KafkaOffsetResetStatus) {
		s.Phase, s.SpecHash = v1alpha1.PhaseApproved, "hash-of-"+reset.Name
		s.Approval = &v1alpha1.ResetApproval{Hash: "plan", At: metav1.NewMicroTime(at)}
	})
}

// playResume has the reset give the group back, to end like this.
func playResume(t *testing.T, reset *v1alpha1.KafkaOffsetReset, outcome v1alpha1.ResetPhase) {
	t.Helper()
	playReset(t, reset, func(s *v1alpha1.KafkaOffsetResetStatus) {
		s.Phase, s.Outcome = v1alpha1.PhaseResuming, &v1alpha1.ResetOutcome{Phase: outcome, Reason: "Played"}
	})
}

// wantActive waits until the reset has the group; nil is nobody.
func wantActive(t *testing.T, g *v1alpha1.KafkaConsumerGroup, reset *v1alpha1.KafkaOffsetReset) *v1alpha1.ActiveReset {
	t.Helper()
	var active *v1alpha1.ActiveReset
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		active = s.ActiveReset
		if (active == nil) != (reset == nil) || (active != nil && active.UID != reset.UID) {
			return fmt.Errorf("%+v has the group, want %+v", active, reset)
		}
		return nil
	})
	return active
}

func wantStopped(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ActiveReset == nil || !s.ActiveReset.Stopped {
			return fmt.Errorf("active reset %+v, want its workers stopped", s.ActiveReset)
		}
		return nil
	})
}

// notStopped checks that some workers are left, to the group's knowledge.
func notStopped(t *testing.T, g *v1alpha1.KafkaConsumerGroup, because string) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	if now.Status.ActiveReset == nil || now.Status.ActiveReset.Stopped {
		t.Fatalf("active reset %+v is stopped, and %s", now.Status.ActiveReset, because)
	}
}

// wantRecord waits until the group remembers the reset as the last.
func wantRecord(t *testing.T, g *v1alpha1.KafkaConsumerGroup, reset *v1alpha1.KafkaOffsetReset, outcome v1alpha1.ResetPhase) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.Resets) == 0 {
			return fmt.Errorf("nothing is remembered")
		}
		r := s.Resets[0]
		if r.Name != reset.Name || r.UID != reset.UID || r.SpecHash != "hash-of-"+reset.Name || r.Outcome != outcome {
			return fmt.Errorf("%+v, want %s as %s", r, reset.Name, outcome)
		}
		return nil
	})
}

// countsOf follows the Deployment until stop is called, which returns all counts that were ever in it.
func countsOf(t *testing.T, g *v1alpha1.KafkaConsumerGroup) (stop func() []int32) {
	t.Helper()
	watcher, err := client.NewWithWatch(config, client.Options{Scheme: testScheme})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := watcher.Watch(context.Background(), &appsv1.DeploymentList{}, client.InNamespace(g.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	var counts []int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for change := range changes.ResultChan() {
			d, ok := change.Object.(*appsv1.Deployment)
			if ok && d.Name == g.Name && change.Type != watch.Deleted && (len(counts) == 0 || counts[len(counts)-1] != *d.Spec.Replicas) {
				counts = append(counts, *d.Spec.Replicas)
			}
		}
	}()
	return func() []int32 {
		changes.Stop()
		<-ended
		return counts
	}
}

// played are the options of a manager whose resets the test plays.
func played() managerOptions { return managerOptions{playedResets: true} }

// threeWorkers is a group with three workers that are available.
func threeWorkers(t *testing.T, ns, name string, kafka *broker, mods ...func(*v1alpha1.KafkaConsumerGroup)) *v1alpha1.KafkaConsumerGroup {
	t.Helper()
	kafka.produce(t, "orders", 25)
	g := group(ns, name, kafka.address(), mods...)
	create(t, g)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	return g
}

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

// TestResetAcrossRestarts: what the group's status says is enough to go on.
func TestResetAcrossRestarts(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, played(), ns)
	g := threeWorkers(t, ns, "restarted", kafka)
	reset := playedReset(t, g, "replay")
	stop()

	// It ended between the claim and the zero.
	playApproval(t, reset, time.Now())
	playPhase(t, reset, v1alpha1.PhaseDraining)
	setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) {
		s.ActiveReset = &v1alpha1.ActiveReset{Name: reset.Name, UID: reset.UID, SpecHash: "hash-of-replay", Since: metav1.Now(), Replicas: 3}
	})
	stop = startManager(t, played(), ns)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantStopped(t, g)
	playPhase(t, reset, v1alpha1.PhaseCommitting)
	stop()

	// It ended while the reset was writing.
	kafka.produce(t, "orders", 1000)
	counts := countsOf(t, g)
	stop = startManager(t, played(), ns)
	kafka.cycles(t, 10)
	wantReason(t, g, "OffsetReset")
	wantReplicas(t, g, 0)
	stop()
	if got := counts(); slices.Max(append(got, 0)) != 0 {
		t.Errorf("counts %v, want none but 0", got)
	}

	// It ended before it had seen the group given back.
	change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseHoldReplicas}))
	playResume(t, reset, v1alpha1.PhaseSucceeded)
	startManager(t, played(), ns)
	wantReplicas(t, g, 3)
	wantActive(t, g, nil)
	wantRecord(t, g, reset, v1alpha1.PhaseSucceeded)
}

// setStatus writes the group's status while no manager runs.
func setStatus(t *testing.T, g *v1alpha1.KafkaConsumerGroup, set func(*v1alpha1.KafkaConsumerGroupStatus)) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	set(&now.Status)
	if err := kube.Status().Patch(context.Background(), now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// TestResetAdoptedAfterLostStatus: a group that was restored without its status
// starts no worker while a reset of it is writing.
func TestResetAdoptedAfterLostStatus(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	kafka.produce(t, "orders", 25)
	g := group(ns, "restored", kafka.address())
	writing, waiting := playedReset(t, g, "writing"), playedReset(t, g, "waiting")
	playApproval(t, writing, time.Now())
	playPhase(t, writing, v1alpha1.PhaseCommitting)
	playApproval(t, waiting, time.Now().Add(-time.Hour))
	counts := countsOf(t, g)
	startManager(t, played(), ns)
	create(t, g)
	wantActive(t, g, writing)
	wantReplicas(t, g, 0)
	playResume(t, writing, v1alpha1.PhaseSucceeded)
	wantActive(t, g, waiting)
	if got := counts(); !slices.Equal(got, []int32{0}) {
		t.Errorf("counts %v, want none but 0", got)
	}
}

// TestResetWaitsForStalledGroup: nobody is given a group whose workers can't be stopped.
func TestResetWaitsForStalledGroup(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	g := group(ns, "taken", kafka.address())
	stranger := strangerDeployment(g, map[string]string{"app": "web"}, func(*appsv1.Deployment) {})
	create(t, stranger)
	startManager(t, played(), ns)
	create(t, g)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameTaken)
	reset := playedReset(t, g, "replay")
	playApproval(t, reset, time.Now())
	kafka.cycles(t, 10)
	wantActive(t, g, nil)
	remove(t, stranger)
	wantActive(t, g, reset)
	wantReplicas(t, g, 0)
}

// TestResetHoldsAgainstHands: who scales the Deployment meanwhile is told of the reset.
func TestResetHoldsAgainstHands(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, played(), ns)
	g := threeWorkers(t, ns, "scaled", kafka)
	reset := playedReset(t, g, "replay")
	playApproval(t, reset, time.Now())
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantStopped(t, g)
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	before := d.DeepCopy()
	*d.Spec.Replicas = 7
	if err := kube.Patch(context.Background(), d, client.MergeFrom(before), client.FieldOwner("kubectl")); err != nil {
		t.Fatal(err)
	}
	wantDeployment(t, g, func(now *appsv1.Deployment) error {
		if now.Generation == d.Generation {
			return fmt.Errorf("nobody has touched it since")
		}
		return same("replicas", *now.Spec.Replicas, 0)
	})
	wantEvent(t, g, corev1.EventTypeWarning, "PutBack", `are 0 again: KafkaOffsetReset "replay" has the group`)
}

// TestResetUnderGitOps: a tool that applies the group's manifest again and again
// changes nothing, whatever step the reset is at.
func TestResetUnderGitOps(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, played(), ns)
	manifest := fmt.Appendf(nil, `{"apiVersion":"kafka.lagrange.dev/v1alpha1","kind":"KafkaConsumerGroup","metadata":{"name":"synced","namespace":%q},
		"spec":{"kafka":{"bootstrapServers":[%q]},"groupID":"synced","topics":["orders"],"scaling":{"lagTarget":{"messagesPerReplica":100}},
		"workload":{"template":{"spec":{"containers":[{"name":"worker","image":"registry.example/worker:1"}]}}}}}`, ns, kafka.address())
	g := group(ns, "synced", kafka.address())
	sync := func() {
		t.Helper()
		object := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "synced"}}
		patch := client.RawPatch("application/apply-patch+yaml", manifest)
		if err := kube.Patch(context.Background(), object, patch, client.FieldOwner("gitops"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	touch := func() { // what makes the object newer than the manager's cache: a label of each sync
		t.Helper()
		change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
			g.Labels = map[string]string{"synced-at": fmt.Sprint(time.Now().UnixNano())}
		})
		sync()
	}
	kafka.produce(t, "orders", 25)
	sync()
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	reset := playedReset(t, g, "replay")
	counts := countsOf(t, g)
	playApproval(t, reset, time.Now())
	for range 20 {
		touch()
	}
	wantActive(t, g, reset)
	wantReplicas(t, g, 0)
	kafka.produce(t, "orders", 1000)
	for range 20 {
		touch()
	}
	play(t, g, allAvailable)
	wantStopped(t, g)
	playPhase(t, reset, v1alpha1.PhaseCommitting)
	for range 20 {
		touch()
	}
	kafka.cycles(t, 5)
	wantActive(t, g, reset)
	wantReplicas(t, g, 0)
	playResume(t, reset, v1alpha1.PhaseSucceeded)
	for range 20 {
		touch()
	}
	wantReplicas(t, g, 12)
	wantActive(t, g, nil)
	wantRecord(t, g, reset, v1alpha1.PhaseSucceeded)
	if got := counts(); !slices.Equal(got, []int32{3, 0, 12}) {
		t.Errorf("counts %v, want 3, 0 and 12", got)
	}
}

// frozen answers lists and watches of some resources with what was there when
// they were first asked for, and lets everything else pass.
type frozen struct {
	next http.RoundTripper
	mu   sync.Mutex
	old  map[string][]byte // the lists, by resource
}

// freeze is a configuration whose caches of these resources stay as they are now.
func freeze(t *testing.T, ns string, lists map[string]client.ObjectList) *rest.Config {
	t.Helper()
	f := &frozen{old: map[string][]byte{}}
	for resource, list := range lists {
		if err := kube.List(context.Background(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		f.old[resource] = raw
	}
	c := rest.CopyConfig(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.next = next
		return roundTripper(f.answer)
	})
	return c
}

// freezeClaims freezes the groups and their resets.
func freezeClaims(t *testing.T, ns string) *rest.Config {
	t.Helper()
	return freeze(t, ns, map[string]client.ObjectList{
		"kafkaconsumergroups": &v1alpha1.KafkaConsumerGroupList{}, "kafkaoffsetresets": &v1alpha1.KafkaOffsetResetList{},
	})
}

func (f *frozen) answer(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	list, ok := f.old[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	f.mu.Unlock()
	informer := r.URL.Query().Get("watch") != "" || r.URL.Query().Get("resourceVersion") != "" // and no live look
	if !ok || !informer || r.Method != http.MethodGet {
		return f.next.RoundTrip(r)
	}
	body := io.NopCloser(strings.NewReader(string(list)))
	if r.URL.Query().Get("watch") != "" {
		body = oldWatch(r.Context(), list, r.URL.Query().Get("sendInitialEvents") == "true")
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Request: r}, nil
}

// oldWatch tells what is in the list, if that is asked for, and then nothing more.
func oldWatch(ctx context.Context, list []byte, initial bool) io.ReadCloser {
	var content struct {
		Kind, APIVersion string
		Metadata         struct{ ResourceVersion string }
		Items            []json.RawMessage
	}
	read, write := io.Pipe()
	go func() {
		err := json.Unmarshal(list, &content)
		for _, item := range content.Items {
			if initial && err == nil {
				_, err = fmt.Fprintf(write, `{"type":"ADDED","object":%s}`+"\n", item)
			}
		}
		if initial && err == nil {
			_, err = fmt.Fprintf(write, `{"type":"BOOKMARK","object":{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":%q,"annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n",
				strings.TrimSuffix(content.Kind, "List"), content.APIVersion, content.Metadata.ResourceVersion)
		}
		if err == nil {
			<-ctx.Done()
		}
		_ = write.CloseWithError(err)
	}()
	return read
}

// TestResetStaleCache: a manager whose caches know nothing of the claim, nor of
// the reset's step, starts no worker and gives nobody the group.
func TestResetStaleCache(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, played(), ns)
	g := threeWorkers(t, ns, "stale", kafka)
	before := freezeClaims(t, ns)
	reset, cancelled := playedReset(t, g, "replay"), playedReset(t, g, "cancelled")
	playApproval(t, reset, time.Now())
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantStopped(t, g)
	stop()
	playResume(t, reset, v1alpha1.PhasePlanning)
	replanning := freezeClaims(t, ns)
	playPhase(t, reset, v1alpha1.PhaseCommitting)
	playApproval(t, cancelled, time.Now().Add(-time.Hour))
	waiting := freeze(t, ns, map[string]client.ObjectList{"kafkaoffsetresets": &v1alpha1.KafkaOffsetResetList{}})
	kafka.produce(t, "orders", 1000)
	counts := countsOf(t, g)
	for reason, api := range map[string]*rest.Config{
		"no claim, and no resets at all":                             before,
		"the reset as it was when it gave the group back for a plan": replanning,
	} {
		stop = startManager(t, managerOptions{playedResets: true, api: api}, ns)
		kafka.cycles(t, 10)
		wantActive(t, g, reset)
		stop()
		if got := counts(); slices.Max(append(got, 0)) != 0 {
			t.Errorf("the cache shows %s: counts %v, want none but 0", reason, got)
		}
		counts = countsOf(t, g)
	}
	counts()

	// The cache shows a reset that waits for its turn and was cancelled long ago.
	playPhase(t, cancelled, v1alpha1.PhaseCancelled)
	playResume(t, reset, v1alpha1.PhaseSucceeded)
	setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) { s.ActiveReset = nil })
	startManager(t, managerOptions{playedResets: true, api: waiting}, ns)
	wantReplicas(t, g, 12)
	kafka.cycles(t, 10)
	wantActive(t, g, nil)
}

// TestResetStaleWorkers: that no worker is left is not taken from a cache that may
// not know of the last that was started.
func TestResetStaleWorkers(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	stop := startManager(t, played(), ns)
	g := threeWorkers(t, ns, "unseen", kafka)
	stop()
	nobody := freeze(t, ns, map[string]client.ObjectList{"pods": &corev1.PodList{}})
	playPod(t, g, "unseen-1", ready(metav1.Now()))
	reset := playedReset(t, g, "replay")
	playApproval(t, reset, time.Now())
	startManager(t, managerOptions{playedResets: true, api: nobody}, ns)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	kafka.cycles(t, 10)
	notStopped(t, g, "a pod runs that the cache does not know")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "unseen-1"}}
	remove(t, pod)
	kafka.produce(t, "orders", 1) // something new to look at
	wantStopped(t, g)
}

// TestCatchUp: the group begins with the workers of before the reset, not with as
// many as the replay's lag wants at once, and follows its lag again when the
// replay is worked off.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		catchUp time.Duration
		after   int32
		why     string
	}{
		"Set":    {"an hour is given to it", time.Hour, 3, "CatchUp"},
		"NotSet": {"the lag target counts it as any other lag", 0, 12, "LagTarget"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			stop := startManager(t, played(), ns)
			kafka.produce(t, "orders", 1000)
			kafka.commit(t, "replaying", "orders", 1000)
			g := threeWorkers(t, ns, "replaying", kafka, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.CatchUp.Duration = tc.catchUp })
			reset := playedReset(t, g, "replay")
			playApproval(t, reset, time.Now())
			wantReplicas(t, g, 0)
			kafka.commit(t, "replaying", "orders", 0) // 12,300 messages
			wantLag(t, g, 12000)
			counts := countsOf(t, g)
			playResume(t, reset, v1alpha1.PhaseSucceeded)
			wantReplicas(t, g, tc.after)
			wantReason(t, g, tc.why)
			stop()
			startManager(t, played(), ns)
			kafka.produce(t, "orders", 1)
			kafka.cycles(t, 10)
			wantReplicas(t, g, tc.after)
			wantReason(t, g, tc.why)
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
				if tc.catchUp == 0 {
					return same("no catch up", s.CatchUp == nil, true)
				}
				if s.CatchUp == nil || s.CatchUp.Reset != "replay" || s.CatchUp.Replicas != 3 {
					return fmt.Errorf("catch up %+v, want that of the replay with 3 workers", s.CatchUp)
				}
				return nil
			})
			kafka.commit(t, "replaying", "orders", 1026)
			wantReplicas(t, g, 1)
			wantReason(t, g, "LagTarget")
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("no catch up", s.CatchUp == nil, true) })
			if got := counts(); slices.Max(got) != tc.after {
				t.Errorf("%s: counts %v, want at most %d", tc.reason, got, tc.after)
			}
		})
	}
}

// TestCatchUpAdmission: a time that makes no sense is refused.
func TestCatchUpAdmission(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for catchUp, good := range map[time.Duration]bool{time.Second: true, 36 * time.Hour: true, 8760 * time.Hour: true, 999 * time.Millisecond: false, 8761 * time.Hour: false, -time.Hour: false} {
		g := group(ns, "catchup", "kafka:9092", func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.CatchUp.Duration = catchUp })
		err := kube.Create(context.Background(), g, client.DryRunAll)
		if (err == nil) != good {
			t.Errorf("%s: %v, want it accepted: %t", catchUp, err, good)
		}
		if err != nil {
			if lacks := mentions(err.Error(), "spec.scaling.catchUp", "must be a duration between 1s and 8760h"); lacks != nil {
				t.Error(lacks)
			}
		}
	}
}

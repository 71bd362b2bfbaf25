package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

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

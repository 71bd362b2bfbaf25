package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// versions are the resource versions of everything in the namespace that the manager could write.
func versions(t *testing.T, ns string) map[string]string {
	t.Helper()
	found := map[string]string{}
	lists := []client.ObjectList{&v1alpha1.KafkaConsumerGroupList{}, &appsv1.DeploymentList{}, &corev1.ConfigMapList{}, &eventsv1.EventList{}}
	for _, l := range lists {
		if err := kube.List(context.Background(), l, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
		u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range u["items"].([]any) {
			o := unstructured.Unstructured{Object: item.(map[string]any)}
			found[fmt.Sprintf("%T %s", l, o.GetName())] = o.GetResourceVersion()
		}
	}
	return found
}

// TestIdleWritesNothing: without traffic nothing is written: no status, no
// no-op apply, no event, however often the broker is polled.
func TestIdleWritesNothing(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns)
	g := group(ns, "idle", kafka.address())
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("replicas", s.ReplicaSummary, "3/3") })
	wantEvent(t, g, corev1.EventTypeNormal, "Scaled", "to 3")
	kafka.cycles(t, 5) // events are written in the background

	before, written := versions(t, ns), wire.writesTo("")
	kafka.cycles(t, 20)
	if diff := cmp.Diff(before, versions(t, ns)); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
	if now := wire.writesTo(""); now != written {
		t.Errorf("%d writes while idle", now-written)
	}
}

// TestNumbersAreHeldBack: traffic alone, that changes nothing but numbers, is
// not written with every sample.
func TestNumbersAreHeldBack(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns)
	g := group(ns, "busy", kafka.address())
	kafka.produce(t, "orders", 1)
	create(t, g)
	wantReplicas(t, g, 1)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	kafka.cycles(t, 3)
	written := wire.writesTo("kafkaconsumergroups")
	for range 5 {
		kafka.produce(t, "orders", 1)
		kafka.cycles(t, 2)
	}
	if now := wire.writesTo("kafkaconsumergroups"); now-written > 1 {
		t.Errorf("%d status writes for numbers in a few seconds, want at most the one that is due", now-written)
	}
}

// TestConditionsCarryGeneration: each condition says which generation it speaks of.
func TestConditionsCarryGeneration(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "told", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	change(t, g, withImage("registry.example/worker:2"))
	eventually(t, func() error {
		now, err := seen(g)
		if err != nil {
			return err
		}
		if len(now.Status.Conditions) != 8 {
			return fmt.Errorf("%d conditions, want 8", len(now.Status.Conditions))
		}
		for _, c := range now.Status.Conditions {
			if c.ObservedGeneration != 2 || now.Status.ObservedGeneration != 2 {
				return fmt.Errorf("%s is of generation %d, the status of %d, want 2", c.Type, c.ObservedGeneration, now.Status.ObservedGeneration)
			}
			if c.Message == "" || c.Reason == "" {
				t.Fatalf("%s has no reason or message: %+v", c.Type, c)
			}
		}
		return nil
	})
}

// wantKstatus waits for what the library of Flux, Argo CD and others makes of the group.
func wantKstatus(t *testing.T, g *v1alpha1.KafkaConsumerGroup, want status.Status) {
	t.Helper()
	eventually(t, func() error {
		var u unstructured.Unstructured
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaConsumerGroup"))
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(g), &u); err != nil {
			return err
		}
		result, err := status.Compute(&u)
		if err != nil {
			return err
		}
		if result.Status != want {
			return fmt.Errorf("%s (%s), want %s", result.Status, result.Message, want)
		}
		return nil
	})
}

// TestKstatus: a healthy group is Current under traffic and while it scales,
// InProgress during a rollout, Failed when someone must act.
func TestKstatus(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "computed", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	wantKstatus(t, g, status.InProgressStatus) // the first workers
	play(t, g, allAvailable)
	wantKstatus(t, g, status.CurrentStatus)

	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("replicas", s.ReplicaSummary, "1/3") })
	wantKstatus(t, g, status.CurrentStatus)
	play(t, g, func(d *appsv1.Deployment) { d.Status.Replicas, d.Status.UpdatedReplicas = 3, 3 })
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("pods", s.Replicas, 3) })
	wantKstatus(t, g, status.CurrentStatus)
	play(t, g, allAvailable)

	change(t, g, withImage("registry.example/worker:2"))
	wantDeployment(t, g, func(d *appsv1.Deployment) error { return same("generation", d.Generation, 3) })
	play(t, g, func(d *appsv1.Deployment) {
		d.Status.Replicas, d.Status.UpdatedReplicas = 6, 3
		progressing(d, corev1.ConditionTrue, "ReplicaSetUpdated")
	})
	wantKstatus(t, g, status.InProgressStatus)
	play(t, g, func(d *appsv1.Deployment) { progressing(d, corev1.ConditionFalse, "ProgressDeadlineExceeded") })
	wantKstatus(t, g, status.FailedStatus)
	play(t, g, allAvailable)
	wantKstatus(t, g, status.CurrentStatus)
}

// TestIdleAfterRefreshTime: numbers that did not change are not refreshed,
// however old they are, when something else has the group looked at.
func TestIdleAfterRefreshTime(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	settings, start := fastSettings(), time.Now()
	settings.SampleMaxAge, settings.UnreachableAfter = 24*time.Hour, 24*time.Hour
	clock := testclock.NewFakePassiveClock(start)
	startManager(t, managerOptions{settings: settings, clock: clock}, ns)
	g := group(ns, "old", kafka.address())
	kafka.produce(t, "orders", 1)
	kafka.commit(t, "old", "orders", 0)
	create(t, g)
	wantReplicas(t, g, 1)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	wantLag(t, g, 12)
	kafka.cycles(t, 5)
	clock.SetTime(start.Add(2 * time.Minute)) // what the first sample did not tell, as the age of the lag, is written now
	playPod(t, g, "old-0", ready(metav1.Now()))
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { // workers that nobody saw join
		return same("offsets are kept", s.KeptOffsets != nil, true)
	})
	kafka.cycles(t, 5)
	before := versions(t, ns)
	clock.SetTime(start.Add(3 * time.Minute))
	playPod(t, g, "old-1", ready(metav1.Now()))
	kafka.cycles(t, 5)
	if diff := cmp.Diff(before, versions(t, ns)); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
	kafka.commit(t, "old", "orders", 1) // all at once, so that no sample sees half of it
	wantLag(t, g, 0)                    // while a changed number that old is written at once
}

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestDeploymentDeletedByHand: it comes back with the workers it had, although
// the lag is unknown by then.
func TestDeploymentDeletedByHand(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	kafka.produce(t, "orders", 25)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "deleted", kafka.address())
	create(t, g)
	wantReplicas(t, g, 3)
	kafka.Close()
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)
	was, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, was)
	eventually(t, func() error {
		now, err := deployment(g)
		if err != nil {
			return err
		}
		if now.UID == was.UID || *now.Spec.Replicas != 3 {
			return fmt.Errorf("%d replicas in %s, want 3 in another than %s", *now.Spec.Replicas, now.UID, was.UID)
		}
		return nil
	})
}

// TestPutBackIsTold: whoever scales the Deployment by hand finds out who put it back.
func TestPutBackIsTold(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	kafka.produce(t, "orders", 25)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "putback", kafka.address())
	create(t, g)
	wantReplicas(t, g, 3)
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.Patch(context.Background(), d, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":9}}`))); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, g, corev1.EventTypeWarning, "PutBack", "set to 9 by somebody else and are 3 again")
	wantReplicas(t, g, 3)
}

// TestConfigMapOfOthersStays: a label is no proof that a ConfigMap is ours.
func TestConfigMapOfOthersStays(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "my-settings", Labels: identity("others")}}
	create(t, theirs)
	g := group(ns, "others", kafka.address())
	create(t, g)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	kafka.produce(t, "orders", 25) // a reconcile that looks for what is unused
	wantReplicas(t, g, 3)
	kafka.cycles(t, 5)
	if err := kube.Get(context.Background(), client.ObjectKeyFromObject(theirs), theirs); err != nil {
		t.Errorf("a ConfigMap of somebody else with our label: %v", err)
	}
}

// TestTwinsOfOneInstant: of two objects that reach one cluster by two addresses,
// and that the manager sees at the same time, only one starts workers.
func TestTwinsOfOneInstant(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	twin := func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" }
	byName := strings.Replace(kafka.address(), "127.0.0.1", "localhost", 1)
	twins := []*v1alpha1.KafkaConsumerGroup{group(ns, "a", kafka.address(), twin), group(ns, "b", byName, twin)}
	for _, g := range twins {
		create(t, g)
	}
	startManager(t, managerOptions{}, ns)
	eventually(t, func() error {
		stalled := 0
		for _, g := range twins {
			now, err := seen(g)
			if err != nil {
				return err
			}
			for _, c := range now.Status.Conditions {
				if c.Type == v1alpha1.ConditionStalled && c.Reason == v1alpha1.ReasonDuplicateGroup {
					stalled++
				}
			}
		}
		if stalled != 1 {
			return fmt.Errorf("%d of the twins are stalled, want one", stalled)
		}
		return nil
	})
	running := 0
	for _, g := range twins {
		if _, err := deployment(g); err == nil {
			running++
		}
	}
	if running != 1 {
		t.Errorf("%d of the twins have a Deployment, want one", running)
	}
}

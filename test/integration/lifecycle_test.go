package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// wantCollectable checks that the garbage collector would take the object with
// the group, and that nothing of ours holds it.
func wantCollectable(t *testing.T, o client.Object, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.UID != g.UID || owner.BlockOwnerDeletion == nil || !*owner.BlockOwnerDeletion {
		t.Errorf("%T %s: owner %+v, want the group as its controller that waits for it", o, o.GetName(), owner)
	}
	if len(o.GetFinalizers()) != 0 {
		t.Errorf("%T %s has finalizers %q", o, o.GetName(), o.GetFinalizers())
	}
}

// fetches counts the requests for the group's commits.
func (b *broker) fetches(group string) func() int64 {
	n := b.count(kmsg.OffsetFetch, func(r kmsg.Request) bool {
		return slices.ContainsFunc(r.(*kmsg.OffsetFetchRequest).Groups, func(g kmsg.OffsetFetchRequestGroup) bool { return g.Group == group })
	})
	return n.Load
}

// TestDelete: the Deployment and the ConfigMap go with the object, the offsets
// stay, and the broker is not asked about the group any more.
func TestDelete(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g, other := group(ns, "deleted", kafka.address()), group(ns, "other", kafka.address())
	kafka.produce(t, "orders", 5)
	kafka.commit(t, "deleted", "orders", 5)
	create(t, g)
	create(t, other)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
	wantCondition(t, other, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)

	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	if len(now.Finalizers) != 0 {
		t.Errorf("finalizers %q", now.Finalizers)
	}
	wantCollectable(t, wantDeployment(t, g, func(*appsv1.Deployment) error { return nil }), now)
	configMaps, err := configMapsOf(g)
	if err != nil || len(configMaps) != 1 {
		t.Fatalf("%d ConfigMaps, %v, want 1", len(configMaps), err)
	}
	wantCollectable(t, &configMaps[0], now)

	remove(t, g)
	wantGone(t, g)
	kafka.cycles(t, 3)
	asked, control := kafka.fetches("deleted"), kafka.fetches("other")
	kafka.cycles(t, 5)
	if asked() != 0 || control() == 0 {
		t.Errorf("the broker was asked %d times for the deleted group and %d times for the other", asked(), control())
	}
	if commits := kafka.GroupInfo("deleted").Commits["orders"]; len(commits) != 12 || commits[0].Offset != 5 {
		t.Errorf("commits %v, want the 12 that were there", commits)
	}
}

// TestRecreated: an object of the same name is a new one: the Deployment that
// still belongs to the old one is not taken for its own.
func TestRecreated(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "again", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	old, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, g)
	wantGone(t, g)
	g = group(ns, "again", kafka.address())
	create(t, g)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameTaken)
	remove(t, old) // as the garbage collector does
	fresh := wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if !metav1.IsControlledBy(d, g) {
			return fmt.Errorf("owners %v", d.OwnerReferences)
		}
		return nil
	})
	if fresh.UID == old.UID {
		t.Error("the old Deployment is still there")
	}
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
}

// TestNamespaceDeleted: while the broker is away, in either order in which the
// namespace controller may delete our objects, all go at once and nothing is
// tried again and again.
func TestNamespaceDeleted(t *testing.T) {
	t.Parallel()
	ns, elsewhere := namespace(t), namespace(t)
	away, good := reservePort(t), startBroker(t, map[string]int32{"orders": 12})
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns, elsewhere)
	g := group(ns, "doomed", away.address)
	create(t, g)
	create(t, group(elsewhere, "clock", good.address()))
	wantReplicas(t, g, 1)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)

	remove(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	tried := wire.writesTo("deployments")
	remove(t, d) // before the group: it is missed and can't be made again
	eventually(t, func() error {
		if wire.writesTo("deployments") == tried {
			return fmt.Errorf("nobody missed the Deployment")
		}
		return nil
	})
	// A failing reconcile is tried again after 5 ms, 10 ms, 20 ms and so on:
	// after 1.3 s and 2.6 s, too, which is between the 10th and the 30th cycle.
	good.cycles(t, 10)
	tried = wire.writesTo(ns)
	good.cycles(t, 20)
	if now := wire.writesTo(ns); now != tried {
		t.Errorf("%d writes to the namespace that is going, then %d: it is tried again and again", tried, now)
	}
	remove(t, g)
	for _, o := range []client.Object{&v1alpha1.KafkaConsumerGroup{}, &corev1.ConfigMap{}, &appsv1.Deployment{}} {
		if err := kube.DeleteAllOf(context.Background(), o, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
	}
	wantGone(t, g)
	wantGone(t, d)
	configMaps, err := configMapsOf(g)
	if err != nil || len(configMaps) != 0 {
		t.Errorf("%d ConfigMaps are left, %v", len(configMaps), err)
	}
}

package integration

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestOffsetsRetained: each case in which the consumer group is not the object's to
// delete, or nothing can be known: the object goes at once.
func TestOffsetsRetained(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		// remove deletes the object; stop ends the manager, which is started again after it.
		remove func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, b *broker, stop func())
		words  string // of the event, "" for none
		counts int32  // of the Deployment afterwards
	}{
		"Retain": {"changed in time", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker, stop func()) {
			stop()
			remove(t, g)
			change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain })
		}, "offsetsOnDelete is Retain", 1},
		"Orphan": {"--cascade=orphan: the workers run on", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker, _ func()) {
			if err := kube.Delete(t.Context(), g, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
				t.Fatal(err)
			}
			wantHeld(t, g, false)
			abandon(t, g)
		}, "--cascade=orphan", 1},
		"OrphanDone": {"the garbage collector was faster", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker, stop func()) {
			stop()
			if err := kube.Delete(t.Context(), g, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
				t.Fatal(err)
			}
			abandon(t, g)
		}, "--cascade=orphan", 1},
		"Namespace": {"everything is going", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker, _ func()) {
			remove(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: g.Namespace}})
			remove(t, g) // as the namespace's controller does
		}, "", 1},
		"NameTaken": {"the Deployment is somebody else's", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker, stop func()) {
			stop()
			d, err := deployment(g)
			if err != nil {
				t.Fatal(err)
			}
			d.OwnerReferences[0].UID = "another"
			if err := kube.Update(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			remove(t, g)
		}, "does not belong to the object", 1},
		"Successor": {"another object goes on with the group", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, b *broker, _ func()) {
			younger := group(g.Namespace, "successor", b.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" })
			createYounger(t, younger, g)
			wantCondition(t, younger, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonDuplicateGroup)
			remove(t, g)
		}, "/successor", 1},
		"NothingKnown": {"the KafkaConnection is gone, and the manager has forgotten it", func(t *testing.T, g *v1alpha1.KafkaConsumerGroup, _ *broker, stop func()) {
			stop()
			change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
				g.Spec.Kafka = v1alpha1.KafkaSource{ConnectionRef: &v1alpha1.ConnectionReference{Name: "gone"}}
			})
			remove(t, g)
		}, `KafkaConnection "gone"`, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
			stop := startManager(t, managerOptions{}, ns)
			g := disposable(t, ns, "retained", b)
			wantReplicas(t, g, 1)
			asked := b.count(kmsg.DeleteGroups, func(kmsg.Request) bool { return true })
			tc.remove(t, g, b, stop)
			stop()
			startManager(t, managerOptions{}, ns)
			wantRetained(t, g, b, 3)
			if tc.words != "" {
				wantEvent(t, g, corev1.EventTypeWarning, "OffsetsRetained", tc.words)
			}
			if d, err := deployment(g); err != nil || *d.Spec.Replicas != tc.counts {
				t.Errorf("%s: %v workers, %v", tc.reason, d.Spec.Replicas, err)
			}
			if asked.Load() > 0 {
				t.Errorf("%s: Kafka was asked to delete it", tc.reason)
			}
		})
	}
}

// abandon does what the garbage collector does for --cascade=orphan.
func abandon(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	d.OwnerReferences = nil
	if err := kube.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Finalizers = slices.DeleteFunc(g.Finalizers, func(f string) bool { return f == metav1.FinalizerOrphanDependents })
	})
}

// TestOffsetsOfTheElder: the younger of two objects deletes nothing, neither while
// the older one is there nor when both go at once and the older one retains.
func TestOffsetsOfTheElder(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprintf("Both%v", both), func(t *testing.T) {
			t.Parallel()
			ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
			stop := startManager(t, managerOptions{}, ns)
			elder := group(ns, "elder", b.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" })
			create(t, elder)
			wantReplicas(t, elder, 1)
			younger := group(ns, "younger", b.address(), deleting, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" })
			createYounger(t, younger, elder)
			wantCondition(t, younger, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonDuplicateGroup)
			wantHeld(t, younger, true)
			b.commit(t, "billing", "orders", 5)
			stop()
			remove(t, younger)
			if both {
				remove(t, elder)
				wantGone(t, elder)
			}
			startManager(t, managerOptions{}, ns)
			wantRetained(t, younger, b, 3)
			wantEvent(t, younger, corev1.EventTypeWarning, "OffsetsRetained", "another KafkaConsumerGroup")
		})
	}
}

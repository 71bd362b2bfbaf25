package integration

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// strangerDeployment is a Deployment of the group's name that Lagrange did not make.
func strangerDeployment(g *v1alpha1.KafkaConsumerGroup, selector map[string]string, change func(*appsv1.Deployment)) *appsv1.Deployment {
	replicas := int32(4)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Name, Labels: selector},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: selector},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example/web:1"}}},
			},
		},
	}
	change(d)
	return d
}

// identity are the labels on everything that Lagrange makes for a group.
func identity(name string) map[string]string {
	return map[string]string{"kafka.lagrange.dev/consumer-group": name, "app.kubernetes.io/managed-by": "lagrange"}
}

// TestNameTaken: a Deployment that isn't ours is left alone to the last byte,
// and the group goes on when it is gone.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		labels map[string]string
		change func(*appsv1.Deployment)
	}{
		"Unrelated": {"someone's web server", map[string]string{"app": "web"}, func(*appsv1.Deployment) {}},
		"OtherController": {"our labels, and another object's", identity("taken"), func(d *appsv1.Deployment) {
			yes := true
			d.OwnerReferences = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Thing", Name: "other", UID: "1-2-3", Controller: &yes}}
		}},
		"OtherGroup": {"labels of another group", identity("another"), func(*appsv1.Deployment) {}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			g := group(ns, "taken", kafka.address())
			stranger := strangerDeployment(g, tc.labels, tc.change)
			create(t, stranger)
			startManager(t, managerOptions{}, ns)
			create(t, g)
			stalled := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameTaken)
			if lacks := mentions(stalled.Message, `Deployment "taken"`, "delete or rename it"); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNameTaken)
			wantEvent(t, g, corev1.EventTypeWarning, v1alpha1.ReasonNameTaken, `Deployment "taken"`)
			kafka.produce(t, "orders", 25)
			kafka.cycles(t, 5)
			if now, err := deployment(g); err != nil || now.ResourceVersion != stranger.ResourceVersion {
				t.Fatalf("%s: it was written: %v", tc.reason, err)
			}
			remove(t, stranger)
			wantReplicas(t, g, 3)
			wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
		})
	}
}

// TestOrphanTakenBack: a Deployment with our identity and no controller, as
// after --cascade=orphan or a restore, is ours again with the replicas it has.
func TestOrphanTakenBack(t *testing.T) {
	t.Parallel()
	ns, away := namespace(t), reservePort(t)
	g := group(ns, "orphan", away.address)
	orphan := strangerDeployment(g, identity("orphan"), func(d *appsv1.Deployment) {
		d.Spec.Selector.MatchLabels = map[string]string{"kafka.lagrange.dev/consumer-group": "orphan"}
	})
	create(t, orphan)
	startManager(t, managerOptions{}, ns)
	create(t, g)
	taken := wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if !metav1.IsControlledBy(d, g) {
			return fmt.Errorf("owners %v", d.OwnerReferences)
		}
		return nil
	})
	if taken.UID != orphan.UID || *taken.Spec.Replicas != 4 {
		t.Errorf("uid %s with %d replicas, want %s with 4", taken.UID, *taken.Spec.Replicas, orphan.UID)
	}
	if mounted(taken) == "" {
		t.Error("its pods have no worker configuration")
	}
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
	wantReplicas(t, g, 4)
}

// TestEditedByHand: what Lagrange owns is restored, what others own stays.
func TestEditedByHand(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		edit   func(*appsv1.Deployment)
		mended func(*appsv1.Deployment) error
	}{
		"Replicas": {"kubectl scale deployment", func(d *appsv1.Deployment) { *d.Spec.Replicas = 9 }, func(d *appsv1.Deployment) error {
			return same("replicas", *d.Spec.Replicas, 3)
		}},
		"Image": {"kubectl set image", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "evil:1" }, func(d *appsv1.Deployment) error {
			return same("image", d.Spec.Template.Spec.Containers[0].Image, "registry.example/worker:1")
		}},
		"Label": {"our identity removed", func(d *appsv1.Deployment) { delete(d.Labels, "app.kubernetes.io/managed-by") }, func(d *appsv1.Deployment) error {
			return same("label", d.Labels["app.kubernetes.io/managed-by"], "lagrange")
		}},
		"GroupLabel": {"the label by which the cache finds it removed", func(d *appsv1.Deployment) { delete(d.Labels, "kafka.lagrange.dev/consumer-group") }, func(d *appsv1.Deployment) error {
			return same("label", d.Labels["kafka.lagrange.dev/consumer-group"], "edited")
		}},
		"Strategy": {"a rollout that would stop workers first", func(d *appsv1.Deployment) {
			d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}, func(d *appsv1.Deployment) error {
			return same("strategy", d.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			kafka.produce(t, "orders", 25)
			startManager(t, managerOptions{}, ns)
			g := group(ns, "edited", kafka.address())
			create(t, g)
			wantReplicas(t, g, 3)
			d, err := deployment(g)
			if err != nil {
				t.Fatal(err)
			}
			before := d.DeepCopy()
			tc.edit(d)
			if err := kube.Patch(context.Background(), d, client.MergeFrom(before), client.FieldOwner("kubectl-edit")); err != nil {
				t.Fatal(err)
			}
			wantDeployment(t, g, tc.mended)
		})
	}
}

func same[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

// TestOtherManagersFieldsStay: what another applier adds, a sidecar and an
// annotation say, survives our applies.
func TestOtherManagersFieldsStay(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "meshed", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	sidecar := fmt.Appendf(nil, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"meshed","namespace":%q,"annotations":{"mesh":"on"}},
		"spec":{"template":{"metadata":{"labels":{"mesh":"on"}},"spec":{"containers":[{"name":"proxy","image":"registry.example/proxy:1"}]}}}}`, ns)
	target := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "meshed"}}
	if err := kube.Patch(context.Background(), target, client.RawPatch("application/apply-patch+yaml", sidecar), client.FieldOwner("mesh")); err != nil {
		t.Fatal(err)
	}
	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3)
	change(t, g, withImage("registry.example/worker:2"))
	wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if len(d.Spec.Template.Spec.Containers) != 2 {
			t.Fatalf("containers %+v, want the worker and the proxy", d.Spec.Template.Spec.Containers)
		}
		if err := same("annotation", d.Annotations["mesh"], "on"); err != nil {
			t.Fatal(err)
		}
		if err := same("pod label", d.Spec.Template.Labels["mesh"], "on"); err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Spec.Template.Spec.Containers {
			if c.Image == "registry.example/worker:2" {
				return nil
			}
		}
		return fmt.Errorf("the worker's image is still the old one")
	})
}

package integration

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestContainerRenamedByApply: whoever uses server-side apply himself renames the
// container in two steps, the annotation first: what Lagrange added to the old one
// would be left of it, and the API server takes no container without an image.
func TestContainerRenamedByApply(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	apply := func(asks, container string) error {
		labels := map[string]string{"app": "keen"}
		o := appsv1ac.Deployment("keen", ns).WithLabels(labels).WithSpec(appsv1ac.DeploymentSpec().WithReplicas(1).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(labels)).
			WithTemplate(corev1ac.PodTemplateSpec().WithLabels(labels).WithSpec(corev1ac.PodSpec().WithContainers(
				corev1ac.Container().WithName(container).WithImage("registry.example/shop:1")))))
		if asks != "" {
			o.WithAnnotations(asking(asks))
		}
		return kube.Apply(context.Background(), o, client.FieldOwner("flux"))
	}
	if err := apply("shop", "shop"); err != nil {
		t.Fatal(err)
	}
	accepted(t, ns, "orders", selecting("keen"))
	keen := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "keen"}}
	wantGiven(t, keen, "orders", "")
	if err := apply("store", "store"); err == nil || !strings.Contains(err.Error(), "image: Required") {
		t.Errorf("renamed in one step: %v", err)
	}
	if err := apply("", "shop"); err != nil {
		t.Fatal(err)
	}
	wantReleased(t, keen)
	if err := apply("store", "store"); err != nil {
		t.Fatal(err)
	}
	d := wantGiven(t, keen, "orders", "")
	if len(d.Spec.Template.Spec.Containers) != 1 || d.Annotations[v1alpha1.AnnotationProducerContainer] != "store" {
		t.Errorf("containers %+v", d.Spec.Template.Spec.Containers)
	}
}

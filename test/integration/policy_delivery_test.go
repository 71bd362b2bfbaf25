package integration

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/controllers"
)

// TestDeliveryToThoseWhoAsk: a workload that is selected and asks is given the
// files, and owns all else as before; one that does not ask, or is not selected,
// is not touched.
func TestDeliveryToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	shy := shop(t, ns, "shy", nil, func(d *appsv1.Deployment) { d.Labels["team"] = "shop" })
	other := shop(t, ns, "other", asking("shop"))
	keen := shop(t, ns, "keen", asking("shop"), func(d *appsv1.Deployment) { d.Labels["team"] = "shop" })
	p := accepted(t, ns, "orders", func(p *v1alpha1.KafkaProducerPolicy) {
		p.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop"}}
		p.Spec.Clients = []v1alpha1.ProducerClient{v1alpha1.ClientSarama, v1alpha1.ClientJava, v1alpha1.ClientLibrdkafka}
		p.Spec.Transaction = &v1alpha1.ProducerTransaction{ID: "shop-$(POD_NAME)"}
	})
	d := wantGiven(t, keen, "orders", "")
	wantWorkload(t, p, keen, v1alpha1.WorkloadRolling, "being replaced")
	wantPolicyEvent(t, keen, "Normal", "ProducerPolicyGiven", `KafkaProducerPolicy "orders"`)
	wantWorkload(t, p, shy, v1alpha1.WorkloadNotAsked, v1alpha1.AnnotationProducerContainer)

	wantTemplate := keen.Spec.Template.DeepCopy()
	wantTemplate.Labels[v1alpha1.LabelProducerPolicy] = "orders"
	added := d.Spec.Template.Spec.Volumes[len(d.Spec.Template.Spec.Volumes)-1]
	wantTemplate.Spec.Volumes = append(wantTemplate.Spec.Volumes, added)
	c := &wantTemplate.Spec.Containers[0]
	c.Env = append(c.Env, d.Spec.Template.Spec.Containers[0].Env[1:]...)
	c.VolumeMounts = append(c.VolumeMounts, d.Spec.Template.Spec.Containers[0].VolumeMounts[1:]...)
	if diff := cmp.Diff(*wantTemplate, d.Spec.Template); diff != "" || added.Name != "lagrange-producer" {
		t.Errorf("the template, -want +have:\n%s", diff)
	}
	if mount := d.Spec.Template.Spec.Containers[0].VolumeMounts[1]; mount.MountPath != workerconfig.ProducerMountPath || !mount.ReadOnly {
		t.Errorf("mount %+v", mount)
	}
	wantEnv := map[string]string{workerconfig.EnvProducerConfig: "/etc/lagrange-producer/producer.json", workerconfig.EnvClientID: "metadata.name"}
	if env := producerEnv(d.Spec.Template.Spec.Containers[0]); !cmp.Equal(env, wantEnv) {
		t.Errorf("environment %v, want %v", env, wantEnv)
	}
	cm := filesOf(t, ns, given(d.Spec.Template))
	if names := fileNames(cm); !slices.Equal(names, []string{"librdkafka.conf", "producer.json", "producer.properties"}) {
		t.Errorf("files %q", names)
	}
	owner := cm.OwnerReferences[0]
	if len(cm.OwnerReferences) != 1 || owner.UID != keen.UID || owner.Controller != nil || cm.Immutable == nil || !*cm.Immutable {
		t.Errorf("ConfigMap of %+v, immutable %v", cm.OwnerReferences, cm.Immutable)
	}
	for _, untouched := range []*appsv1.Deployment{shy, other} {
		if is := now(t, untouched); is.ResourceVersion != untouched.ResourceVersion {
			t.Errorf("%s was written: %s", is.Name, cmp.Diff(untouched, is))
		}
	}
}

// TestDeliveryGolden: what Lagrange owns of a workload for settings that did not
// change does not change with the operator's version, so that an upgrade rolls none.
func TestDeliveryGolden(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	shop(t, ns, "keen", asking("shop"))
	accepted(t, ns, "orders", selecting("keen"))
	d := wantGiven(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "keen"}}, "orders", "")
	ours, err := appsv1ac.ExtractDeployment(d, controllers.ProducerFieldManager)
	if err != nil {
		t.Fatal(err)
	}
	ours.WithNamespace("NAMESPACE")
	ours.Spec.Template.Spec.Volumes[0].ConfigMap.WithName("keen-producer-HASH") // it covers the workload's uid
	compareGolden(t, "producer_deployment.yaml", ours)
}

// counted is a client whose writes are counted.
type counted struct {
	client.Client
	writes *atomic.Int64
}

func (c counted) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	c.writes.Add(1)
	return c.Client.Apply(ctx, o, opts...)
}

func (c counted) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	c.writes.Add(1)
	return c.Client.Create(ctx, o, opts...)
}

func (c counted) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	c.writes.Add(1)
	return c.Client.Delete(ctx, o, opts...)
}

func (c counted) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	c.writes.Add(1)
	return c.Client.Patch(ctx, o, patch, opts...)
}

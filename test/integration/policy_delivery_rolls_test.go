package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestDeliveryRollsOnce: other content is one new ConfigMap and one new template;
// the old ConfigMap stays while a ReplicaSet needs it. Without other content
// nothing is written, whatever happens to the workload and the policy.
func TestDeliveryRollsOnce(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	var writes atomic.Int64
	startDelivery(t, deliveryOptions{wrap: func(c client.Client) client.Client { return counted{c, &writes} }}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	first := wantGiven(t, keen, "orders", "")
	old := rolled(t, first)
	wantWorkload(t, p, keen, v1alpha1.WorkloadNotReporting, "no httpGet probe")

	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionLZ4 })
	accept(t, p)
	second := wantGiven(t, keen, "orders", given(first.Spec.Template))
	if second.Generation != first.Generation+1 {
		t.Errorf("generation %d after %d: one change is one roll", second.Generation, first.Generation)
	}
	rolled(t, second)
	w := wantWorkload(t, p, keen, v1alpha1.WorkloadNotReporting, "no httpGet probe")
	if w.Pods != 2 || w.Applied != 0 {
		t.Errorf("%d of %d pods, want 0 of 2", w.Applied, w.Pods)
	}
	files := filesOf(t, ns, given(first.Spec.Template)) // its ReplicaSet is there

	before := writes.Load()
	rework(t, keen, func(d *appsv1.Deployment) { *d.Spec.Replicas = 3 }) // as an HPA would
	rework(t, keen, func(d *appsv1.Deployment) { d.Labels["more"] = "1" })
	wakeUp(t, p, keen)
	wantStill(t, p, keen, v1alpha1.WorkloadNotReporting) // its controller has not seen the third yet
	playStatus(t, keen, func(d *appsv1.Deployment) { d.Status.Replicas, d.Status.UpdatedReplicas = 3, 3 })
	wakeUp(t, p, keen)
	// There is no room for the third.
	wantStill(t, p, keen, v1alpha1.WorkloadNotReporting)
	if n := writes.Load() - before; n != 0 { // those of the policy's status aside
		t.Errorf("%d writes without another content", n)
	}
	if is := now(t, keen); given(is.Spec.Template) != given(second.Spec.Template) || *is.Spec.Replicas != 3 {
		t.Errorf("it mounts %q with %d replicas", given(is.Spec.Template), *is.Spec.Replicas)
	}

	mine := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: ns, Name: "keen-producer-mine", Labels: files.Labels, OwnerReferences: files.OwnerReferences,
	}}
	create(t, mine)
	remove(t, old)
	wantGone(t, files)
	swept(t, filesOf(t, ns, given(second.Spec.Template)))
	filesOf(t, ns, mine.Name)
}

// TestDeliveryAfterUndo: who goes back to an older template owns the name of our older
// ConfigMap, and what is in force is given all the same. A name that isn't ours stays.
func TestDeliveryAfterUndo(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	own := shop(t, ns, "own", asking("shop"), func(d *appsv1.Deployment) { d.Labels = keen.Labels })
	p := accepted(t, ns, "orders", selecting("keen"))
	first := given(wantGiven(t, keen, "orders", "").Spec.Template)
	rolled(t, keen)
	wantGiven(t, own, "orders", "")
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionLZ4 })
	accept(t, p)
	second := given(wantGiven(t, keen, "orders", first).Spec.Template)
	mounting := func(name string) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			for i, v := range d.Spec.Template.Spec.Volumes {
				if v.Name == "lagrange-producer" {
					d.Spec.Template.Spec.Volumes[i].ConfigMap.Name = name
				}
			}
		}
	}
	rework(t, keen, mounting(first))
	eventually(t, func() error {
		if has := given(now(t, keen).Spec.Template); has != second {
			return fmt.Errorf("it mounts %q, want %q", has, second)
		}
		return nil
	})
	rework(t, own, mounting("mine"))
	wantWorkload(t, p, own, v1alpha1.WorkloadConflict, `"shop-team" has set`, "configMap.name")
}

// wantStill: the policy says this of the workload now.
func wantStill(t *testing.T, p *v1alpha1.KafkaProducerPolicy, d *appsv1.Deployment, state v1alpha1.ProducerWorkloadState) {
	t.Helper()
	is, err := policyNow(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range is.Status.Workloads {
		if w.Name == d.Name && w.State != state {
			t.Errorf("%+v, want %s", w, state)
		}
	}
}

// wakeUp waits until the policy has been looked at anew, by a workload that it is told of.
func wakeUp(t *testing.T, p *v1alpha1.KafkaProducerPolicy, like *appsv1.Deployment) {
	t.Helper()
	twin := shop(t, like.Namespace, like.Name+"-twin", nil, func(d *appsv1.Deployment) { d.Labels = like.Labels })
	wantWorkload(t, p, twin, v1alpha1.WorkloadNotAsked)
	remove(t, twin)
	wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error {
		for _, w := range s.Workloads {
			if w.Name == twin.Name {
				return fmt.Errorf("it still has %+v", w)
			}
		}
		return nil
	})
}

// TestDeliveryToStatefulSet: the same, and a ConfigMap stays for as long as a
// revision has it to which pods below the partition would come back.
func TestDeliveryToStatefulSet(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	three, partition := int32(3), int32(2)
	s := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "ledger", Labels: map[string]string{"app": "ledger"}, Annotations: asking("fill")},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &three, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "ledger"}}, Template: shopTemplate("ledger"), ServiceName: "ledger",
		},
	}
	create(t, s)
	before := s.Spec.Template.DeepCopy()
	p := accepted(t, ns, "orders", selecting("ledger"))
	first := wantSetGiven(t, s, "")
	if env := producerEnv(now(t, s).Spec.Template.Spec.InitContainers[0]); len(env) != 1 {
		t.Errorf("the init container has %v", env)
	}
	old := revised(t, s, 0)
	wantWorkload(t, p, s, v1alpha1.WorkloadNotReporting, `"ledger-0"`)

	rework(t, s, func(s *appsv1.StatefulSet) {
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: &partition}
	})
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionLZ4 })
	accept(t, p)
	second := wantSetGiven(t, s, first)
	revised(t, s, partition)
	w := wantWorkload(t, p, s, v1alpha1.WorkloadRolling, "partition 2")
	if w.Pods != 3 {
		t.Errorf("%d pods, want 3", w.Pods)
	}
	for i := range 2 { // pods of the old revision may be killed, and come back as they were
		remove(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("ledger-%d", i)}})
	}
	eventually(t, func() error {
		var pods corev1.PodList
		if err := kube.List(context.Background(), &pods, client.InNamespace(ns)); err != nil || len(pods.Items) > 1 {
			return fmt.Errorf("%d pods: %w", len(pods.Items), err)
		}
		return nil
	})
	swept(t, filesOf(t, ns, second))
	files := filesOf(t, ns, first)

	remove(t, old)
	wantGone(t, files)
	filesOf(t, ns, second)
	remove(t, p)
	eventually(t, func() error {
		if is := now(t, s); given(is.Spec.Template) != "" || ownedByProducer(is) {
			return fmt.Errorf("it mounts %q", given(is.Spec.Template))
		}
		return nil
	})
	if is := now(t, s); !sameTemplate(*before, is.Spec.Template) {
		t.Errorf("left in the template: %+v", is.Spec.Template)
	}
}

// swept waits until what is not needed of a policy's ConfigMaps has been looked for
// once more: one like this, that nothing needs, is gone.
func swept(t *testing.T, like *corev1.ConfigMap) {
	t.Helper()
	unused := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: like.Namespace, Name: like.Name[:len(like.Name)-5] + "other", Labels: like.Labels, OwnerReferences: like.OwnerReferences,
	}, Immutable: ptr.To(true)}
	create(t, unused)
	wantGone(t, unused)
}

func wantSetGiven(t *testing.T, s *appsv1.StatefulSet, before string) (mounted string) {
	t.Helper()
	eventually(t, func() error {
		if mounted = given(now(t, s).Spec.Template); mounted == "" || mounted == before {
			return fmt.Errorf("it mounts %q, want other than %q", mounted, before)
		}
		return nil
	})
	return mounted
}

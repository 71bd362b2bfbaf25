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

// play writes the Deployment's status, as the Deployment controller would.
func play(t *testing.T, g *v1alpha1.KafkaConsumerGroup, change func(d *appsv1.Deployment)) {
	t.Helper()
	eventually(t, func() error {
		d, err := deployment(g)
		if err != nil {
			return err
		}
		before := d.DeepCopy()
		change(d)
		d.Status.ObservedGeneration = d.Generation
		return kube.Status().Patch(context.Background(), d, client.MergeFrom(before))
	})
}

// allAvailable is a Deployment whose rollout is complete.
func allAvailable(d *appsv1.Deployment) {
	n := *d.Spec.Replicas
	d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = n, n, n, n
	progressing(d, corev1.ConditionTrue, "NewReplicaSetAvailable")
}

// progressing sets the Deployment's Progressing condition.
func progressing(d *appsv1.Deployment, status corev1.ConditionStatus, reason string) {
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: status, Reason: reason}}
}

// playPod makes a pod of the Deployment's template with the status.
func playPod(t *testing.T, g *v1alpha1.KafkaConsumerGroup, name string, status corev1.PodStatus) {
	t.Helper()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: name, Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
	create(t, pod)
	pod.Status = status
	if err := kube.Status().Update(context.Background(), pod); err != nil {
		t.Fatal(err)
	}
}

// ready is the status of a pod that has been ready since the given time.
func ready(since metav1.Time) corev1.PodStatus {
	return corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: since}},
	}
}

// noImage is the status of a pod whose image can't be pulled.
func noImage(image string) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: corev1.PodPending,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "worker", Image: image,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image"}},
		}},
	}
}

// playReplicaSet makes the ReplicaSet of the Deployment's present template.
func playReplicaSet(t *testing.T, g *v1alpha1.KafkaConsumerGroup, name string) *appsv1.ReplicaSet {
	t.Helper()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: name, Labels: d.Spec.Template.Labels},
		Spec:       appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template},
	}
	create(t, rs)
	return rs
}

// change edits the group's spec.
func change(t *testing.T, g *v1alpha1.KafkaConsumerGroup, edit func(*v1alpha1.KafkaConsumerGroup)) {
	t.Helper()
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	before := now.DeepCopy()
	edit(now)
	if err := kube.Patch(context.Background(), now, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, o client.Object) {
	t.Helper()
	if err := kube.Delete(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

// wantGone waits until the object does not exist.
func wantGone(t *testing.T, o client.Object) {
	t.Helper()
	eventually(t, func() error {
		now := o.DeepCopyObject().(client.Object)
		err := kube.Get(context.Background(), client.ObjectKeyFromObject(o), now)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil {
			return fmt.Errorf("%T %s is still there", o, o.GetName())
		}
		return nil
	})
}

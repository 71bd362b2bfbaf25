package integration

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// begin is what the Deployment's controller does first with a new template: its
// ReplicaSet with the first pod. The pods from before still run.
func begin(t *testing.T, d *appsv1.Deployment) *appsv1.ReplicaSet {
	t.Helper()
	d = now(t, d)
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: d.Name + "-" + templateHash(t, d.Spec.Template), Labels: d.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template},
	}
	createOnce(t, rs)
	rs = now(t, rs)
	startPod(t, rs, "ReplicaSet", rs.Name+"-0", rs.Spec.Template)
	playStatus(t, d, func(d *appsv1.Deployment) {
		d.Status.Replicas, d.Status.UpdatedReplicas = *d.Spec.Replicas+1, 1
	})
	return rs
}

// rolled ends what begin began: all pods are those of the newest template.
func rolled(t *testing.T, d *appsv1.Deployment) *appsv1.ReplicaSet {
	t.Helper()
	rs := begin(t, d)
	d = now(t, d)
	for i := range int(*d.Spec.Replicas) {
		startPod(t, rs, "ReplicaSet", fmt.Sprintf("%s-%d", rs.Name, i), rs.Spec.Template)
	}
	endPods(t, d, rs)
	playStatus(t, d, allAvailable)
	return rs
}

// endPods ends the pods of the workload that aren't of the newest.
func endPods(t *testing.T, d *appsv1.Deployment, newest metav1.Object) {
	t.Helper()
	var pods corev1.PodList
	if err := kube.List(context.Background(), &pods, client.InNamespace(d.GetNamespace()), client.MatchingLabels(d.Spec.Selector.MatchLabels)); err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		if !metav1.IsControlledBy(&pods.Items[i], newest) {
			if err := kube.Delete(context.Background(), &pods.Items[i], client.GracePeriodSeconds(0)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func startPod(t *testing.T, of client.Object, kind, name string, template corev1.PodTemplateSpec) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.GetNamespace(), Name: name, Labels: template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(of, appsv1.SchemeGroupVersion.WithKind(kind))},
		},
		Spec: template.Spec,
	}
	createOnce(t, pod)
	pod = now(t, pod)
	pod.Status = ready(metav1.Now())
	pod.Status.PodIP, pod.Status.PodIPs = "127.0.0.1", []corev1.PodIP{{IP: "127.0.0.1"}}
	for _, c := range template.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, ContainerID: "test://" + name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	if err := kube.Status().Update(context.Background(), pod); err != nil {
		t.Fatal(err)
	}
}

// playStatus writes the Deployment's status, with the newest generation as observed.
func playStatus(t *testing.T, d *appsv1.Deployment, change func(*appsv1.Deployment)) {
	t.Helper()
	after := now(t, d)
	before := after.DeepCopy()
	change(after)
	after.Status.ObservedGeneration = after.Generation
	if err := kube.Status().Patch(context.Background(), after, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// revised is what the controller of a StatefulSet does with a new template: its
// revision, and of replicas pods the last ones from it, down to the partition.
func revised(t *testing.T, s *appsv1.StatefulSet, partition int32) *appsv1.ControllerRevision {
	t.Helper()
	s = now(t, s)
	content, err := json.Marshal(map[string]any{"spec": map[string]any{"template": s.Spec.Template}})
	if err != nil {
		t.Fatal(err)
	}
	revision := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name + "-" + templateHash(t, s.Spec.Template), Labels: s.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
		},
		Data: runtime.RawExtension{Raw: content}, Revision: s.Generation,
	}
	createOnce(t, revision)
	for i := partition; i < *s.Spec.Replicas; i++ {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: fmt.Sprintf("%s-%d", s.Name, i)}}
		if err := client.IgnoreNotFound(kube.Delete(context.Background(), pod, client.GracePeriodSeconds(0))); err != nil {
			t.Fatal(err)
		}
		startPod(t, s, "StatefulSet", pod.Name, s.Spec.Template)
	}
	before := s.DeepCopy()
	s.Status.ObservedGeneration, s.Status.Replicas = s.Generation, *s.Spec.Replicas
	s.Status.UpdatedReplicas, s.Status.AvailableReplicas, s.Status.ReadyReplicas = *s.Spec.Replicas-partition, *s.Spec.Replicas, *s.Spec.Replicas
	if s.Status.UpdateRevision = revision.Name; partition == 0 {
		s.Status.CurrentRevision = revision.Name
	}
	if err := kube.Status().Patch(context.Background(), s, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	return revision
}

func templateHash(t *testing.T, template corev1.PodTemplateSpec) string {
	t.Helper()
	content, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return fmt.Sprintf("%x", sum[:4])
}

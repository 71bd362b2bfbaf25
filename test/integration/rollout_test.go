package integration

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

const badImage = "registry.example/worker:typo"

func withImage(image string) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Workload.Template.Spec.Containers[0].Image = image }
}

// TestImageNeverPulls: with no worker yet the group isn't ready and names the
// image; past the progress deadline it is stalled with the same words.
func TestImageNeverPulls(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "nopull", kafka.address(), withImage(badImage))
	create(t, g)
	wantReplicas(t, g, 1)
	playPod(t, g, "nopull-0", noImage(badImage))
	play(t, g, func(d *appsv1.Deployment) {
		d.Status.Replicas, d.Status.UpdatedReplicas = 1, 1
		progressing(d, corev1.ConditionTrue, "ReplicaSetUpdated")
	})
	eventually(t, func() error {
		c := wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWorkersStarting)
		return mentions(c.Message, `container "worker"`, badImage, "can't be pulled")
	})
	wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonWorkersStarting)
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)

	play(t, g, func(d *appsv1.Deployment) { progressing(d, corev1.ConditionFalse, "ProgressDeadlineExceeded") })
	stalled := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded)
	if lacks := mentions(stalled.Message, badImage); lacks != nil {
		t.Error(lacks)
	}
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressDeadlineExceeded)
	wantEvent(t, g, corev1.EventTypeWarning, v1alpha1.ReasonProgressDeadlineExceeded, badImage)
}

// TestBadRolloutStaysReady: while the old workers run and the deadline is not
// past, a rollout whose image can't be pulled leaves the group ready.
func TestBadRolloutStaysReady(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "rolling", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 2 })
	create(t, g)
	wantReplicas(t, g, 2)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)

	change(t, g, withImage(badImage))
	wantDeployment(t, g, func(d *appsv1.Deployment) error {
		return mentions(d.Spec.Template.Spec.Containers[0].Image, badImage)
	})
	playPod(t, g, "rolling-new", noImage(badImage))
	play(t, g, func(d *appsv1.Deployment) {
		d.Status.Replicas, d.Status.UpdatedReplicas = 4, 2
		progressing(d, corev1.ConditionTrue, "ReplicaSetUpdated")
	})
	wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { // the pod may be seen after the template
		return mentions(meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReconciling).Message, badImage)
	})
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)

	play(t, g, func(d *appsv1.Deployment) { progressing(d, corev1.ConditionFalse, "ProgressDeadlineExceeded") })
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressDeadlineExceeded)
}

// TestScaleUpPastDeadline: the Deployment does not time a scale-up, Lagrange
// does: ready while it is young, stalled when pods still can't be placed.
func TestScaleUpPastDeadline(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	settings := fastSettings()
	settings.ProgressDeadline = 3 * time.Second
	startManager(t, managerOptions{settings: settings}, ns)
	g := group(ns, "cramped", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)

	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	playPod(t, g, "cramped-1", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 Insufficient cpu.",
	}}})
	play(t, g, func(d *appsv1.Deployment) { d.Status.Replicas, d.Status.UpdatedReplicas = 3, 3 })
	stalled := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded)
	if lacks := mentions(stalled.Message, "3s", "can't be scheduled", "Insufficient cpu"); lacks != nil {
		t.Error(lacks)
	}
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ReplicaSummary != "3/3" || s.SettledReplicas == nil || *s.SettledReplicas != 3 {
			return fmt.Errorf("%s, settled %v, want 3/3 and 3", s.ReplicaSummary, s.SettledReplicas)
		}
		return nil
	})
}

package controllers

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// sayEnding puts into the status what the object waits for, when that is another
// than the status says. Nothing depends on it but a reset that was writing, for
// which it is tried again.
func (r *KafkaConsumerGroupReconciler) sayEnding(ctx context.Context, seen endingSeen, done ended) {
	if seen.group == nil {
		return
	}
	next := seen.group.DeepCopy()
	setEnding(next, seen.workers.deployment, done, seen.workers.now)
	if equality.Semantic.DeepEqual(next.Status, seen.group.Status) {
		return
	}
	err := r.Status().Patch(ctx, next, client.MergeFromWithOptions(seen.group, client.MergeFromWithOptimisticLock{}))
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		log.FromContext(ctx).Info("the status of a group that is being deleted could not be written, which is tried again", "why", err.Error())
	}
}

// setEnding is the status of a group that waits to be deleted: of its workers, and
// what is waited for. Its lag stays what it was last.
func setEnding(group *v1alpha1.KafkaConsumerGroup, deployment *appsv1.Deployment, done ended, now time.Time) {
	s := &group.Status
	s.ObservedGeneration = group.Generation
	s.DesiredReplicas, s.Replicas, s.AvailableReplicas = 0, 0, 0
	if deployment != nil {
		s.DesiredReplicas = ptr.Deref(deployment.Spec.Replicas, 1)
		s.Replicas, s.AvailableReplicas = deployment.Status.Replicas, deployment.Status.AvailableReplicas
	}
	s.ReplicaSummary = fmt.Sprintf("%d/%d", s.AvailableReplicas, s.DesiredReplicas)
	v := endingVerdict(group, done)
	if s.Scaling != nil {
		s.Scaling.Reason, s.Scaling.Message = v.reason, fmt.Sprintf("%d: %s", s.DesiredReplicas, v.message)
	}
	set := func(kind string, v verdict) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
			ObservedGeneration: group.Generation, LastTransitionTime: metav1.NewTime(now),
		})
	}
	set(v1alpha1.ConditionReady, verdict{no, v.reason, v.message})
	set(v1alpha1.ConditionReconciling, v)
	set(v1alpha1.ConditionScalingActive, verdict{no, v.reason, "the object is being deleted"})
	set(v1alpha1.ConditionStalled, verdict{no, v1alpha1.ReasonNothingStalled, "what is waited for ends by itself, at the latest when its time is over"})
}

// endingVerdict is what a group that is being deleted waits for.
func endingVerdict(group *v1alpha1.KafkaConsumerGroup, done ended) verdict {
	until := group.DeletionTimestamp.Add(endWithin).UTC().Format(time.RFC3339)
	if done.deleted {
		return verdict{yes, v1alpha1.ReasonOffsetsDeleted, fmt.Sprintf("being deleted, at the latest at %s: %s", until, done.waits)}
	}
	return verdict{yes, v1alpha1.ReasonDeletingOffsets, fmt.Sprintf(
		"being deleted, and consumer group %q with it (offsetsOnDelete), which stays in Kafka if that is not done by %s: %s", group.Spec.GroupID, until, done.waits)}
}

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// leaveWithin is how long a reset that is being deleted may take to complete what
// it has begun to commit.
const leaveWithin = 10 * time.Minute

// leave does what a deletion asks for: before the commit the workers are started
// again, after it the reset goes on to its end. done: nothing else is to be done.
func (r *KafkaOffsetResetReconciler) leave(ctx context.Context, t *resetTurn) (done bool, err error) {
	deleted := t.reset.DeletionTimestamp
	if deleted.IsZero() {
		return false, nil
	}
	phase, overdue := t.status.Phase, t.now.Sub(deleted.Time) >= leaveWithin
	groupGone := t.group == nil || !t.group.DeletionTimestamp.IsZero()
	writing := t.writing()
	switch {
	case writing && groupGone:
		return r.leaveGroupless(ctx, t, overdue)
	case writing && overdue:
		return r.handOver(ctx, t)
	case groupGone, phase.Finished(), !phase.HoldsWorkers() && (phase != v1alpha1.PhaseResuming || overdue):
		t.close()
		return true, r.release(ctx, t)
	case phase.HoldsWorkers() && !writing:
		t.untouched()
		t.end(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "deleted before anything was committed")
	}
	return false, nil
}

// close ends a reset that goes on the way: whoever looks for it later finds in its
// last event how it ended.
func (t *resetTurn) close() {
	outcome := t.status.Outcome
	switch {
	case t.status.Phase.Finished() || t.status.Approval == nil:
	case outcome != nil && outcome.Phase != v1alpha1.PhasePlanning:
		t.finish(outcome.Phase, outcome.Reason, outcome.Message)
	default:
		t.untouched()
		t.finish(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "deleted before anything was committed")
	}
}

// writing: something of what is intended may be committed, and not all of it be verified.
func (t *resetTurn) writing() bool {
	return t.status.Phase == v1alpha1.PhaseVerifying || t.status.Phase == v1alpha1.PhaseCommitting && t.begun()
}

// leaveGroupless: with its whole namespace a reset goes at once. Where the group
// alone is gone, it may be created anew, as by a tool that deletes and applies: it
// is then given the group again, and goes on.
func (r *KafkaOffsetResetReconciler) leaveGroupless(ctx context.Context, t *resetTurn, overdue bool) (done bool, err error) {
	switch {
	case namespaceGoing(ctx, r.Client, t.reset.Namespace):
		return true, r.release(ctx, t)
	case overdue:
		t.finish(v1alpha1.PhaseFailed, v1alpha1.ReasonGroupMissing, fmt.Sprintf(
			"deleted, and KafkaConsumerGroup %q did not come back within %s: what was committed for it may be a mixture", t.reset.Spec.GroupRef.Name, leaveWithin))
		return true, r.release(ctx, t)
	}
	return false, nil // it waits for the group
}

// offsetsDeleted: the consumer group was deleted on purpose, with its
// KafkaConsumerGroup, which waits for this reset to see it. Nothing is left that
// could be completed: one of that name that comes later begins anew.
func (t *resetTurn) offsetsDeleted() bool {
	if t.group == nil || t.group.DeletionTimestamp.IsZero() || !t.writing() || !isOf(t.status.Plan, t.group) {
		return false
	}
	c := meta.FindStatusCondition(t.group.Status.Conditions, v1alpha1.ConditionReconciling)
	return c != nil && c.Reason == v1alpha1.ReasonOffsetsDeleted
}

// isOf: the plan is of the consumer group that the object has now.
func isOf(plan *v1alpha1.ResetPlan, group *v1alpha1.KafkaConsumerGroup) bool {
	return plan != nil && plan.GroupID == group.Spec.GroupID && plan.ClusterID == group.Status.ClusterID
}

func (r *KafkaOffsetResetReconciler) deletedWithGroup(ctx context.Context, t *resetTurn) (time.Duration, error) {
	t.finish(v1alpha1.PhaseFailed, v1alpha1.ReasonOffsetsDeleted, fmt.Sprintf(
		"KafkaConsumerGroup %q was deleted with offsetsOnDelete: Delete, and consumer group %q with all of its offsets: also with what this reset had committed",
		t.group.Name, t.status.Plan.GroupID))
	return r.finished(ctx, t)
}

// handOver leaves what is not complete to the group's status, and lets the object
// go when that is done.
func (r *KafkaOffsetResetReconciler) handOver(ctx context.Context, t *resetTurn) (done bool, err error) {
	if left := t.group.Status.UnfinishedReset; left != nil && left.UID == t.reset.UID {
		return true, r.release(ctx, t)
	}
	if t.status.HandOver {
		return true, nil // the group's controller has not seen it yet
	}
	t.status.HandOver = true
	if err := r.write(ctx, t); err != nil {
		return true, err
	}
	r.emit(t.reset, groupEvent{corev1.EventTypeWarning, v1alpha1.ReasonOffsetResetUnfinished, "Delete", fmt.Sprintf(
		"deleted while offsets were being committed, which could not be completed within %s: the group stays without workers until another reset has written them (%s)",
		leaveWithin, t.status.Message)})
	return true, nil
}

// hold keeps the object from going before it has given the group back.
func (r *KafkaOffsetResetReconciler) hold(ctx context.Context, t *resetTurn) error {
	return r.setFinalizer(ctx, t, controllerutil.AddFinalizer)
}

// release lets the object go, when it has said how it ended.
func (r *KafkaOffsetResetReconciler) release(ctx context.Context, t *resetTurn) error {
	if err := r.write(ctx, t); err != nil {
		return err
	}
	return r.setFinalizer(ctx, t, controllerutil.RemoveFinalizer)
}

func (r *KafkaOffsetResetReconciler) setFinalizer(ctx context.Context, t *resetTurn, set func(client.Object, string) bool) error {
	if !set(t.reset.DeepCopy(), resetFinalizer) {
		return nil
	}
	err := r.patchGuarded(ctx, t, func(next *v1alpha1.KafkaOffsetReset) { set(next, resetFinalizer) }, func(next *v1alpha1.KafkaOffsetReset, patch client.Patch) error {
		return r.Patch(ctx, next, patch)
	})
	if err != nil {
		return fmt.Errorf("change the finalizers of KafkaOffsetReset %q: %w", client.ObjectKeyFromObject(t.reset), err)
	}
	return nil
}

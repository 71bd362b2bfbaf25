package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	writing := phase == v1alpha1.PhaseVerifying || (phase == v1alpha1.PhaseCommitting && t.begun())
	switch {
	case writing && groupGone:
		return r.leaveGroupless(ctx, t, overdue)
	case writing && overdue:
		return r.handOver(ctx, t)
	case groupGone, phase.Finished(), !phase.HoldsWorkers() && (phase != v1alpha1.PhaseResuming || overdue):
		return true, r.release(ctx, t)
	case phase.HoldsWorkers() && !writing:
		t.untouched()
		t.end(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "deleted before anything was committed")
	}
	return false, nil
}

// leaveGroupless: with its whole namespace a reset goes at once. Where the group
// alone is gone, it may be created anew, as by a tool that deletes and applies: it
// is then given the group again, and goes on.
func (r *KafkaOffsetResetReconciler) leaveGroupless(ctx context.Context, t *resetTurn, overdue bool) (done bool, err error) {
	probe := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: t.reset.Namespace, GenerateName: "lagrange-probe-"}}
	if err := r.Create(ctx, &probe, client.DryRunAll); overdue || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return true, r.release(ctx, t)
	}
	return false, nil // it waits for the group
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

// release lets the object go.
func (r *KafkaOffsetResetReconciler) release(ctx context.Context, t *resetTurn) error {
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

package controllers

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// errResetGone: the reset itself does not exist any more. That something else
// was not found, as a ConfigMap or its namespace, is a failure.
var errResetGone = errors.New("the KafkaOffsetReset is gone")

// patchGuarded writes a change of the reset, and only over the reset that it was
// decided on: of two managers that believe to lead, one fails before it writes to
// Kafka. Its guard is the resourceVersion, which others move too, as a tool that
// notes something in an annotation every 100 ms. Nothing is decided by that: where
// what decides is the same, the change is written over the new version.
func (r *KafkaOffsetResetReconciler) patchGuarded(
	ctx context.Context, t *resetTurn, change func(*v1alpha1.KafkaOffsetReset), send func(*v1alpha1.KafkaOffsetReset, client.Patch) error,
) error {
	base, next := t.reset, (*v1alpha1.KafkaOffsetReset)(nil)
	err := guarded(func() error {
		next = base.DeepCopy()
		change(next)
		return send(next, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	}, func() (bool, error) {
		now, found, err := r.get(ctx, client.ObjectKeyFromObject(base))
		if err != nil || !found || !sameReset(base, now) {
			return false, err
		}
		base = now
		return true, nil
	})
	if apierrors.IsNotFound(err) {
		return errResetGone
	}
	if err == nil {
		t.reset = next
	}
	return err
}

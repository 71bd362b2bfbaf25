package controllers

import (
	"context"
	"errors"
	"fmt"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// leftBy is the snapshot of a reset that is gone, as the group has taken it over.
func (r *KafkaOffsetResetReconciler) leftBy(
	ctx context.Context, t *resetTurn, name string, missing func(why string) *trouble,
) ([]v1alpha1.SavedOffset, *trouble, error) {
	left := t.group.Status.UnfinishedReset
	switch {
	case left == nil || left.Name != name:
		return nil, missing("does not exist"), nil
	case left.Snapshot == nil:
		return nil, missing("was removed by force, and what it recorded with it"), nil
	case left.Snapshot.Mixed:
		return nil, missing("began on what another one had left unfinished, and recorded a mixture"), nil
	case left.ClusterID != t.group.Status.ClusterID:
		return nil, missing("was on another Kafka cluster"), nil
	}
	snapshot, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *left.Snapshot)
	if errors.Is(err, errLost) {
		return nil, missing("has lost what it recorded: " + err.Error()), nil
	}
	return snapshot, nil, err
}

// uncovered refuses a plan that would leave a part of what another reset left
// unfinished, or that is counted from the mixture: the group would be started on it.
func (r *KafkaOffsetResetReconciler) uncovered(
	ctx context.Context, t *resetTurn, written []kafka.TopicPartition, survey kafka.Survey,
) ([]resetplan.Problem, error) {
	left := t.group.Status.UnfinishedReset
	if left == nil {
		return nil, nil
	}
	refused := func(why string) []resetplan.Problem {
		return []resetplan.Problem{{Reason: v1alpha1.ReasonOffsetResetUnfinished, Message: fmt.Sprintf(
			"KafkaOffsetReset %q went before it had committed all of its offsets, and %s", left.Name, why)}}
	}
	if target := t.reset.Spec.Target; target.ShiftBy != nil || target.ToCurrent != nil {
		return refused("what is committed may be a mixture: no offset can be counted from it"), nil
	}
	unfinished, err := r.unfinishedPartitions(ctx, t, *left, survey)
	if err != nil {
		return nil, err
	}
	if missed := resetplan.Missed(unfinished, written); len(missed) > 0 {
		return refused("this one would leave some of them as they are: " + firstFew(missed)), nil
	}
	return nil, nil
}

// unfinishedPartitions are those that may be a mixture: all, where it isn't known
// which were being written. A partition that is gone, or that the group does not
// consume any more, matters to nobody.
func (r *KafkaOffsetResetReconciler) unfinishedPartitions(
	ctx context.Context, t *resetTurn, left v1alpha1.UnfinishedReset, survey kafka.Survey,
) ([]kafka.TopicPartition, error) {
	if left.Writes == nil {
		return resetplan.Unfinished(nil, survey), nil
	}
	writes, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *left.Writes)
	if err != nil && !errors.Is(err, errLost) {
		return nil, err
	}
	return resetplan.Unfinished(writes, survey), nil
}

// unmixed is the snapshot of a reset that runs over what another one left: what
// was committed before that one, not the mixture. Where that isn't known the
// snapshot is no source of a rollback.
func (r *KafkaOffsetResetReconciler) unmixed(ctx context.Context, t *resetTurn, snapshot []v1alpha1.SavedOffset) (_ []v1alpha1.SavedOffset, mixed bool, err error) {
	left := t.group.Status.UnfinishedReset
	if left == nil {
		return snapshot, false, nil
	}
	if left.Snapshot == nil || left.Snapshot.Mixed {
		return snapshot, true, nil
	}
	before, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *left.Snapshot)
	if errors.Is(err, errLost) {
		return snapshot, true, nil
	}
	return resetplan.Unmixed(snapshot, before), false, err
}

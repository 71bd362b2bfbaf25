package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	if missed := notAmong(unfinished, written); len(missed) > 0 {
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
	all := partitionsIn(survey)
	if left.Writes == nil {
		return all, nil
	}
	writes, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *left.Writes)
	if errors.Is(err, errLost) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	there := map[kafka.TopicPartition]bool{}
	for _, p := range all {
		there[p] = true
	}
	return slices.DeleteFunc(writtenPartitions(writes), func(p kafka.TopicPartition) bool { return !there[p] }), nil
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
	was := map[kafka.TopicPartition]v1alpha1.SavedOffset{}
	for _, b := range before {
		was[kafka.TopicPartition{Topic: b.Topic, Partition: b.Partition}] = b
	}
	for i, now := range snapshot {
		if b, found := was[kafka.TopicPartition{Topic: now.Topic, Partition: now.Partition}]; found && b.TopicID == now.TopicID {
			snapshot[i] = b
		}
	}
	return snapshot, false, err
}

func partitionsIn(survey kafka.Survey) []kafka.TopicPartition {
	var all []kafka.TopicPartition
	for _, topic := range survey.Topics {
		for i := range topic.Partitions {
			all = append(all, kafka.TopicPartition{Topic: topic.Name, Partition: int32(i)})
		}
	}
	return all
}

// partitionsOfRows are those that the rows change.
func partitionsOfRows(rows []v1alpha1.ResetRow) []kafka.TopicPartition {
	var changed []kafka.TopicPartition
	for _, row := range rows {
		if row.Action != v1alpha1.ResetSkip {
			changed = append(changed, kafka.TopicPartition{Topic: row.Topic, Partition: row.Partition})
		}
	}
	return changed
}

func notAmong(partitions, written []kafka.TopicPartition) []string {
	is := map[kafka.TopicPartition]bool{}
	for _, p := range written {
		is[p] = true
	}
	var missed []string
	for _, p := range partitions {
		if !is[p] {
			missed = append(missed, p.String())
		}
	}
	return missed
}

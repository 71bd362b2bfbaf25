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
// unfinished: the group would be started on a mixture.
func (r *KafkaOffsetResetReconciler) uncovered(
	ctx context.Context, t *resetTurn, rows []v1alpha1.ResetRow, survey kafka.Survey,
) ([]resetplan.Problem, error) {
	left := t.group.Status.UnfinishedReset
	if left == nil {
		return nil, nil
	}
	unfinished := partitionsIn(survey)
	if left.Writes != nil {
		writes, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *left.Writes)
		if err != nil && !errors.Is(err, errLost) {
			return nil, err
		}
		if err == nil {
			unfinished = writtenPartitions(writes)
		}
	}
	missed := notWrittenBy(rows, unfinished)
	if len(missed) == 0 {
		return nil, nil
	}
	return []resetplan.Problem{{Reason: v1alpha1.ReasonOffsetResetUnfinished, Message: fmt.Sprintf(
		"KafkaOffsetReset %q went before it had committed all of its offsets, and this one would leave some of them as they are: %s", left.Name, firstFew(missed))}}, nil
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

// notWrittenBy are the partitions that the rows leave as they are.
func notWrittenBy(rows []v1alpha1.ResetRow, partitions []kafka.TopicPartition) []string {
	written := map[kafka.TopicPartition]bool{}
	for _, row := range rows {
		written[kafka.TopicPartition{Topic: row.Topic, Partition: row.Partition}] = row.Action != v1alpha1.ResetSkip
	}
	var missed []string
	for _, p := range partitions {
		if !written[p] {
			missed = append(missed, p.String())
		}
	}
	return missed
}

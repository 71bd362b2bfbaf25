package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// keepNow reads what is committed, commits again what is gone, and keeps the rest.
func (r *KafkaConsumerGroupReconciler) keepNow(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d *decision, m *memory) error {
	survey, err := r.surveyOf(ctx, group, seen)
	if err == nil && !survey.Empty() {
		err = fmt.Errorf("keep the offsets of group %q: %w", group.Spec.GroupID, kafka.ErrGroupNotEmpty) // the next sample shows who joined
	}
	if err != nil {
		return err
	}
	next, free := nextKept(seen, survey, m.keeping), mayCommit(seen, d.reset)
	r.askRetention(ctx, group, seen, survey, &next, m)
	plan := resetplan.Keep(keptBefore(seen, next, m.keeping, free), survey)
	read := survey.At
	if free && len(plan.Restore) > 0 {
		if read, err = r.restore(ctx, group, seen, d.reset.released, plan.Restore); err != nil {
			return err
		}
		if survey.State == kafka.StateDead || !survey.Known {
			next.CountedFrom = new(atSecond(survey.At)) // the group is a new one to the broker
		}
	}
	if free || len(plan.Restore) == 0 {
		m.keeping.read = read
	}
	if err := r.store(ctx, group, &next, plan.Offsets, survey.At, m); err != nil {
		return err
	}
	d.kept.noteKept(next, plan, free, seen.now)
	return nil
}

// nextKept is what is going to be kept, but for the offsets. Of another cluster
// than before it is a new beginning.
func nextKept(seen groupSnapshot, survey kafka.Survey, k keeping) v1alpha1.KeptOffsets {
	if seen.kept != nil && seen.kept.ClusterID == survey.ClusterID {
		return *seen.kept.DeepCopy()
	}
	next := v1alpha1.KeptOffsets{EmptySince: atSecond(k.empty), ClusterID: survey.ClusterID}
	if !k.members.IsZero() {
		next.CountedFrom = new(atSecond(k.members))
	}
	return next
}

// keptBefore is what was kept, with the retention as of now. While a reset has the
// say nothing that is gone counts as deleted: it may be the reset that did it.
func keptBefore(seen groupSnapshot, next v1alpha1.KeptOffsets, k keeping, free bool) resetplan.Kept {
	kept := keptOf(next, k.table.offsets)
	if seen.kept != nil {
		kept.ClusterID = seen.kept.ClusterID
	}
	if !free {
		kept.Retention = 0
	}
	return kept
}

// noteKept takes in what was done.
func (d *keptDecision) noteKept(next v1alpha1.KeptOffsets, plan resetplan.Keeping, free bool, now time.Time) {
	if free && len(plan.Restore)+len(plan.Notes) > 0 {
		d.told = &v1alpha1.RestoredOffsets{At: atSecond(now), Partitions: int32(len(plan.Restore)), NotRestored: int32(plan.LeftOut), Notes: plan.Notes}
	}
	if d.after, d.settled = &next, free; len(plan.Offsets) == 0 {
		d.after = nil
	}
}

// surveyOf reads the group whole.
func (r *KafkaConsumerGroupReconciler) surveyOf(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) (kafka.Survey, error) {
	survey, err := r.Kafka.Survey(ctx, seen.connection.connection, kafkaadmin.Question{
		GroupID: group.Spec.GroupID, Topics: existing(seen.sample), Isolation: kafka.Isolation(group.Spec.Consumer.IsolationLevel),
	})
	if err == nil && survey.ClusterID != seen.cluster.id {
		err = fmt.Errorf("survey group %q: cluster %q answered in place of %q", group.Spec.GroupID, survey.ClusterID, seen.cluster.id)
	}
	return survey, err
}

// restore commits again what is gone, and reads it back, since only that tells:
// at that time, by the clock that samples have.
func (r *KafkaConsumerGroupReconciler) restore(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, released *v1alpha1.ActiveReset, writes []v1alpha1.SavedOffset,
) (time.Time, error) {
	if err := r.unclaimedBut(ctx, group, released); err != nil {
		return time.Time{}, err
	}
	failed := r.commitAll(ctx, seen.connection.connection, group.Spec.GroupID, writes, resetplan.CommitLimit)
	survey, err := r.surveyOf(ctx, group, seen)
	if err != nil {
		return time.Time{}, errors.Join(failed, err)
	}
	if !survey.Empty() && failed == nil {
		return survey.At, nil // they were taken, and whoever has joined since may have moved on
	}
	if others := resetplan.Overwritten(writes, survey); len(others) > 0 {
		if failed == nil {
			failed = fmt.Errorf("%w: committed again, and read back: %s", kafka.ErrUnavailable, firstFew(others))
		}
		return time.Time{}, failed
	}
	r.Samples.Refresh(client.ObjectKeyFromObject(group).String()) // its lag is another now
	log.FromContext(ctx).Info("committed offsets again that had expired", "group", group.Spec.GroupID, "partitions", len(writes))
	return survey.At, nil
}

// commitAll makes the commits, in smaller requests where the broker takes no larger ones.
func (r *KafkaConsumerGroupReconciler) commitAll(ctx context.Context, c kafkaadmin.Connection, groupID string, writes []v1alpha1.SavedOffset, limit int) error {
	for _, request := range resetplan.Split(groupID, writes, limit) {
		err := r.Kafka.Commit(ctx, c, groupID, commitsOf(request))
		if errors.Is(err, kafka.ErrTooLarge) && limit/2 >= minLimit {
			err = r.commitAll(ctx, c, groupID, request, limit/2)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func atSecond(at time.Time) metav1.Time { return metav1.NewTime(at.Truncate(time.Second)) }

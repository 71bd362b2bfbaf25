package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

const (
	// resumeWithin is how long the workers may take to come back before the reset
	// ends without them: it has done its part.
	resumeWithin = 5 * time.Minute
	// replayLook is how often the progress of a replay is noted.
	replayLook = 15 * time.Second
)

// resume waits until the group's controller has taken the group back, and until
// the workers consume again.
func (r *KafkaOffsetResetReconciler) resume(ctx context.Context, t *resetTurn) (time.Duration, error) {
	outcome := *t.status.Outcome
	switch {
	case t.hasGroup():
		return replanEvery, nil // the group's controller sees the phase
	case outcome.Phase == v1alpha1.PhasePlanning:
		return r.planAgain(ctx, t, outcome)
	case r.working(t) || t.overdue():
		t.status.Resumed = t.status.Draining != nil && r.working(t)
		t.finish(outcome.Phase, outcome.Reason, outcome.Message+t.idleWords())
		return r.finished(ctx, t)
	}
	return drainLook, nil
}

// idleWords say that nobody goes on from where the offsets are, "" where workers do.
func (t *resetTurn) idleWords() string {
	switch {
	case t.group == nil || !t.group.DeletionTimestamp.IsZero() || t.group.Status.DesiredReplicas > 0:
		return ""
	case t.stopsWorkers():
		return "; the group is paused, and has no workers until that ends"
	}
	return "; the group has no workers now"
}

// stopsWorkers: a pause is in force that lets no workers start.
func (t *resetTurn) stopsWorkers() bool {
	return t.group != nil && pauseOf(t.group).At(t.now) == autoscale.PauseScaleToZero
}

// working: the workers consume, or there are to be none.
func (r *KafkaOffsetResetReconciler) working(t *resetTurn) bool {
	if t.group == nil || !t.group.DeletionTimestamp.IsZero() || t.group.Status.DesiredReplicas == 0 {
		return true
	}
	sample, sampled := r.Samples.Latest(client.ObjectKeyFromObject(t.group).String())
	return t.group.Status.AvailableReplicas > 0 && sampled && sample.State == kafka.StateStable && sample.At.After(t.status.Since.Time)
}

// planAgain makes another plan, which needs another approval.
func (r *KafkaOffsetResetReconciler) planAgain(ctx context.Context, t *resetTurn, why v1alpha1.ResetOutcome) (time.Duration, error) {
	t.status.Approval, t.status.Draining, t.status.Outcome = nil, nil, nil
	t.status.Plan.Because = why.Message
	t.enter(v1alpha1.PhasePlanning, 0, why.Message)
	return r.plan(ctx, t)
}

// finish ends the reset.
func (t *resetTurn) finish(phase v1alpha1.ResetPhase, reason, message string) {
	t.status.Outcome = &v1alpha1.ResetOutcome{Phase: phase, Reason: reason, Message: message}
	t.enter(phase, 0, message)
	t.status.FinishedAt = &metav1.Time{Time: t.now}
}

// finished keeps the progress of the replay up to date, and removes what is to be removed.
func (r *KafkaOffsetResetReconciler) finished(ctx context.Context, t *resetTurn) (time.Duration, error) {
	if err := r.release(ctx, t); err != nil {
		return 0, err
	}
	if err := r.noteReplay(ctx, t); err != nil {
		return 0, err
	}
	wait := time.Duration(0)
	if replay := t.status.Replay; replay != nil && replay.Remaining > 0 {
		wait = replayLook
	}
	ttl := t.reset.Spec.TTLAfterFinished
	if ttl == nil || t.isNewestCommitted() {
		return wait, nil
	}
	left := ttl.Duration - t.now.Sub(t.status.FinishedAt.Time)
	if left > 0 {
		return earlier(wait, left), nil
	}
	return 0, r.remove(ctx, t)
}

// earlier of two waits, of which 0 is none.
func earlier(a, b time.Duration) time.Duration {
	if a > 0 && a < b {
		return a
	}
	return b
}

// isNewestCommitted: the next rollback needs it.
func (t *resetTurn) isNewestCommitted() bool {
	if t.status.Intent == nil {
		return false
	}
	if t.group == nil {
		return true // it may come back
	}
	for _, record := range t.group.Status.Resets {
		if record.Committed {
			return record.UID == t.reset.UID
		}
	}
	return true
}

func (r *KafkaOffsetResetReconciler) remove(ctx context.Context, t *resetTurn) error {
	uid := t.reset.UID
	if err := r.Delete(ctx, t.reset.DeepCopy(), client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete KafkaOffsetReset %q, whose time is over: %w", client.ObjectKeyFromObject(t.reset), err)
	}
	return nil
}

// noteReplay notes how far the workers are with what the reset gave them to do
// again. It ends with the next reset of the group.
func (r *KafkaOffsetResetReconciler) noteReplay(ctx context.Context, t *resetTurn) error {
	done := t.status.Replay != nil && t.status.Replay.Remaining == 0
	if t.status.Phase != v1alpha1.PhaseSucceeded || t.status.Intent == nil || t.group == nil || done {
		return nil
	}
	if !t.isNewestCommitted() {
		t.status.Replay = nil // another reset moved the offsets since
		return nil
	}
	sample, sampled := r.Samples.Latest(client.ObjectKeyFromObject(t.group).String())
	if !sampled || sample.At.Before(t.status.Intent.CommittedAt.Time) {
		return nil
	}
	snapshot, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *t.status.Snapshot)
	var writes []v1alpha1.SavedOffset
	if err == nil {
		writes, err = r.documents().offsetsOf(ctx, t.reset.Namespace, t.status.Intent.Offsets)
	}
	if errors.Is(err, errLost) {
		return nil // there is no progress to tell
	}
	if err != nil {
		return err
	}
	t.status.Replay, t.memory.replay = resetplan.Replay(t.status.Replay, t.memory.replay, snapshot, writes, committedIn(sample), workersOf(t.group), t.now)
	return nil
}

func committedIn(sample kafka.GroupSample) map[kafka.TopicPartition]int64 {
	committed := map[kafka.TopicPartition]int64{}
	for _, topic := range sample.Topics {
		for _, p := range topic.Partitions {
			if p.Err == nil {
				committed[kafka.TopicPartition{Topic: topic.Name, Partition: p.Partition}] = p.Committed
			}
		}
	}
	return committed
}

// workersOf: the rate is of the last minutes, and may be of workers that are stopped by now.
func workersOf(group *v1alpha1.KafkaConsumerGroup) resetplan.Workers {
	workers := resetplan.Workers{None: group.Status.AvailableReplicas == 0}
	if seen := group.Status.Lag; seen != nil && seen.ConsumedPerSecond != nil {
		workers.PerSecond = float64(*seen.ConsumedPerSecond)
	}
	return workers
}

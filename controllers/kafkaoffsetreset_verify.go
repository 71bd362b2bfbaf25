package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

const (
	// freeRounds is how often offsets that somebody else has overwritten are
	// committed again at once; then once every roundEvery, and someone must act.
	freeRounds = 3
	roundEvery = time.Minute
	// verifyLook is how often is looked for what only a person can change.
	verifyLook = 5 * time.Second
)

// verify reads back what was committed, and again after verifyFor: who writes
// without being a member is not held back by the broker's fence.
func (r *KafkaOffsetResetReconciler) verify(ctx context.Context, t *resetTurn) (time.Duration, error) {
	writes, why, err := r.writesOf(ctx, t)
	if err != nil {
		return 0, err
	}
	var survey kafka.Survey
	if why == nil {
		survey, why = r.survey(ctx, t, t.question())
	}
	if why != nil {
		t.waits(why)
		return t.retryKafka(), nil
	}
	lost, kept := resetplan.Lost(writes, survey)
	if overwritten := resetplan.Overwritten(kept, survey); len(overwritten) > 0 {
		return r.again(ctx, t, overwritten)
	}
	intent := t.status.Intent
	intent.Overwritten = nil
	if t.unset(intent.VerifiedAt) {
		intent.VerifiedAt = &metav1.MicroTime{Time: t.now}
	}
	if left := t.reset.Spec.VerifyFor.Duration - t.now.Sub(intent.VerifiedAt.Time); left > 0 {
		t.status.Message = fmt.Sprintf("the offsets are committed; for %s is watched whether somebody else overwrites them", t.reset.Spec.VerifyFor.Duration)
		return left, nil
	}
	if t.heldBack() {
		t.waits(&trouble{v1alpha1.ReasonResumeHeld, fmt.Sprintf(
			"the offsets are committed; resume is false: to start the workers set the annotation %s=true on this object", resumeAnnotation), false})
		return verifyLook, nil
	}
	if len(lost) > 0 {
		return r.lose(ctx, t, lost, survey)
	}
	if why := t.passUnknown(); why != nil {
		t.waits(why)
		return verifyLook, nil
	}
	t.end(v1alpha1.PhaseSucceeded, v1alpha1.ReasonDone, outcomeWords(t.status)+t.settleDedup())
	return r.resume(ctx, t)
}

// lose ends a reset of whose topics some were deleted or created anew since the
// workers stopped. Where what it has committed is on a new topic, that commit is
// deleted: it is an offset of another log, and workers would begin there. That it
// is going to be is stored before.
func (r *KafkaOffsetResetReconciler) lose(ctx context.Context, t *resetTurn, lost []v1alpha1.SavedOffset, survey kafka.Survey) (time.Duration, error) {
	var stale []v1alpha1.SavedOffset
	var topics []string
	for _, w := range lost {
		if !slices.Contains(topics, w.Topic) {
			topics = append(topics, w.Topic)
		}
		if w.TopicID = ""; w.Offset != nil && len(resetplan.Overwritten([]v1alpha1.SavedOffset{w}, survey)) == 0 {
			stale = append(stale, w)
		}
	}
	if t.status.Intent.Lost = shortNames(topics); len(stale) > 0 {
		if err := r.write(ctx, t); err != nil {
			return 0, err
		}
	}
	if err := r.Kafka.Delete(ctx, t.connection.connection, t.status.Plan.GroupID, writtenPartitions(stale)); err != nil {
		t.waits(t.kafkaFailed(err))
		return t.retryKafka(), nil
	}
	t.end(v1alpha1.PhaseFailed, v1alpha1.ReasonTopicChanged, fmt.Sprintf(
		"after the workers had stopped, topics of the plan were deleted or created anew, and what was planned means nothing there; all others are committed: %s",
		firstFew(topics)))
	return r.resume(ctx, t)
}

// heldBack: the workers are to stay stopped until somebody asks for them.
func (t *resetTurn) heldBack() bool {
	resume := t.reset.Spec.Resume
	return resume != nil && !*resume && t.reset.Annotations[resumeAnnotation] != "true" && t.reset.DeletionTimestamp.IsZero()
}

// again commits once more what somebody else has overwritten.
func (r *KafkaOffsetResetReconciler) again(ctx context.Context, t *resetTurn, overwritten []string) (time.Duration, error) {
	intent := t.status.Intent
	intent.Overwritten, intent.VerifiedAt = overwritten, nil
	if intent.Rounds >= freeRounds && !t.unset(intent.CommittedAt) && t.now.Sub(intent.CommittedAt.Time) < roundEvery {
		t.waits(&trouble{v1alpha1.ReasonOverwritten, fmt.Sprintf(
			"somebody who is no member of the group overwrites its offsets; the workers stay stopped until that ends: %s", firstFew(overwritten)), true})
		return verifyLook, nil
	}
	intent.Rounds, intent.Begun, intent.CommittedAt = intent.Rounds+1, 0, nil
	t.enter(v1alpha1.PhaseCommitting, 0, "offsets that somebody else has overwritten are being committed again")
	return r.commit(ctx, t)
}

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// troubled carries a trouble as an error.
type troubled struct{ *trouble }

// Error implements error.
func (t troubled) Error() string { return t.message }

// nothingWritten: the very first request was begun in this turn, and has not been
// done. Of one that was begun before, as after an uncertain answer or by a manager
// that is gone, nobody knows: it may be carried out later.
func (t *resetTurn) nothingWritten(err error) bool {
	return t.status.Intent.Begun == 1 && t.status.Intent.Rounds == 1 && !errors.Is(err, kafka.ErrUncertain)
}

// notCommitted decides what follows a request that was not, or may not have been
// done. Where the broker has refused the very first request, nothing of the plan
// is written, and the reset can fail. Otherwise it goes on until all is written:
// the workers must not see one half of it.
func (r *KafkaOffsetResetReconciler) notCommitted(ctx context.Context, t *resetTurn, untouched bool, err error) (time.Duration, error) {
	intent, why := t.status.Intent, troubled{}
	if untouched {
		intent.Begun = 0 // it is begun anew
	}
	switch {
	case errors.As(err, &why):
		t.waits(why.trouble)
	case errors.Is(err, kafka.ErrTooLarge) && intent.Limit > minLimit:
		return t.smaller(err), nil
	case errors.Is(err, kafka.ErrUncertain):
		if t.memory.uncertain++; t.memory.uncertain > 1 {
			return t.smaller(err), nil
		}
		t.waits(t.kafkaFailed(err))
	case errors.Is(err, kafka.ErrGroupNotEmpty):
		return r.joined(ctx, t, untouched)
	case untouched && refusedReason(err) != "":
		t.untouched()
		t.end(v1alpha1.PhaseFailed, refusedReason(err), "Kafka refused the commit, and nothing was committed: "+err.Error())
		return r.resume(ctx, t)
	case refusedReason(err) != "":
		t.waits(&trouble{refusedReason(err), t.kafkaFailed(err).message, true})
	default:
		t.waits(t.kafkaFailed(err))
	}
	return t.retryKafka(), nil
}

// refusedReason is why the broker will not take the request at another time either,
// empty where it may.
func refusedReason(err error) string {
	switch {
	case errors.Is(err, kafka.ErrUnauthorized), errors.Is(err, kafka.ErrRejected):
		return v1alpha1.ReasonNotPermitted
	case errors.Is(err, kafka.ErrTooLarge):
		return v1alpha1.ReasonTooLarge
	}
	return ""
}

// smaller goes on with requests of half the size. A broker that can't store one
// says so, or fails without a word.
func (t *resetTurn) smaller(err error) time.Duration {
	intent := t.status.Intent
	t.waits(t.kafkaFailed(err))
	if intent.Begun > 0 {
		intent.Rounds++ // some of it may be written
	}
	intent.Limit, intent.Begun = max(intent.Limit/2, minLimit), 0
	return t.retryKafka()
}

// untouched: nothing of the intent was written, so that there is nothing to roll back.
func (t *resetTurn) untouched() { t.status.Intent, t.status.Snapshot = nil, nil }

// joined: the group got a member, and the broker's fence refused the commit.
func (r *KafkaOffsetResetReconciler) joined(ctx context.Context, t *resetTurn, untouched bool) (time.Duration, error) {
	who := "a member that is gone again"
	if membership, err := r.Kafka.Membership(ctx, t.connection.connection, t.status.Plan.GroupID); err == nil && len(membership.Members) > 0 {
		var words []string
		for _, m := range membership.Members {
			words = append(words, memberWords(m))
		}
		who = firstFew(words)
	}
	if untouched {
		t.untouched()
		t.end(v1alpha1.PhaseFailed, v1alpha1.ReasonForeignMembers, "somebody joined the group before the commit, and nothing was committed: "+who)
		return r.resume(ctx, t)
	}
	t.waits(&trouble{v1alpha1.ReasonForeignMembers, fmt.Sprintf(
		"somebody joined the group while offsets were being committed; the rest is committed when they have left: %s", who), true})
	return drainLook, nil
}

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// minLimit is the least that a commit request is made smaller to: no broker takes
// less than that for one record.
const minLimit = 16 << 10

// commit writes what is intended, request by request. Each request is marked as
// begun in the status before it is made. One that was begun and whose answer is
// not known, as after a crash, is read back first, and made again only where it
// was not done: nothing else writes while the group is drained.
func (r *KafkaOffsetResetReconciler) commit(ctx context.Context, t *resetTurn) (time.Duration, error) {
	if !t.begun() && r.stopped(t) {
		t.untouched()
		return r.resume(ctx, t)
	}
	writes, why, err := r.writesOf(ctx, t)
	if err != nil {
		return 0, err
	}
	if why == nil {
		why = t.reachable()
	}
	if why == nil && !t.mayWrite() {
		why = &trouble{v1alpha1.ReasonInProgress, "the group's controller has not noted yet that offsets are going to change", false}
	}
	if why != nil {
		t.waits(why)
		return t.retryKafka(), nil
	}
	if !t.begun() {
		if still, wait, err := r.stillSo(ctx, t); !still || err != nil {
			return wait, err
		}
	}
	requests := resetplan.Split(t.status.Plan.GroupID, writes, int(t.status.Intent.Limit))
	t.status.Intent.Requests = int32(len(requests))
	if begun := t.status.Intent.Begun; begun > 0 {
		if err := r.goOn(ctx, t, requests[begun-1]); err != nil {
			return r.notCommitted(ctx, t, requests[begun-1], err)
		}
	}
	for _, request := range requests[t.status.Intent.Begun:] {
		t.status.Intent.Begun++
		if err := r.write(ctx, t); err != nil { // which makes t.status anew
			return 0, err
		}
		if err := r.send(ctx, t, request); err != nil {
			return r.notCommitted(ctx, t, request, err)
		}
	}
	t.memory.uncertain = 0
	t.status.Intent.CommittedAt = &metav1.MicroTime{Time: r.Clock.Now()}
	r.Samples.Refresh(client.ObjectKeyFromObject(t.group).String()) // its lag is another now
	t.enter(v1alpha1.PhaseVerifying, 0, "the offsets are committed, and are being read back")
	return time.Nanosecond, nil
}

// mayWrite: the group's status says that no worker is left and that offsets are
// changing, so that its controller starts none should this reset be removed by force.
func (t *resetTurn) mayWrite() bool {
	return t.hasGroup() && t.group.Status.ActiveReset.Writing && t.group.Status.ActiveReset.Stopped
}

// begun: something of the intent may be written.
func (t *resetTurn) begun() bool {
	return t.status.Intent != nil && (t.status.Intent.Begun > 0 || t.status.Intent.Rounds > 1)
}

// stillSo holds the intent against Kafka once more, right before the first
// request: since it was stored hours may have passed, with no manager, and the
// log may have moved on. What is not as it was is looked at anew.
func (r *KafkaOffsetResetReconciler) stillSo(ctx context.Context, t *resetTurn) (still bool, wait time.Duration, err error) {
	survey, why := r.survey(ctx, t, t.question())
	if why != nil {
		t.waits(why)
		return false, t.retryKafka(), nil
	}
	drained, problems, err := r.held(ctx, t, survey)
	if err != nil {
		return false, 0, err
	}
	_, writes := resetplan.Hash(drained.Writes)
	_, snapshot := resetplan.Hash(drained.Snapshot)
	if survey.Empty() && len(problems) == 0 && writes == t.status.Intent.Offsets.SHA256 && snapshot == t.status.Snapshot.SHA256 {
		return true, 0, nil
	}
	t.untouched()
	t.enter(v1alpha1.PhaseRechecking, t.reset.Spec.DrainTimeout.Duration, "what is committed, or the log, has changed; the plan is held against it again")
	return false, time.Nanosecond, nil
}

// writesOf is what is intended.
func (r *KafkaOffsetResetReconciler) writesOf(ctx context.Context, t *resetTurn) ([]v1alpha1.SavedOffset, *trouble, error) {
	writes, err := r.documents().offsetsOf(ctx, t.reset.Namespace, t.status.Intent.Offsets)
	if lost := tablesLost(err); lost != nil {
		return nil, lost, nil
	}
	return writes, nil, err
}

// goOn makes sure that a request that was begun is done. What is lost since is
// left out: no broker takes a commit for it.
func (r *KafkaOffsetResetReconciler) goOn(ctx context.Context, t *resetTurn, request []v1alpha1.SavedOffset) error {
	survey, why := r.survey(ctx, t, t.question())
	if why != nil {
		return troubled{why}
	}
	_, request = resetplan.Lost(request, survey)
	if len(resetplan.Overwritten(request, survey)) == 0 {
		return nil
	}
	if anyWritten(request, survey) {
		t.status.Intent.Rounds++ // it was done, and somebody else wrote since
	}
	return r.send(ctx, t, request)
}

// anyWritten tells whether a request was done: what it writes is written as a whole.
func anyWritten(request []v1alpha1.SavedOffset, survey kafka.Survey) bool {
	for i := range request {
		if len(resetplan.Overwritten(request[i:i+1], survey)) == 0 {
			return true
		}
	}
	return false
}

// send makes one request: all commits, or all deletions.
func (r *KafkaOffsetResetReconciler) send(ctx context.Context, t *resetTurn, request []v1alpha1.SavedOffset) error {
	connection, groupID := t.connection.connection, t.status.Plan.GroupID
	if request[0].Offset == nil {
		return r.Kafka.Delete(ctx, connection, groupID, writtenPartitions(request))
	}
	return r.Kafka.Commit(ctx, connection, groupID, commitsOf(request))
}

// troubled carries a trouble as an error.
type troubled struct{ *trouble }

// Error implements error.
func (t troubled) Error() string { return t.message }

// notCommitted decides what follows a request that was not, or may not have been
// done. Where the broker has refused the very first request, nothing of the plan
// is written, and the reset can fail. Otherwise it goes on until all is written:
// the workers must not see one half of it.
func (r *KafkaOffsetResetReconciler) notCommitted(ctx context.Context, t *resetTurn, request []v1alpha1.SavedOffset, err error) (time.Duration, error) {
	intent, why := t.status.Intent, troubled{}
	untouched := intent.Begun == 1 && intent.Rounds == 1
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
		return r.joined(ctx, t, untouched && r.notWritten(ctx, t, request))
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

// notWritten: nothing of the request is there. One that was given up for lost may
// have been done after it was read back for the last time.
func (r *KafkaOffsetResetReconciler) notWritten(ctx context.Context, t *resetTurn, request []v1alpha1.SavedOffset) bool {
	survey, why := r.survey(ctx, t, t.question())
	return why == nil && !anyWritten(request, survey)
}

// smaller goes on with requests of half the size. A broker that can't store one
// says so, or fails without a word.
func (t *resetTurn) smaller(err error) time.Duration {
	intent := t.status.Intent
	t.waits(t.kafkaFailed(err))
	if intent.Begun > 1 || !errors.Is(err, kafka.ErrTooLarge) {
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

// writtenPartitions and commitsOf are writes as they go to Kafka.
func commitsOf(writes []v1alpha1.SavedOffset) []kafka.PartitionCommit {
	commits := make([]kafka.PartitionCommit, 0, len(writes))
	for _, w := range writes {
		commits = append(commits, kafka.PartitionCommit{
			TopicPartition: kafka.TopicPartition{Topic: w.Topic, Partition: w.Partition},
			Commit:         kafka.Commit{Offset: *w.Offset, Metadata: w.Metadata},
		})
	}
	return commits
}

func writtenPartitions(writes []v1alpha1.SavedOffset) []kafka.TopicPartition {
	partitions := make([]kafka.TopicPartition, 0, len(writes))
	for _, w := range writes {
		partitions = append(partitions, kafka.TopicPartition{Topic: w.Topic, Partition: w.Partition})
	}
	return partitions
}

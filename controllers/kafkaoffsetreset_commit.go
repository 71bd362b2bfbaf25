package controllers

import (
	"context"
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
	if why == nil && !t.mayWrite() {
		why = &trouble{v1alpha1.ReasonInProgress, fmt.Sprintf(
			"%d offsets are going to be committed, once the status of KafkaConsumerGroup %q says that they may change", len(writes), t.group.Name), false}
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
			return r.notCommitted(ctx, t, false, err)
		}
	}
	for _, request := range requests[t.status.Intent.Begun:] {
		t.status.Intent.Begun++
		if err := r.write(ctx, t); err != nil { // which makes t.status anew
			return 0, err
		}
		if err := r.send(ctx, t, request); err != nil {
			return r.notCommitted(ctx, t, t.nothingWritten(err), err)
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

// writesOf is what is intended. That the group is going is told before that a table
// is lost: the deletion of the group waits to be told it.
func (r *KafkaOffsetResetReconciler) writesOf(ctx context.Context, t *resetTurn) ([]v1alpha1.SavedOffset, *trouble, error) {
	if why := t.reachable(); why != nil {
		return nil, why, nil
	}
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

// writtenPartitions and commitsOf are writes as they go to Kafka.
func commitsOf(writes []v1alpha1.SavedOffset) []kafka.PartitionCommit {
	commits := make([]kafka.PartitionCommit, 0, len(writes))
	for _, w := range writes {
		commits = append(commits, kafka.PartitionCommit{
			TopicPartition: kafka.TopicPartition{Topic: w.Topic, Partition: w.Partition},
			Commit:         kafka.Commit{Offset: *w.Offset, Metadata: resetplan.MetadataOf(w)},
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

package worker_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// The group goes on while a member opens what it was given: the commit of where
// it opens is refused, and the partition must not be opened then.
func TestALatePartitionStaysClosedWhenItsCommitIsRefused(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 5)
	config, handled := b.config(), newRecord()
	config.Assignment = worker.CooperativeSticky
	config.MetadataRefresh = 200 * time.Millisecond
	w := start(t, config, handled.handle)
	await(t, "all of the first partition", func() bool { return b.committed(0) == 5 })
	var refused atomic.Int32
	b.ControlKey(int16(kmsg.OffsetCommit), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		commit := request.(*kmsg.OffsetCommitRequest)
		if !commits(commit, 1) || refused.Load() > 0 {
			return nil, nil, false
		}
		if len(handled.of(1)) > 0 {
			t.Error("the partition was opened before it was committed where")
		}
		refused.Add(1)
		return refuse(commit, kerr.IllegalGeneration), nil, true
	})
	if err := b.admin.CreatePartitions(topic, 2, nil, false); err != nil {
		t.Fatal(err)
	}
	await(t, "the producer knows the partition", func() bool { return len(b.PartitionInfos(topic)) == 2 })
	if err := b.refresh(); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 1, 5)
	await(t, "all of the new partition", func() bool { return b.committed(1) == 5 })
	joined := metric(t, config.Registry, "lagrange_worker_rebalances_total")
	w.stop(t)
	if diff := cmp.Diff(offsets(0, 5), handled.of(1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if refused.Load() != 1 || joined != 2 {
		t.Errorf("%d commits refused in %v memberships, want one, and that the group was joined again", refused.Load(), joined)
	}
}

// Between JoinGroup and SyncGroup a cooperative member that goes on is asked for
// a generation that it does not know yet. It has lost nothing by that.
func TestACommitBetweenGenerationsIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.commit(t, 0, 0)
	b.produce(t, 0, 5)
	config, handled := b.config(), newRecord()
	config.Assignment = worker.CooperativeSticky
	var refused atomic.Bool
	b.ControlKey(int16(kmsg.OffsetCommit), func(request kmsg.Request) (kmsg.Response, error, bool) {
		refused.Store(true)
		return refuse(request.(*kmsg.OffsetCommitRequest), kerr.IllegalGeneration), nil, true
	})
	w := start(t, config, handled.handle)
	await(t, "all of it", func() bool { return b.committed(0) == 5 })
	joined := metric(t, config.Registry, "lagrange_worker_rebalances_total")
	w.stop(t)
	if !refused.Load() || joined != 1 {
		t.Errorf("refused: %t, %v memberships, want one that goes on", refused.Load(), joined)
	}
	if diff := cmp.Diff(offsets(0, 5), handled.of(0)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func commits(request *kmsg.OffsetCommitRequest, partition int32) bool {
	for _, topic := range request.Topics {
		for _, p := range topic.Partitions {
			if p.Partition == partition {
				return true
			}
		}
	}
	return false
}

// refuse answers every partition with the code.
func refuse(request *kmsg.OffsetCommitRequest, code *kerr.Error) *kmsg.OffsetCommitResponse {
	response := request.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, topic := range request.Topics {
		answer := kmsg.OffsetCommitResponseTopic{Topic: topic.Topic}
		for _, p := range topic.Partitions {
			answer.Partitions = append(answer.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: code.Code})
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

package kafkaadmin

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestTopicOfMarksPartitionsWithoutLeader(t *testing.T) {
	got := topicOf(&sarama.TopicMetadata{Name: "orders", Partitions: []*sarama.PartitionMetadata{
		{ID: 1, Leader: -1, Err: sarama.ErrLeaderNotAvailable},
		{ID: 0, Leader: 7, Err: sarama.ErrReplicaNotAvailable},
	}})
	if got.err != nil || len(got.partitions) != 2 {
		t.Fatalf("got %+v, want two partitions", got)
	}
	if first := got.partitions[0]; first != (partition{leader: 7}) {
		t.Errorf("a partition that lacks a replica is read from its leader: %+v", first)
	}
	if second := got.partitions[1]; !errors.Is(second.err, kafka.ErrUnavailable) {
		t.Errorf("a partition without a leader is %+v, want ErrUnavailable", second)
	}
}

func TestTopicOfRefusesGaps(t *testing.T) {
	for name, ids := range map[string][]int32{"MissingFirst": {1}, "MissingMiddle": {0, 2}, "Twice": {0, 0}, "Huge": {1 << 30}} {
		t.Run(name, func(t *testing.T) {
			answer := &sarama.TopicMetadata{Name: "orders"}
			for _, id := range ids {
				answer.Partitions = append(answer.Partitions, &sarama.PartitionMetadata{ID: id})
			}
			if got := topicOf(answer); !errors.Is(got.err, kafka.ErrUnavailable) || got.partitions != nil {
				t.Errorf("partitions %v are taken for the whole topic: %+v", ids, got)
			}
		})
	}
}

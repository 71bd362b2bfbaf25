package worker

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// lookup reads offsets. What could not be read is an error, never "none".
type lookup struct {
	client    sarama.Client
	admin     sarama.ClusterAdmin
	group     string
	isolation sarama.IsolationLevel
}

// newLookup works on the client's own connections. sarama's admin wants the
// client to know the cluster's controller, which it does after it has asked
// for the topics.
func newLookup(client sarama.Client, group string) (lookup, error) {
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return lookup{}, fmt.Errorf("prepare offset lookups: %w", err)
	}
	return lookup{client: client, admin: admin, group: group, isolation: client.Config().Consumer.IsolationLevel}, nil
}

// commits reads the group's commits for all partitions named.
func (l lookup) commits(partitions map[string][]int32) (map[kafka.TopicPartition]commit, error) {
	response, err := l.admin.ListConsumerGroupOffsets(l.group, partitions)
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %q: %w", l.group, err)
	}
	commits := make(map[kafka.TopicPartition]commit)
	for topic, numbers := range partitions {
		for _, number := range numbers {
			tp := kafka.TopicPartition{Topic: topic, Partition: number}
			if commits[tp], err = readCommit(response, tp); err != nil {
				return nil, fmt.Errorf("read the offset of group %q for %q: %w", l.group, tp, err)
			}
		}
	}
	return commits, nil
}

func readCommit(response *sarama.OffsetFetchResponse, tp kafka.TopicPartition) (commit, error) {
	block := response.GetBlock(tp.Topic, tp.Partition)
	if block == nil {
		return commit{}, sarama.ErrIncompleteResponse
	}
	if !errors.Is(block.Err, sarama.ErrNoError) {
		return commit{}, block.Err
	}
	if block.Offset < 0 {
		return commit{offset: kafka.NoOffset}, nil
	}
	return commit{offset: block.Offset, firstCount: parseFirstCount(block.Metadata)}, nil
}

// logRanges reads what the logs of the claimed partitions hold.
func (l lookup) logRanges(claims map[string][]int32) (map[kafka.TopicPartition]logRange, error) {
	starts, err := l.offsets(claims, sarama.OffsetOldest, sarama.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("read log starts: %w", err)
	}
	ends, err := l.offsets(claims, sarama.OffsetNewest, sarama.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("read log ends: %w", err)
	}
	readable := ends
	if l.isolation == sarama.ReadCommitted {
		if readable, err = l.offsets(claims, sarama.OffsetNewest, sarama.ReadCommitted); err != nil {
			return nil, fmt.Errorf("read last stable offsets: %w", err)
		}
	}
	ranges := make(map[kafka.TopicPartition]logRange, len(starts))
	for tp, start := range starts {
		ranges[tp] = logRange{start: start, end: ends[tp], readable: readable[tp]}
	}
	return ranges, nil
}

func (l lookup) offsets(claims map[string][]int32, which int64, isolation sarama.IsolationLevel) (map[kafka.TopicPartition]int64, error) {
	query := make(map[string]map[int32]int64, len(claims))
	for topic, numbers := range claims {
		query[topic] = make(map[int32]int64, len(numbers))
		for _, number := range numbers {
			query[topic][number] = which
		}
	}
	results, err := l.admin.ListOffsets(query, &sarama.ListOffsetsOptions{IsolationLevel: isolation})
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	offsets := make(map[kafka.TopicPartition]int64)
	for topic, numbers := range claims {
		for _, number := range numbers {
			tp := kafka.TopicPartition{Topic: topic, Partition: number}
			if offsets[tp], err = readOffset(results[topic][number]); err != nil {
				return nil, fmt.Errorf("partition %q: %w", tp, err)
			}
		}
	}
	return offsets, nil
}

func readOffset(result *sarama.OffsetResult) (int64, error) {
	switch {
	case result == nil:
		return 0, sarama.ErrIncompleteResponse
	case result.Err != nil && !errors.Is(result.Err, sarama.ErrNoError):
		return 0, result.Err
	case result.Offset < 0:
		return 0, fmt.Errorf("the broker answered offset %d", result.Offset)
	}
	return result.Offset, nil
}

// siblings are all partitions of the topics, those claimed among them even if
// this client has not heard of them yet.
func (l lookup) siblings(topics []string, claims map[string][]int32) (map[string][]int32, error) {
	all := make(map[string][]int32, len(topics))
	for _, topic := range topics {
		numbers, err := l.client.Partitions(topic)
		if err != nil {
			return nil, fmt.Errorf("list the partitions of topic %q: %w", topic, err)
		}
		all[topic] = union(numbers, claims[topic])
	}
	return all, nil
}

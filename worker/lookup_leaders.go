package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// offsets asks the leaders of the partitions, all at once, and those of whom a
// leader knows nothing again.
func (l lookup) offsets(ctx context.Context, partitions []kafka.TopicPartition, which int64, isolation sarama.IsolationLevel) (offsets, error) {
	found := make(offsets, len(partitions))
	for attempt := 1; ; attempt++ {
		missing := slices.DeleteFunc(slices.Clone(partitions), func(tp kafka.TopicPartition) bool {
			_, known := found[tp]
			return known
		})
		err := l.askLeaders(missing, which, isolation, found)
		if err == nil {
			return found, nil
		}
		if attempt == lookupAttempts || !leaderMoves(err) || !pause(ctx, lookupBackoff*time.Duration(attempt)) {
			return nil, err
		}
		if err := l.client.RefreshMetadata(claimedTopics(byTopic(missing))...); err != nil {
			return nil, fmt.Errorf("find the leaders: %w", err)
		}
	}
}

// askLeaders adds what it learns to found, and returns what went wrong.
func (l lookup) askLeaders(partitions []kafka.TopicPartition, which int64, isolation sarama.IsolationLevel, found offsets) error {
	leaders, err := l.leaders(partitions)
	if err != nil {
		return err
	}
	var asking sync.WaitGroup
	var mutex sync.Mutex
	var errs []error
	for leader, led := range leaders {
		asking.Go(func() {
			answers, err := ask(leader, led, l.offsetRequest(led, which, isolation), which)
			mutex.Lock()
			defer mutex.Unlock()
			errs = append(errs, err)
			for tp, offset := range answers {
				found[tp] = offset
			}
		})
	}
	asking.Wait()
	return errors.Join(errs...)
}

// leaders gives up at the first partition that has none. sarama looks for the
// leader of each one for 0.75 s: with 16 of them on a broker that is down that
// would be 12 s.
func (l lookup) leaders(partitions []kafka.TopicPartition) (map[*sarama.Broker][]kafka.TopicPartition, error) {
	leaders := make(map[*sarama.Broker][]kafka.TopicPartition)
	for _, tp := range partitions {
		leader, err := l.client.Leader(tp.Topic, tp.Partition)
		if err != nil {
			return nil, fmt.Errorf("find the leader of %q: %w", tp, err)
		}
		leaders[leader] = append(leaders[leader], tp)
	}
	return leaders, nil
}

func (l lookup) offsetRequest(partitions []kafka.TopicPartition, which int64, isolation sarama.IsolationLevel) *sarama.OffsetRequest {
	request := sarama.NewOffsetRequest(l.client.Config().Version)
	request.IsolationLevel = isolation
	for _, tp := range partitions {
		request.AddBlock(tp.Topic, tp.Partition, which, 1)
	}
	return request
}

func ask(leader *sarama.Broker, partitions []kafka.TopicPartition, request *sarama.OffsetRequest, which int64) (offsets, error) {
	response, err := leader.GetAvailableOffsets(request)
	if err != nil {
		_ = leader.Close() // a broker that broke off has to be closed to be dialled again
		return nil, &cutOffError{fmt.Errorf("ask broker %q: %w", leader.Addr(), err)}
	}
	found := make(offsets, len(partitions))
	var errs []error
	for _, tp := range partitions {
		offset, err := readOffset(response.GetBlock(tp.Topic, tp.Partition), which)
		if err != nil {
			errs = append(errs, fmt.Errorf("partition %q: %w", tp, err))
			continue
		}
		found[tp] = offset
	}
	return found, errors.Join(errs...)
}

// readOffset takes -1 for an answer only where a time was asked for.
func readOffset(block *sarama.OffsetResponseBlock, which int64) (int64, error) {
	switch {
	case block == nil:
		return 0, sarama.ErrIncompleteResponse
	case !errors.Is(block.Err, sarama.ErrNoError):
		return 0, block.Err
	case block.Offset < 0 && which < 0:
		return 0, fmt.Errorf("the broker answered offset %d", block.Offset)
	}
	return block.Offset, nil
}

// leaderMoves tells that another broker leads by now, or will know soon.
func leaderMoves(err error) bool {
	return cutOff(err) || slices.ContainsFunc([]error{
		sarama.ErrNotLeaderForPartition, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrOffsetNotAvailable, sarama.ErrReplicaNotAvailable, sarama.ErrKafkaStorageError,
		sarama.ErrUnknownTopicOrPartition, // a partition that was just added
	}, func(moves error) bool { return errors.Is(err, moves) })
}

func byTopic(partitions []kafka.TopicPartition) map[string][]int32 {
	topics := make(map[string][]int32)
	for _, tp := range partitions {
		topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
	}
	return topics
}

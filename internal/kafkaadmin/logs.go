package kafkaadmin

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// offset is a position as it was read, or why it could not be.
type offset struct {
	at  int64
	err error
}

// logEnds are the two ends of one partition's log.
type logEnds struct {
	start, end int64
	err        error
}

// readLogs asks each leader once for all ends and once for all starts of the
// partitions that it leads: a request can name a partition only once.
func (c *client) readLogs(ctx context.Context, known *cluster) map[kafka.TopicPartition]logEnds {
	ctx, cancel := c.step(ctx)
	defer cancel()
	var (
		mu   sync.Mutex
		logs = map[kafka.TopicPartition]logEnds{}
		all  sync.WaitGroup
	)
	for leader, partitions := range known.led() {
		all.Go(func() {
			led := c.readLogsOf(ctx, known.brokers[leader], partitions)
			mu.Lock()
			defer mu.Unlock()
			for i, p := range partitions {
				logs[p] = led[i]
			}
		})
	}
	all.Wait()
	return logs
}

// led lists the partitions by their leader, which no broker is if it is -1.
func (c *cluster) led() map[int32][]kafka.TopicPartition {
	led := map[int32][]kafka.TopicPartition{}
	for name, topic := range c.topics {
		for _, p := range topic.partitions {
			led[p.leader] = append(led[p.leader], kafka.TopicPartition{Topic: name, Partition: p.id})
		}
	}
	return led
}

func (c *client) readLogsOf(ctx context.Context, leader *link, partitions []kafka.TopicPartition) []logEnds {
	ends := c.listOffsets(ctx, leader, partitions, sarama.OffsetNewest, "end")
	starts := c.listOffsets(ctx, leader, partitions, sarama.OffsetOldest, "start")
	logs := make([]logEnds, len(partitions))
	for i := range partitions {
		logs[i] = logEnds{start: starts[i].at, end: ends[i].at, err: ends[i].err}
		if logs[i].err == nil {
			logs[i].err = starts[i].err
		}
	}
	return logs
}

// listOffsets returns one offset for each partition, in their order.
func (c *client) listOffsets(ctx context.Context, leader *link, partitions []kafka.TopicPartition, which int64, name string) []offset {
	response, err := askListed(ctx, leader, func(b *sarama.Broker) (*sarama.OffsetResponse, error) {
		request := sarama.NewOffsetRequest(c.config.Version)
		for _, p := range partitions {
			request.AddBlock(p.Topic, p.Partition, which, 1)
		}
		return b.GetAvailableOffsets(request)
	})
	offsets := make([]offset, len(partitions))
	for i, p := range partitions {
		if offsets[i] = listed(response, p, err); offsets[i].err != nil {
			offsets[i].err = fmt.Errorf("read the log %s of partition %q: %w", name, p, offsets[i].err)
		}
	}
	return offsets
}

// askListed is ask for a broker that may be missing from the metadata.
func askListed[T any](ctx context.Context, broker *link, request func(*sarama.Broker) (T, error)) (T, error) {
	if broker == nil {
		return *new(T), errNotListed
	}
	return ask(ctx, broker, request)
}

func listed(response *sarama.OffsetResponse, p kafka.TopicPartition, err error) offset {
	if err != nil {
		return offset{err: err}
	}
	block := response.GetBlock(p.Topic, p.Partition)
	switch {
	case block == nil:
		return offset{err: errLeftOut}
	case block.Err != sarama.ErrNoError:
		return offset{err: partitionRefusal(block.Err)}
	case block.Offset < 0:
		return offset{err: fmt.Errorf("%w: the answer has no offset", kafka.ErrRejected)}
	default:
		return offset{at: block.Offset}
	}
}

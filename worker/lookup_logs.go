package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

type offsets map[kafka.TopicPartition]int64

// logs reads what the logs of the claimed partitions hold. The order counts:
// a log grows meanwhile. With the end read last, a message that was produced
// after "no message is young enough" would be passed over.
func (l lookup) logs(ctx context.Context, claims map[string][]int32, youngest time.Time) (map[kafka.TopicPartition]logRange, error) {
	partitions := flatten(claims)
	starts, err := l.offsets(ctx, partitions, sarama.OffsetOldest, sarama.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("read log starts: %w", err)
	}
	ends, err := l.offsets(ctx, partitions, sarama.OffsetNewest, sarama.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("read log ends: %w", err)
	}
	readable := ends
	if l.isolation == sarama.ReadCommitted {
		if readable, err = l.offsets(ctx, partitions, sarama.OffsetNewest, sarama.ReadCommitted); err != nil {
			return nil, fmt.Errorf("read last stable offsets: %w", err)
		}
	}
	young, err := l.young(ctx, readable, youngest)
	if err != nil {
		return nil, fmt.Errorf("read the first offsets since %s: %w", youngest.Format(time.RFC3339), err)
	}
	logs := make(map[kafka.TopicPartition]logRange, len(partitions))
	for _, tp := range partitions {
		logs[tp] = logRange{starts[tp], ends[tp], readable[tp], young[tp]}
	}
	return logs, nil
}

// young is where the first message of that age stands. The broker says -1, and
// no error, when there is none: then it is where a reader who has read all
// stands. Taken for an offset, -1 would hand in every message that is too old.
//
// The broker looks no further than the first segment that has ever held a
// message of that age: where DeleteRecords has taken just those away, it says
// -1 although a later segment has others.
func (l lookup) young(ctx context.Context, readable offsets, youngest time.Time) (offsets, error) {
	young := make(offsets, len(readable))
	for tp := range readable {
		young[tp] = kafka.NoOffset
	}
	if youngest.IsZero() {
		return young, nil
	}
	found, err := l.offsets(ctx, young.partitions(), max(youngest.UnixMilli(), 0), l.isolation)
	if err != nil {
		return nil, err
	}
	for tp, offset := range found {
		if offset < 0 {
			found[tp] = readable[tp]
		}
	}
	return found, nil
}

func (o offsets) partitions() []kafka.TopicPartition {
	var list []kafka.TopicPartition
	for tp := range o {
		list = append(list, tp)
	}
	return list
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readBack reads all committed messages of a topic from its start, in the order
// in which a consumer gets them.
func (s *stand) readBack(ctx context.Context, topic string) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ends, err := s.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the ends of topic %q: %w", topic, err)
	}
	left := make(map[int32]int64) // the end of each partition that isn't read
	for _, end := range ends.Offsets().Sorted() {
		if end.At > 0 {
			left[end.Partition] = end.At
		}
	}
	// A transaction ends with a control record: kept, so that the end is seen.
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Admin()...), kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, fmt.Errorf("make a consumer: %w", err)
	}
	defer client.Close()
	return consume(ctx, client, topic, left)
}

func consume(ctx context.Context, client *kgo.Client, topic string, left map[int32]int64) ([]message, error) {
	var read []message
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read topic %q, %d partitions of which are not read to their end: %w", topic, len(left), ctx.Err())
		}
		var failure error
		fetches.EachRecord(func(record *kgo.Record) {
			if end, reading := left[record.Partition]; reading && record.Offset+1 >= end {
				delete(left, record.Partition)
			}
			if record.Attrs.IsControl() {
				return
			}
			m, err := messageOf(record.Value)
			if err != nil {
				failure = err
			}
			read = append(read, m)
		})
		if failure != nil {
			return nil, fmt.Errorf("read topic %q: %w", topic, failure)
		}
	}
	return read, nil
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// lookInterval is how often a partition that hands out no messages is asked
// whether there are any left. The answer is Kafka's: time decides nothing.
const lookInterval = 250 * time.Millisecond

// errStopped says that a message was not finished because the replay is ending.
var errStopped = errors.New("the replay is ending")

// replayReader reads one partition from its beginning to its end.
type replayReader struct {
	*replay
	kafka.TopicPartition
	kept     sarama.PartitionOffsetManager // nil if offsets are not kept
	from, to int64
	// next is the offset to be handled next: what is below it is handled, or
	// not there.
	next    int64
	handled int64
	// bare is how far a look has come: nothing from next to there is ever handed in.
	bare int64
}

func newReplayReader(r *replay, s replayRange, kept sarama.PartitionOffsetManager) *replayReader {
	tp := kafka.TopicPartition{Topic: r.options.Topic, Partition: s.partition}
	return &replayReader{replay: r, TopicPartition: tp, kept: kept, from: s.from, to: s.to, next: s.from}
}

func (r *replayReader) done() bool { return r.next >= r.to }

// read returns nil when the partition is done, or the replay is ending.
func (r *replayReader) read(consumer sarama.Consumer) error {
	r.log.Info("partition opens", "partition", r.Partition, "from", r.from, "to", r.replayed().To)
	if r.done() {
		return nil
	}
	source, err := consumer.ConsumePartition(r.Topic, r.Partition, r.next)
	if err != nil {
		return r.unreadable(err)
	}
	var reporting sync.WaitGroup
	reporting.Go(func() {
		for failure := range source.Errors() {
			r.log.Warn("reading failed, trying on", "partition", r.Partition, "error", r.explained(failure.Err).Error())
		}
	})
	err = r.consume(source.Messages())
	source.AsyncClose()
	reporting.Wait()
	return err
}

// consume takes messages until the partition is done. What sarama hands out has
// no transaction markers and nothing of what compaction has removed, so the last
// message may be well before the end; then a look finds nothing left.
func (r *replayReader) consume(messages <-chan *sarama.ConsumerMessage) error {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for before := int64(-1); !r.done(); {
		if r.taking.Err() != nil {
			return nil // goes before messages that wait
		}
		var err error
		select {
		case <-r.taking.Done():
		case record, open := <-messages:
			if !open {
				return r.unreadable(sarama.ErrOffsetOutOfRange) // the only reason for sarama to close it
			}
			err = r.take(record)
		case <-look.C:
			if r.next == before && r.to != endless {
				r.look()
			}
			before = r.next
		}
		if err != nil {
			return err
		}
	}
	r.log.Info("partition is done", "partition", r.Partition, "to", r.next, "handled", r.handled)
	return nil
}

// take handles a message, unless it is behind the end.
func (r *replayReader) take(record *sarama.ConsumerMessage) error {
	if record.Offset >= r.to {
		r.reach(r.to)
		return nil
	}
	switch err := r.finish(record); {
	case errors.Is(err, errStopped):
		return nil
	case err != nil:
		return err
	}
	r.handled++
	r.reach(record.Offset + 1)
	return nil
}

func (r *replayReader) reach(next int64) {
	r.next = next
	if r.kept != nil {
		r.kept.MarkOffset(next, "")
	}
}

// finish hands the message in until that succeeds.
func (r *replayReader) finish(record *sarama.ConsumerMessage) error {
	for attempt := 1; ; attempt++ {
		err := r.call(record)
		var permanent *permanentError
		switch {
		case err == nil:
			return nil
		case r.taking.Err() != nil:
			return errStopped
		case attempt == r.config.Retry.Attempts || errors.As(err, &permanent):
			return &HandlerError{Topic: r.Topic, Partition: r.Partition, Offset: record.Offset, Attempts: attempt, Cause: err}
		}
		if bits.OnesCount(uint(attempt)) == 1 { // attempts 1, 2, 4, 8 and so on
			r.log.Error("handler failed, the message is tried again", "partition", r.Partition,
				"offset", record.Offset, "attempt", attempt, "error", err.Error())
		}
		if !pause(r.taking, r.config.Retry.pause(attempt, rand.Float64())) { //nolint:gosec // jitter is no secret
			return errStopped
		}
	}
}

// call waits for its turn and calls the handler.
func (r *replayReader) call(record *sarama.ConsumerMessage) (err error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-r.taking.Done():
		return errStopped
	}
	ctx, cancel := context.WithTimeout(r.handling, r.config.MaxProcessingTime)
	defer cancel()
	defer recovered(&err)
	return r.handler(r.config.Propagator.Extract(ctx, recordCarrier{record}), newMessage(record))
}

// unreadable is an error that names the log's range where that is the reason.
func (r *replayReader) unreadable(err error) error {
	if !errors.Is(err, sarama.ErrOffsetOutOfRange) {
		return fmt.Errorf("open topic %q partition %d at offset %d: %w", r.Topic, r.Partition, r.next, r.explained(err))
	}
	logs, err := newLookup(r.client, r.options.KeepAs).logs(r.handling, map[string][]int32{r.Topic: {r.Partition}}, time.Time{})
	if err != nil {
		return err
	}
	return notInLog(r.TopicPartition, r.next, logs[r.TopicPartition])
}

func (r *replayReader) replayed() ReplayedPartition {
	to := r.to
	if to == endless {
		to = kafka.NoOffset
	}
	return ReplayedPartition{Partition: r.Partition, From: r.from, To: to, Next: r.next, Handled: r.handled}
}

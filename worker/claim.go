package worker

import (
	"context"
	"math/bits"
	"time"

	"github.com/IBM/sarama"
)

const (
	retryBackoff    = 100 * time.Millisecond
	retryMaxBackoff = 30 * time.Second
)

// consume hands the claim's messages to the handler, one at a time and in order,
// until the session or the claim ends.
func (s *session) consume(claim sarama.ConsumerGroupClaim) {
	defer s.commit()
	for {
		record, open := next(s.membership, claim.Messages())
		if !open || !s.finish(newMessage(record)) {
			return
		}
	}
}

// next takes a message unless the session is over, which goes before messages
// that wait already.
func next(membership context.Context, messages <-chan *sarama.ConsumerMessage) (*sarama.ConsumerMessage, bool) {
	if membership.Err() != nil {
		return nil, false
	}
	select {
	case <-membership.Done():
		return nil, false
	case record, open := <-messages:
		return record, open
	}
}

// finish handles one message until that succeeds. False means that the session
// ended first and the message is not finished.
func (s *session) finish(msg Message) bool {
	for attempt := 1; ; attempt++ {
		err := s.handle(msg)
		if err == nil {
			s.finished(msg)
			return true
		}
		s.handlerFailed(msg, attempt, err)
		if !pause(s.membership, s.backoff(attempt)) {
			return false
		}
	}
}

func (s *session) handle(msg Message) error {
	ctx, cancel := context.WithTimeout(s.handling, s.config.MaxProcessingTime)
	defer cancel()
	started := time.Now()
	err := s.handler(ctx, msg)
	s.metrics.duration.WithLabelValues(msg.Topic).Observe(time.Since(started).Seconds())
	return err
}

func (s *session) finished(msg Message) {
	s.metrics.handled.WithLabelValues(msg.Topic).Inc()
	if s.handledUpTo.raise(msg.topicPartition(), msg.Offset) {
		s.metrics.redelivered.WithLabelValues(msg.Topic).Inc()
	}
	s.progress.finish(msg.topicPartition(), msg.Offset)
}

// handlerFailed logs attempts 1, 2, 4, 8 and so on: a message that never
// succeeds is named again and again, ever more rarely.
func (s *session) handlerFailed(msg Message, attempt int, err error) {
	s.metrics.failed.WithLabelValues(msg.Topic).Inc()
	if bits.OnesCount(uint(attempt)) != 1 {
		return
	}
	s.log.Error("handler failed, the message is tried again", "topic", msg.Topic,
		"partition", msg.Partition, "offset", msg.Offset, "attempt", attempt, "error", err.Error())
}

// pause waits and tells whether to go on: false when the context ended.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// newBackoff doubles from first to most with jitter. Exponents stay where they
// don't overflow: 2^20 times a tenth of a second is over a day.
func newBackoff(first, most time.Duration) func(attempt int) time.Duration {
	exponential := sarama.NewExponentialBackoff(first, most)
	return func(attempt int) time.Duration { return exponential(min(attempt, 20), 0) }
}

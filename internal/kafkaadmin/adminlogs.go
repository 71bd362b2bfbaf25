package kafkaadmin

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// bounds are the kinds of offsets that a survey asks a leader for.
type bounds struct {
	starts, ends offsetList
	times        *offsetList // nil unless asked for
}

// surveyLogs fills in what the leaders say, each asked two or three times: a
// request can name a partition only once. Starts are read before ends, so that
// no end is below its start.
func (c *client) surveyLogs(ctx context.Context, known *cluster, q Question, topics []kafka.SurveyedTopic) error {
	if !q.At.IsZero() && timestamp(q.At) < 0 {
		return fmt.Errorf("%w: the time %s is before 1970", kafka.ErrInvalid, q.At.UTC().Format(time.RFC3339))
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	logs, partitions := map[string]*topicLog{}, map[string][]kafka.SurveyedPartition{}
	for _, t := range topics {
		logs[t.Name], partitions[t.Name] = &topicLog{name: t.Name}, t.Partitions
	}
	var all sync.WaitGroup
	var failed firstFailure
	for leader, led := range known.shares(logs, nil) {
		all.Go(func() {
			b := c.askBounds(ctx, known.brokers[leader], led, q)
			for _, t := range led {
				b.fill(t, partitions[t.log.name], &failed)
			}
		})
	}
	all.Wait()
	return failed.err
}

func (c *client) askBounds(ctx context.Context, leader *link, led share, q Question) bounds {
	isolation := sarama.ReadUncommitted
	if q.Isolation == kafka.ReadCommitted {
		isolation = sarama.ReadCommitted
	}
	b := bounds{
		starts: c.listOffsets(ctx, leader, led, sarama.OffsetOldest, sarama.ReadUncommitted),
		ends:   c.listOffsets(ctx, leader, led, sarama.OffsetNewest, isolation),
	}
	if !q.At.IsZero() {
		times := c.listOffsets(ctx, leader, led, timestamp(q.At), isolation)
		b.times = &times
	}
	return b
}

// timestamp is the time as messages have it, rounded up: one of 10 ms is before
// 10.5 ms.
func timestamp(at time.Time) int64 { return at.Add(time.Millisecond - time.Nanosecond).UnixMilli() }

// fill takes in what is said of one topic. The partitions are the leader's own, so
// that several may fill theirs at once.
func (b bounds) fill(t topicShare, partitions []kafka.SurveyedPartition, failed *firstFailure) {
	starts, ends := b.starts.of(t.log.name, "log start"), b.ends.of(t.log.name, "log end")
	for _, id := range t.ids {
		p := &partitions[id]
		start, end, found := starts.at(id), ends.at(id), offset{at: kafka.NoOffset}
		if b.times != nil {
			found = b.times.of(t.log.name, "offset by time").found(id)
		}
		p.Start, p.End, p.AtTime = start.at, end.at, found.at
		failed.note(kafka.TopicPartition{Topic: t.log.name, Partition: id}, cmp.Or(start.err, end.err, found.err))
	}
}

// firstFailure is the error of the first partition, by name and number, of those
// that have one: so the same problem has the same text.
type firstFailure struct {
	mu  sync.Mutex
	at  kafka.TopicPartition
	err error
}

func (f *firstFailure) note(at kafka.TopicPartition, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || at.Compare(f.at) < 0 {
		f.at, f.err = at, err
	}
}

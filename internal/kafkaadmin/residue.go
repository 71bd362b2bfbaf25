package kafkaadmin

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// A look is a fetch from where a group stands: offsets alone don't tell a
// transaction's marker from a record that nobody manages to consume.
const (
	// maxLooks and lookBytes bound one fetch: 16 of 16 KiB, which is the largest
	// batch of a producer that is left at its defaults, are 256 KiB.
	maxLooks  = 16
	lookBytes = 16 << 10
	// aloneBytes and aloneWait are of a fetch of one partition only, whose answer
	// was nothing at all when others were asked with it. The wait is for a broker
	// that gets old records from a remote store.
	aloneBytes = 1 << 20
	aloneWait  = 250 * time.Millisecond
	// lookRetry is how long a partition is left alone that could not be read.
	lookRetry = 10 * time.Minute
)

// looks are positions of one isolation level to be looked at on one broker.
type looks struct {
	isolation  kafka.Isolation
	alone      bool
	partitions []position
}

type position struct {
	log  *topicLog
	id   int32
	from int64
}

// looksDue picks what one fetch is to look at: a fetch has one isolation level.
func (b *logBook) looksDue(led share, now time.Time) looks {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, isolation := range []kafka.Isolation{kafka.ReadUncommitted, kafka.ReadCommitted} {
		if due := led.looks(isolation, now); len(due.partitions) > 0 {
			return due
		}
	}
	return looks{}
}

func (s share) looks(isolation kafka.Isolation, now time.Time) looks {
	due := looks{isolation: isolation}
	for _, t := range s.pick(maxLooks, func(p *partitionLog) bool { return p.tailFor(isolation).due(now) }) {
		for _, id := range t.ids {
			tail := t.log.partitions[id].tailFor(isolation)
			at := position{log: t.log, id: id, from: tail.next()}
			if tail.alone {
				return looks{isolation: isolation, alone: true, partitions: []position{at}}
			}
			due.partitions = append(due.partitions, at)
		}
	}
	return due
}

func (l looks) request() *sarama.FetchRequest {
	request := &sarama.FetchRequest{Version: 11, MinBytes: 1, SessionEpoch: -1} // of no fetch session
	size := int32(lookBytes)
	if l.alone {
		size, request.MaxWaitTime = aloneBytes, int32(aloneWait.Milliseconds())
	}
	if l.isolation == kafka.ReadCommitted {
		request.Isolation = sarama.ReadCommitted
	}
	// With room beyond the sum, only its own bound cuts a partition's answer.
	request.MaxBytes = 2 * size * int32(len(l.partitions))
	for _, p := range l.partitions {
		request.AddBlock(p.log.name, p.id, p.from, size, -1)
	}
	return request
}

func (c *client) look(ctx context.Context, leader *link, due looks) {
	response, err := askListed(ctx, leader, func(b *sarama.Broker) (*sarama.FetchResponse, error) {
		return readable(b.Fetch(due.request()))
	})
	now := time.Now()
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	for _, p := range due.partitions {
		tail := p.log.partitions[p.id].tailFor(due.isolation)
		if tail.next() != p.from {
			continue // the log was truncated, or another cycle looked
		}
		var block *sarama.FetchResponseBlock
		if err == nil {
			block = response.GetBlock(p.log.name, p.id)
		}
		tail.take(p.from, block, due, now)
	}
}

// readable makes an answer without records of one that sarama can't decode, as
// of a batch that is damaged. The connection is well: all of the answer was read.
func readable(response *sarama.FetchResponse, err error) (*sarama.FetchResponse, error) {
	var decoding sarama.PacketDecodingError
	if errors.As(err, &decoding) || errors.Is(err, sarama.ErrInsufficientData) {
		return &sarama.FetchResponse{}, nil
	}
	return response, err
}

// take learns from a fetch's answer about the partition. Nothing at all is what
// a broker says of holes up to the end, but also of a first batch that is
// larger than the rest of the answer: that is asked again alone, when the first
// batch is sent whatever its size.
func (t *tail) take(from int64, block *sarama.FetchResponseBlock, due looks, now time.Time) {
	if block == nil || block.Err != sarama.ErrNoError {
		t.retry = now.Add(lookRetry)
		return
	}
	to, found, cut := firstRecord(block, from, due.isolation)
	switch {
	case to == from && !found && !due.alone:
		t.alone = true
	case cut:
		t.learn(from, to, true, now)
	case to == from && !found:
		t.learn(from, t.end, false, now)
	default:
		t.learn(from, to, found, now)
	}
}

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
	// maxLooks and lookBytes bound one fetch: 64 of 16 KiB, which is the largest
	// batch of a producer that is left at its defaults, are 1 MiB.
	maxLooks  = 64
	lookBytes = 16 << 10
	// aloneBytes is of a fetch of one partition only.
	aloneBytes = 1 << 20
	// aloneWait and patientWait are for a broker that gets old records from a
	// remote store. By default it gives up after 500ms, and says nothing at all.
	aloneWait   = 250 * time.Millisecond
	patientWait = time.Second
)

// care is how a partition is asked. Each step follows an answer that leaves in
// doubt whether there is nothing.
type care int8

const (
	among   care = iota // with others
	alone               // of this partition only: its first batch is sent whatever its size
	patient             // the same once more, with more time
)

// looks are positions of one isolation level to be looked at on one broker.
type looks struct {
	isolation  kafka.Isolation
	care       care
	partitions []position
}

// position is where a look begins, and the end when it was asked for.
type position struct {
	log       *topicLog
	id        int32
	from, end int64
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
			at := position{log: t.log, id: id, from: tail.next(), end: tail.end}
			if tail.care >= alone {
				return looks{isolation: isolation, care: tail.care, partitions: []position{at}}
			}
			due.partitions = append(due.partitions, at)
		}
	}
	return due
}

// request waits for less than most: else its answer is late.
func (l looks) request(most time.Duration) *sarama.FetchRequest {
	request := &sarama.FetchRequest{Version: 11, MinBytes: 1, SessionEpoch: -1} // of no fetch session
	size, wait := int32(lookBytes), time.Duration(0)
	switch l.care {
	case among:
	case alone:
		size, wait = aloneBytes, aloneWait
	case patient:
		size, wait = aloneBytes, patientWait
	}
	request.MaxWaitTime = int32(min(wait, most*3/4).Milliseconds())
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
	found, err := askListed(ctx, leader, func(b *sarama.Broker) (fetched, error) {
		return readable(b.Fetch(due.request(min(c.patience, c.timeout))))
	})
	if err != nil {
		found.err = err
	}
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	due.note(found, time.Now())
}

// note takes in the answer. The caller holds the lock.
func (l looks) note(found fetched, now time.Time) {
	for _, p := range l.partitions {
		tail := p.log.partitions[p.id].tailFor(l.isolation)
		if tail.next() != p.from || tail.end < p.end {
			continue // the log was truncated, or another cycle looked
		}
		if block, err := found.block(p); err != nil {
			tail.fail(err, l, now)
		} else {
			tail.take(p, block, l, now)
		}
	}
}

// take learns from a fetch's answer about the partition. Nothing at all is what
// a broker says of holes up to the end, but also of a first batch that is
// larger than the rest of the answer, and of one that a remote store did not
// give in time: so it is asked again with more care.
func (t *tail) take(p position, block *sarama.FetchResponseBlock, due looks, now time.Time) {
	t.respite = respite{}
	to, found, cut := firstRecord(block, p.from, due.isolation)
	nothing := to == p.from && !found
	switch {
	case nothing && due.care < alone, nothing && !cut && due.care < patient:
		t.care = due.care + 1
	case cut:
		t.learn(p.from, to, true, now)
	case nothing:
		t.learn(p.from, p.end, false, now)
	default:
		t.learn(p.from, to, found, now)
	}
}

// fail leaves a partition alone for a while that could not be read. A broker
// that is late is asked again in the next cycle. An answer that can't be
// decoded tells whose batch is damaged only if one partition was asked for.
func (t *tail) fail(err error, due looks, now time.Time) {
	switch {
	case late(err):
	case errors.Is(err, errDamaged) && len(due.partitions) > 1:
		t.care = max(t.care, alone)
	case errors.Is(err, errDamaged), errors.Is(err, kafka.ErrUnauthorized):
		t.respite.until = now.Add(longRespite)
	default:
		t.respite.fail(now)
	}
}

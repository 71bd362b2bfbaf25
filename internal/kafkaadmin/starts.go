package kafkaadmin

import (
	"context"
	"math"
	"time"

	"github.com/IBM/sarama"
)

// Log starts move when retention deletes a segment, and then a sample with an
// old one counts records that are gone, for a minute at most, and only where a
// group is behind them. They are read every startsEvery, at once where none is
// known, and those due within startsTogether with them: so those of a leader
// stay together in one request a minute.
const (
	startsEvery    = time.Minute
	startsTogether = startsEvery / 2
	startsRetry    = 10 * time.Second
)

func (b *logBook) startsDue(led share, now time.Time) share {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(led.pick(1, func(p *partitionLog) bool { return p.startIsDue(now) })) == 0 {
		return nil
	}
	together := now.Add(startsTogether)
	return led.pick(math.MaxInt, func(p *partitionLog) bool { return p.startIsDue(together) })
}

// startIsDue is never so where the end can't be read either.
func (p *partitionLog) startIsDue(by time.Time) bool {
	return !p.startDue.After(by) && !p.end.at.Before(p.end.failedAt)
}

func (c *client) readStarts(ctx context.Context, leader *link, due share) {
	at := time.Now()
	starts := c.listOffsets(ctx, leader, due, sarama.OffsetOldest, sarama.ReadUncommitted)
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	for _, t := range due {
		start := starts.of(t.log.name, "log start")
		for _, id := range t.ids {
			t.log.partitions[id].noteStart(start.at(id), at)
		}
	}
}

// noteStart takes in an attempt made at the given time. A broker that is slow
// is asked again in the next cycle.
func (p *partitionLog) noteStart(start offset, at time.Time) {
	p.start.note(start, at)
	switch {
	case start.err == nil:
		p.startDue = at.Add(startsEvery)
	case !late(start.err):
		p.startDue = at.Add(startsRetry)
	}
}

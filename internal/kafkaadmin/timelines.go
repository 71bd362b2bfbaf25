package kafkaadmin

import (
	"context"
	"math"
	"time"

	"github.com/IBM/sarama"
)

// After a start the timelines are empty, and all lag would be as old as the
// start, or older. One look-up by timestamp says more: how far each log was
// probeBack ago.
const (
	probeBack = 10 * time.Minute
	// maxProbed bounds one request: for each partition the broker reads from its
	// disk.
	maxProbed = 1000
)

// probeState is how far the look-up for a partition's timeline is. Each
// partition has one that succeeds.
type probeState struct {
	step    probeStep
	respite respite
}

type probeStep int8

const (
	probeUnneeded probeStep = iota // nobody lags behind what the timeline knows
	probeWanted
	probeDone
)

// wantProbe asks for the look-up if there was none.
func (p *partitionLog) wantProbe() {
	if p.probe.step == probeUnneeded {
		p.probe.step = probeWanted
	}
}

func (b *logBook) probesDue(led share, now time.Time) share {
	b.mu.Lock()
	defer b.mu.Unlock()
	return led.pick(maxProbed, func(p *partitionLog) bool {
		return p.probe.step == probeWanted && !p.probe.respite.lasts(now)
	})
}

func (c *client) probe(ctx context.Context, leader *link, due share) {
	now := time.Now()
	back := now.Add(-probeBack)
	found := c.listOffsets(ctx, leader, due, back.UnixMilli(), sarama.ReadUncommitted)
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	for _, t := range due {
		records := found.of(t.log.name, "record by time")
		for _, id := range t.ids {
			p := &t.log.partitions[id]
			block, err := records.block(id)
			if err != nil {
				p.probe.respite.fail(now)
				continue
			}
			p.probe.step = probeDone
			p.seed(block, back)
		}
	}
}

// seed takes in the first record that is not older than back. Up to it the log
// was complete at back, and stayed so until it came. No record is that young
// if all that is there was there at back.
func (p *partitionLog) seed(found *sarama.OffsetResponseBlock, back time.Time) {
	if found.Offset < 0 {
		p.timeline.Seed(math.MaxInt64, back)
		return
	}
	if found.Timestamp > 0 {
		p.timeline.Seed(found.Offset, time.UnixMilli(found.Timestamp))
	}
	p.timeline.Seed(found.Offset, back)
}

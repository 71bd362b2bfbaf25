package worker

import (
	"maps"
	"sync"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// position is how far one partition has come.
type position struct {
	// next is the offset to go on at: one past the last finished message.
	next int64
	// committed is what the broker has accepted, kafka.NoOffset before that.
	committed int64
	// metadata goes with every commit of the partition.
	metadata string
}

// progress is how far the partitions of one session have come. A partition
// that the session doesn't have is never in it.
type progress struct {
	mutex     sync.Mutex
	positions map[kafka.TopicPartition]position
}

func newProgress(opens openings) *progress {
	return &progress{positions: maps.Clone(opens)}
}

// finish notes that everything up to and including the offset is handled.
func (p *progress) finish(tp kafka.TopicPartition, offset int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	at := p.positions[tp]
	at.next = offset + 1
	p.positions[tp] = at
}

// uncommitted are the positions that the broker does not have yet.
func (p *progress) uncommitted() map[kafka.TopicPartition]position {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	pending := make(map[kafka.TopicPartition]position)
	for tp, at := range p.positions {
		if at.next != at.committed {
			pending[tp] = at
		}
	}
	return pending
}

// accept notes that the broker has taken the offset.
func (p *progress) accept(tp kafka.TopicPartition, offset int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	at := p.positions[tp]
	at.committed = offset
	p.positions[tp] = at
}

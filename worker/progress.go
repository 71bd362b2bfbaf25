package worker

import (
	"maps"
	"slices"
	"sync"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// position is how far one partition has come.
type position struct {
	// next is the offset to go on at: the lowest that is not finished.
	next int64
	// committed is what the broker has accepted, kafka.NoOffset before that.
	committed int64
	// metadata goes with every commit of the partition.
	metadata string
}

// progress is how far the claims of one session have come. A partition that
// the session doesn't have is never in it.
type progress struct {
	mutex  sync.Mutex
	claims map[kafka.TopicPartition]*claim
}

func newProgress() *progress { return &progress{claims: make(map[kafka.TopicPartition]*claim)} }

func (p *progress) put(c *claim) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.claims[c.TopicPartition] = c
}

// remove forgets the claim, unless another one has taken its place.
func (p *progress) remove(c *claim) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.claims[c.TopicPartition] == c {
		delete(p.claims, c.TopicPartition)
	}
}

func (p *progress) of(tp kafka.TopicPartition) *claim {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.claims[tp]
}

// all are the claims, sorted by topic and partition.
func (p *progress) all() []*claim {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.SortedFunc(maps.Values(p.claims), func(a, b *claim) int { return a.Compare(b.TopicPartition) })
}

// uncommitted are the positions that the broker does not have yet.
func (p *progress) uncommitted() map[*claim]position {
	pending := make(map[*claim]position)
	for _, c := range p.all() {
		if at, differs := c.uncommitted(); differs {
			pending[c] = at
		}
	}
	return pending
}

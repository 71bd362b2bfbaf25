package worker

import (
	"sync/atomic"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// inFlight is what all claims of a session have in flight together, or of that
// as their surplus.
type inFlight struct {
	messages, bytes atomic.Int64
}

func (f *inFlight) add(a flow.Amount) {
	f.messages.Add(a.Messages)
	f.bytes.Add(a.Bytes)
}

func (f *inFlight) remove(a flow.Amount) {
	f.messages.Add(-a.Messages)
	f.bytes.Add(-a.Bytes)
}

func (f *inFlight) amount() flow.Amount {
	return flow.Amount{Messages: f.messages.Load(), Bytes: f.bytes.Load()}
}

// limit stops the fetching of a partition that has more than its share in flight.
func (s *session) limit(c *claim) {
	own := c.inFlight()
	if !own.Exceeds(s.share(own)) {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.paused && c.amount().Messages > 0 {
		c.paused = true
		s.fetching.Pause(map[string][]int32{c.Topic: {c.Partition}})
	}
}

// unlimit hands on what there is room for now, and has a partition fetched again
// that is down to half of its share, or has nothing in flight at all.
func (s *session) unlimit(c *claim) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	s.handOn(c)
	if !c.paused {
		return
	}
	own := c.amount()
	share := s.share(own)
	if own.Messages == 0 || !own.Exceeds(flow.Amount{Messages: share.Messages / 2, Bytes: share.Bytes / 2}) {
		c.paused = false
		s.fetching.Resume(map[string][]int32{c.Topic: {c.Partition}})
	}
}

func (s *session) share(own flow.Amount) flow.Amount {
	return s.limits().Share(s.inFlight.amount(), own)
}

func (s *session) limits() flow.Amount {
	return flow.Amount{Messages: int64(s.config.MaxInFlight), Bytes: s.config.MaxInFlightBytes}
}

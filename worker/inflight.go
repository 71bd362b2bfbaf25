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
	share := s.share(own)
	if !own.Exceeds(share) {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.paused || c.amount().Messages == 0 {
		return
	}
	c.paused = true
	if c.surplus.len() == 0 {
		c.low = share.Half()
	}
	s.fetching.Pause(map[string][]int32{c.Topic: {c.Partition}})
}

// unlimit hands on what there is room for now, and has a partition fetched again
// that is within its share, when the handlers are down to half of that. A
// partition that has nothing in flight at all is fetched whatever its share is.
func (s *session) unlimit(c *claim) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	handed := c.handed()
	s.handOn(c)
	if !c.paused {
		return
	}
	own := c.amount()
	share := s.share(own)
	if own.Messages > 0 && (own.Exceeds(share) || handed.Exceeds(share.Half())) {
		if c.surplus.len() == 0 {
			c.low = share.Half()
		}
		return
	}
	c.paused = false
	s.fetching.Resume(map[string][]int32{c.Topic: {c.Partition}})
}

// fewInHand is from where on each message that is handled has unlimit look: the
// share may have grown since it was last asked.
const fewInHand = 16

// mayUnlimit tells whether there may be something to do for unlimit, which takes
// too long to be asked for each message.
func (c *claim) mayUnlimit() bool {
	if !c.paused && c.surplus.len() == 0 {
		return false
	}
	handed := c.handed()
	return handed.Messages <= fewInHand || !handed.Exceeds(c.low)
}

func (s *session) share(own flow.Amount) flow.Amount {
	return s.limits().Share(s.inFlight.amount(), own)
}

func (s *session) limits() flow.Amount {
	return flow.Amount{Messages: int64(s.config.MaxInFlight), Bytes: s.config.MaxInFlightBytes}
}

package worker

import (
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// part is a claim's share in a transaction.
type part struct {
	claim *claim
	at    position
	// messages are those that produce something.
	messages []*produced
	// freed is what is no longer in flight once the part is committed.
	freed flow.Amount
}

// parts are what the claims have for the next transaction.
func (p *progress) parts() []part {
	var parts []part
	for _, c := range p.all() {
		if taken, some := c.takePart(); some {
			parts = append(parts, taken)
		}
	}
	return parts
}

func (c *claim) takePart() (taken part, some bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	at := position{next: c.window.Next(), committed: c.committed, metadata: c.metadata}
	if at.next == at.committed {
		return part{}, false
	}
	taken = part{claim: c, at: at, messages: c.outputs.ready, freed: c.outputs.waiting}
	c.outputs.ready, c.outputs.waiting = nil, flow.Amount{}
	return taken, true
}

// accepted notes that a transaction has committed the part.
func (s *session) accepted(p part) {
	s.inFlight.remove(p.claim.acceptPart(p))
	s.unlimit(p.claim)
}

// acceptPart returns what is no longer in flight by that. Of a claim that is
// closed nothing is.
func (c *claim) acceptPart(p part) flow.Amount {
	c.accept(p.at.next)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return flow.Amount{}
	}
	c.outputs.held = c.outputs.held.Minus(p.freed)
	return p.freed
}

// halves divides what can be committed one after the other: the messages of a
// claim stay in order. Of the messages 3, 7 and 8 of one claim, whose position
// is then 9, the first half has 3 with position 7, the second 7 and 8 with 9.
func halves(parts []part) (first, second []part) {
	left := messagesOf(parts) / 2
	for _, p := range parts {
		switch {
		case left >= len(p.messages):
			first = append(first, p)
			left -= len(p.messages)
		case left == 0:
			second = append(second, p)
		default:
			before, after := p.split(left)
			first, second = append(first, before), append(second, after)
			left = 0
		}
	}
	return first, second
}

// split divides the part before the message with the index.
func (p part) split(at int) (before, after part) {
	before, after = p, p
	before.messages, after.messages = p.messages[:at], p.messages[at:]
	before.at.next = p.messages[at].record.Offset
	before.freed = flow.Amount{} // all of it with the last one
	return before, after
}

func messagesOf(parts []part) int {
	messages := 0
	for _, p := range parts {
		messages += len(p.messages)
	}
	return messages
}

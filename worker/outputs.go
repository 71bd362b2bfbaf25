package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"go.opentelemetry.io/otel/propagation"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// outputs are what a claim's messages produce in transactions.
type outputs struct {
	// pending are those of messages that are finished behind an unfinished one.
	pending map[flow.Ticket]*produced
	// ready are those that go into the next transaction, in the order of their
	// messages.
	ready []*produced
	// waiting is what the next transaction frees. held is all that is in flight
	// beside the window: what waits, what is in the transaction of the moment,
	// and the bytes of what is pending.
	waiting, held flow.Amount
}

// produced is a message with what is produced for it.
type produced struct {
	task
	outgoing []Outgoing
	bytes    int64
}

// attach notes what a message produces, before it is finished. An error says
// what of it can't be produced: that doesn't change when the message is handled
// again.
func (s *session) attach(ctx context.Context, t *task, out []Outgoing) error {
	if len(out) == 0 {
		return nil
	}
	p := &produced{task: *t, outgoing: make([]Outgoing, len(out))}
	for i, message := range out {
		message.Headers = tracedOnce(ctx, s.config.Propagator, message.Headers)
		if message.Timestamp.IsZero() {
			message.Timestamp = time.Now()
		}
		size, err := s.transactor.settings.allow(message)
		if err != nil {
			return Permanent(fmt.Errorf("output %d of the message, for topic %q: %w", i, message.Topic, err))
		}
		p.outgoing[i] = message
		p.bytes += size
	}
	s.inFlight.add(t.claim.attach(p))
	return nil
}

// attach returns what is in flight by that: nothing when it came too late.
func (c *claim) attach(p *produced) flow.Amount {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return flow.Amount{}
	}
	if c.outputs.pending == nil {
		c.outputs.pending = make(map[flow.Ticket]*produced)
	}
	c.outputs.pending[p.ticket] = p
	added := flow.Amount{Bytes: p.bytes}
	c.outputs.held = c.outputs.held.Plus(added)
	return added
}

// pass moves the outputs of the messages from one ticket up to, without, the
// other to those that are ready, and holds what their messages had in flight.
func (o *outputs) pass(from, to flow.Ticket, freed flow.Amount) {
	o.held, o.waiting = o.held.Plus(freed), o.waiting.Plus(freed)
	if len(o.pending) == 0 {
		return
	}
	for ticket := from; ticket < to; ticket++ {
		if p := o.pending[ticket]; p != nil {
			o.ready = append(o.ready, p)
			o.waiting.Bytes += p.bytes
			delete(o.pending, ticket)
		}
	}
}

// commitEarly has the next transaction begin before its time once half of the
// claim's share waits for it, or all that was handed to the pool while there is
// a surplus. Without that a partition of messages that take no time would get
// through half of MaxInFlight in a CommitInterval and no more.
func (s *session) commitEarly(c *claim) {
	c.mutex.Lock()
	own, waiting := c.amount(), c.outputs.waiting
	held := c.surplus.len()
	idle := held > 0 && c.window.Len() == held
	c.mutex.Unlock()
	if !idle && !waiting.Exceeds(s.share(own).Half()) {
		return
	}
	select {
	case s.due <- struct{}{}:
	default: // it is known
	}
}

// records are fresh messages of sarama's.
func (p *produced) records() []*sarama.ProducerMessage {
	records := make([]*sarama.ProducerMessage, len(p.outgoing))
	for i, message := range p.outgoing {
		records[i] = message.record()
	}
	return records
}

// tracedOnce adds the trace context of ctx where there is none yet: a program
// that begins a span of its own adds that itself.
func tracedOnce(ctx context.Context, propagator propagation.TextMapPropagator, headers []Header) []Header {
	carrier := untracedHeaders{outgoingHeaders{list: headers}}
	propagator.Inject(ctx, &carrier)
	return carrier.list
}

// untracedHeaders keep what they have.
type untracedHeaders struct{ outgoingHeaders }

// Set implements propagation.TextMapCarrier.
func (h *untracedHeaders) Set(key, value string) {
	if h.Get(key) == "" {
		h.outgoingHeaders.Set(key, value)
	}
}

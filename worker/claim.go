package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// claim is one partition for as long as this member has it. Another claim of
// the same partition is another value: what is finished too late counts for
// the claim that it was handed out by, which is closed by then and committed
// no more.
//
//	open ----> draining ----> closed
//	  messages   what is       nothing that is
//	  start      running       finished counts
//	             may finish
type claim struct {
	kafka.TopicPartition
	// lane is where messages of the partition wait for each other.
	lane flow.Lane
	// metadata goes with every commit of the partition.
	metadata string
	before   handledBefore
	metrics  claimMetrics
	// transactional has what is finished count as in flight until it is
	// committed, with what it produces.
	transactional bool
	outputs       outputs

	draining atomic.Bool
	// running is how many messages are begun. Nothing begins once draining is
	// true: what was counted before that was seen is taken back.
	running atomic.Int64
	idle    chan struct{} // closed when draining and nothing is running
	atRest  sync.Once     // closes idle

	mutex   sync.Mutex
	window  flow.Window
	surplus surplus
	// low is where there may be room again: down to it the pool has to be given
	// more, or the partition fetched.
	low       flow.Amount
	committed int64
	closed    bool
	paused    bool
	abandoned int
	// lowest is the lowest offset in flight that was last observed, since when
	// it has been that, pending since when there is something to commit.
	lowest         int64
	since, pending time.Time
	// drainedAt is when draining began. sending ends soon after that: what could
	// not be sent for a message by then is left to the partition's next owner.
	drainedAt  time.Time
	sending    context.Context
	endSending context.CancelFunc
}

// claimMetrics are the series of a claim's topic, looked up once.
type claimMetrics struct {
	handled, redelivered prometheus.Counter
	seconds              *topicDurations
}

func newClaim(tp kafka.TopicPartition, at position, lane flow.Lane) *claim {
	c := &claim{
		TopicPartition: tp, lane: lane, metadata: at.metadata,
		window: flow.NewWindow(at.next), committed: at.committed, idle: make(chan struct{}),
	}
	c.sending, c.endSending = context.WithCancel(context.Background())
	return c
}

// take takes messages in flight, and appends a task for each to into. One that
// was taken before is in flight, or finished.
func (c *claim) take(records []*sarama.ConsumerMessage, into []task) (tasks []task, taken flow.Amount) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	messages, bytes := c.window.Len(), c.window.Bytes()
	for _, record := range records {
		if ticket, fresh := c.window.Add(record.Offset, sizeIn(record)); fresh {
			into = append(into, task{record: record, claim: c, ticket: ticket, trouble: noTrouble})
		}
	}
	return into, flow.Amount{Messages: int64(c.window.Len() - messages), Bytes: c.window.Bytes() - bytes}
}

// sizeIn is what a message holds of memory, without what it is wrapped in.
func sizeIn(record *sarama.ConsumerMessage) int {
	size := len(record.Key) + len(record.Value)
	for _, header := range record.Headers {
		size += len(header.Key) + len(header.Value)
	}
	return size
}

// begin tells whether n messages may be handed to the handler.
func (c *claim) begin(n int) bool {
	c.running.Add(int64(n))
	if c.draining.Load() {
		c.end(n)
		return false
	}
	return true
}

// end says that n messages came back from the handler, finished or not.
func (c *claim) end(n int) {
	if c.running.Add(-int64(n)) == 0 && c.draining.Load() {
		c.rest()
	}
}

func (c *claim) rest() { c.atRest.Do(func() { close(c.idle) }) }

// finish notes that a message is handled, and returns what is no longer in
// flight by that, and whether there may be room for more of the partition.
// False means that it came too late.
func (c *claim) finish(ticket flow.Ticket) (freed flow.Amount, room, inTime bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return flow.Amount{}, false, false
	}
	head := c.window.Head()
	messages, bytes := c.window.Finish(ticket)
	freed = flow.Amount{Messages: int64(messages), Bytes: bytes}
	if c.transactional {
		c.outputs.pass(head, c.window.Head(), freed)
		return flow.Amount{}, false, true
	}
	return freed, c.mayUnlimit(), true
}

// drain lets nothing more begin. The channel is closed when nothing is running.
func (c *claim) drain() (idle <-chan struct{}) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.draining.Swap(true) {
		return c.idle
	}
	c.drainedAt = time.Now()
	if c.running.Load() == 0 {
		c.rest()
	}
	return c.idle
}

// drainingSince is when draining began.
func (c *claim) drainingSince() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.drainedAt
}

// close ends the claim, and returns how many messages were in the handler, of
// those that are running.
func (c *claim) close(inHandler func(running int) int) (abandoned int) {
	idle := c.drain()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	select {
	case <-idle: // what is counted by now is about to be taken back
	default:
		c.abandoned = inHandler(int(c.running.Load()))
	}
	return c.abandoned
}

// revoked is what became of the claim.
func (c *claim) revoked() Revoked {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return Revoked{Topic: c.Topic, Partition: c.Partition, Committed: c.committed, Abandoned: c.abandoned}
}

// inFlight is what was taken and can't be committed yet.
func (c *claim) inFlight() flow.Amount {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.amount()
}

func (c *claim) amount() flow.Amount {
	return flow.Amount{Messages: int64(c.window.Len()), Bytes: c.window.Bytes()}.Plus(c.outputs.held)
}

// uncommitted is the position to commit, if the broker does not have it yet.
func (c *claim) uncommitted() (at position, pending bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	at = position{next: c.window.Next(), committed: c.committed, metadata: c.metadata}
	return at, at.next != at.committed
}

// accept notes that the broker has taken the offset.
func (c *claim) accept(offset int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.committed, c.pending = offset, time.Time{}
}

// observe notes since when the claim has been as it is. It is called once a
// commit interval: how long something takes is known as exactly as that.
func (c *claim) observe(now time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	next := c.window.Next()
	switch {
	case c.window.Len() == 0:
		c.since = time.Time{}
	case c.since.IsZero() || next != c.lowest:
		c.lowest, c.since = next, now
	}
	switch {
	case next == c.committed:
		c.pending = time.Time{}
	case c.pending.IsZero():
		c.pending = now
	}
}

// state is how the claim stands.
func (c *claim) state(now time.Time) claimState {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	state := claimState{paused: c.paused, lowest: c.lowest}
	if !c.since.IsZero() && c.window.Len() > 0 && c.window.Next() == c.lowest {
		state.since = now.Sub(c.since)
	}
	if !c.pending.IsZero() {
		state.commitAge = now.Sub(c.pending)
	}
	return state
}

// handledBefore is what this process handled of a partition in earlier claims.
type handledBefore struct {
	// below is handled, and so are the offsets in above.
	below int64
	above map[int64]struct{}
}

func (h handledBefore) has(offset int64) bool {
	if offset < h.below || len(h.above) == 0 {
		return offset < h.below
	}
	_, handled := h.above[offset]
	return handled
}

// handled is what has been handled, this claim included.
func (c *claim) handled() handledBefore {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	all := handledBefore{below: max(c.before.below, c.window.Next()), above: make(map[int64]struct{})}
	for offset := range c.before.above {
		all.above[offset] = struct{}{}
	}
	for _, offset := range c.window.FinishedAbove() {
		all.above[offset] = struct{}{}
	}
	for offset := range all.above {
		if offset < all.below {
			delete(all.above, offset)
		}
	}
	return all
}

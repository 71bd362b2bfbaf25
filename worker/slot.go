package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// slot is one goroutine that calls the handler, with what its calls have in
// common: a context that is good for as long as no call outlives it. Making a
// context with a timer for each message would cost as much as all the rest.
type slot struct {
	parent context.Context // what handlers of the session run under
	limit  time.Duration

	// started is when the call in hand began, in nanoseconds since epoch; 0
	// between calls, and negative once its context has ended.
	started atomic.Int64
	current atomic.Pointer[callContext]
	// lastEnded is when the call before ended, if that is as good as now, else 0.
	// Reading the clock costs as much as a tenth of all that a message does.
	lastEnded int64
	// quick says that the calls of the last hand took no time.
	quick bool
	// record is the first message of the call in hand, claim what it is of, and
	// others are the claims of a batch beside that.
	record atomic.Pointer[sarama.ConsumerMessage]
	claim  atomic.Pointer[claim]
	others atomic.Pointer[[]*claim]
}

// epoch is what a slot's nanoseconds count from, on the monotonic clock.
var epoch = time.Now()

func sinceEpoch() int64 { return max(1, int64(time.Since(epoch))) }

func newSlot(parent context.Context, limit time.Duration) *slot {
	s := &slot{parent: parent, limit: limit}
	s.renew()
	return s
}

func (s *slot) renew() {
	ctx, cancel := context.WithCancelCause(s.parent)
	s.current.Store(&callContext{Context: ctx, cancel: cancel, slot: s})
}

// now is the time, once.
func (s *slot) now() int64 {
	if now := s.lastEnded; now > 0 {
		s.lastEnded = 0
		return now
	}
	return sinceEpoch()
}

// begin starts a call at the time now. Its context ends after the limit.
func (s *slot) begin(t *task, now int64) context.Context {
	if s.claim.Load() != t.claim {
		s.claim.Store(t.claim)
	}
	s.record.Store(t.record)
	s.started.Store(now)
	return s.current.Load()
}

// beginAll starts a call for all of the tasks.
func (s *slot) beginAll(tasks []task, now int64) context.Context {
	var others []*claim
	for rest := tasks[sameClaim(tasks):]; len(rest) > 0; rest = rest[sameClaim(rest):] {
		others = append(others, rest[0].claim)
	}
	s.others.Store(&others)
	return s.begin(&tasks[0], now)
}

// calls tells whether the call is for messages of the claim.
func (s *slot) calls(c *claim) bool {
	if s.claim.Load() == c {
		return true
	}
	others := s.others.Load()
	return others != nil && slices.Contains(*others, c)
}

// end says that the call has returned.
func (s *slot) end() {
	if s.started.Swap(0) < 0 {
		s.renew()
	}
}

// close gives the slot's context back. No call is in hand.
func (s *slot) close() { s.current.Load().cancel(nil) }

// expire ends the context of the call that began at started, unless that call
// has returned meanwhile: the context is of that call as long as started is.
func (s *slot) expire(started int64, cause error) {
	ctx := s.current.Load()
	if started > 0 && s.started.CompareAndSwap(started, -started) {
		ctx.cancel(cause)
	}
}

// callContext is the context of the calls of a slot.
type callContext struct {
	context.Context
	cancel context.CancelCauseFunc
	slot   *slot
}

// Deadline is that of the call in hand.
func (c *callContext) Deadline() (time.Time, bool) {
	started := c.slot.started.Load()
	if started < 0 {
		started = -started
	}
	return epoch.Add(time.Duration(started) + c.slot.limit), true
}

// Err is DeadlineExceeded where that is why the context ended.
func (c *callContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

// slots are those of one Run, those of sessions that have ended and whose
// handlers have not returned among them.
type slots struct {
	limit time.Duration

	mutex sync.Mutex
	live  map[*slot]struct{}
}

func newSlots(limit time.Duration) *slots {
	return &slots{limit: limit, live: make(map[*slot]struct{})}
}

func (s *slots) open(parent context.Context) *slot {
	opened := newSlot(parent, s.limit)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.live[opened] = struct{}{}
	return opened
}

func (s *slots) close(closed *slot) {
	closed.close()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.live, closed)
}

// each calls visit for every slot with a call in hand, with the call's start;
// negative where its context has ended already.
func (s *slots) each(visit func(one *slot, started int64)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for one := range s.live {
		if started := one.started.Load(); started != 0 {
			visit(one, started)
		}
	}
}

// watch ends the contexts of calls that take longer than the limit, until the
// context is done. It looks twenty times within the limit, and at least twice a
// second, so that a call of 10 s ends at most half a second late.
func (s *slots) watch(ctx context.Context) {
	look := time.NewTicker(min(max(s.limit/20, time.Millisecond), 500*time.Millisecond))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		overdue := sinceEpoch() - int64(s.limit)
		s.each(func(one *slot, started int64) {
			if started <= overdue {
				one.expire(started, context.DeadlineExceeded)
			}
		})
	}
}

// calls is how many calls the claim has in hand.
func (s *slots) calls(c *claim) (calls int) {
	s.each(func(one *slot, _ int64) {
		if one.calls(c) {
			calls++
		}
	})
	return calls
}

// giveUp ends the contexts of the claim's calls.
func (s *slots) giveUp(c *claim, cause error) {
	s.each(func(one *slot, started int64) {
		if one.calls(c) {
			one.expire(started, cause)
		}
	})
}

// longest is the call that has been in hand for the longest time, and its first
// message; nil when there is none.
func (s *slots) longest() (record *sarama.ConsumerMessage, since time.Duration) {
	now := sinceEpoch()
	s.each(func(one *slot, started int64) {
		if took := time.Duration(now - max(started, -started)); took > since {
			record, since = one.record.Load(), took
		}
	})
	return record, since
}

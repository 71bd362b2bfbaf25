package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// PanicError is a panic in what the program gave to call, such as the handler.
// It counts as a failure of the call.
type PanicError struct {
	// Value is what it panicked with, Stack where.
	Value any
	Stack []byte
}

// Error gives the value; the stack is logged.
func (e *PanicError) Error() string { return fmt.Sprintf("panicked: %v", e.Value) }

// caller calls the handler for the messages in one hand.
type caller interface {
	// call returns how many of the tasks, from the first on, are handled, and
	// what was wrong with the next one: nothing where its turn is over.
	call(s *session, slot *slot, tasks []task) (done int, err error)
	// failsTogether tells that the error does not say which message it is of.
	failsTogether(err error) bool
	// pool is the shape of the pool of such calls.
	pool(config Config) poolOptions
	// problem is why it can't work with the configuration.
	problem(config Config) error
}

const (
	// runAtOnce is how many messages of a partition or key one hand takes under
	// one lock. They have to wait for each other anyway, and with a handler that
	// takes no time a hand that goes to another lane costs as much as the rest.
	runAtOnce = 128
	// turn is how long it stays with them, so that a few keys with much to do
	// don't keep all hands from the others. The message in hand is finished.
	turn = 10 * time.Millisecond
)

// oneByOne calls a Handler for each message.
type oneByOne struct{ handle Handler }

func (o oneByOne) pool(config Config) poolOptions {
	return poolOptions{hands: config.Concurrency, most: runAtOnce}
}

func (o oneByOne) failsTogether(error) bool { return false }

func (o oneByOne) problem(Config) error { return required(o.handle != nil, "handler") }

func (o oneByOne) call(s *session, slot *slot, tasks []task) (done int, err error) {
	now := slot.now()
	until := now + int64(turn)
	within := now + int64(len(tasks))*int64(quickly)
	slot.quick = false
	for i := range tasks {
		if now > until {
			return i, nil
		}
		t := &tasks[i]
		if s.over(t.claim) {
			return i, errDrained
		}
		ctx := s.traced(slot.begin(t, now), t.record)
		err := o.protected(ctx, t.record)
		slot.end()
		ended := sinceEpoch()
		t.claim.metrics.seconds.observe(time.Duration(ended - now))
		if err != nil {
			return i, err
		}
		s.finished(t)
		now = ended
	}
	slot.lastEnded, slot.quick = now, now <= within
	return len(tasks), nil
}

// over tells that nothing of the claim may begin any more.
func (s *session) over(c *claim) bool {
	return c.draining.Load() || s.membership.Err() != nil
}

func (o oneByOne) protected(ctx context.Context, record *sarama.ConsumerMessage) (err error) {
	defer recovered(&err)
	return o.handle(ctx, newMessage(record))
}

func recovered(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{Value: value, Stack: debug.Stack()}
	}
}

// work is the life of a hand: it takes messages, has them handled, and gives
// back what has to be handled again.
func (s *session) work(h *hand) {
	slot := s.slots.open(s.handling)
	defer s.slots.close(slot)
	defer s.noticeExit(h)
	for s.pool.next(h) {
		if h.waited {
			slot.lastEnded = 0
		}
		s.handleAll(slot, h)
		h.quick = slot.quick
	}
}

// errGoexit ends Run: what called runtime.Goexit, as a test's FailNow does,
// takes the goroutine that would give its messages back.
var errGoexit = errors.New("the handler ended its goroutine by runtime.Goexit")

// noticeExit is called as the hand ends, which it does with nothing begun unless
// the handler has ended it.
func (s *session) noticeExit(h *hand) {
	if h.begun > 0 {
		end(h.tasks[:h.begun])
		s.fail(errGoexit)
	}
}

func (s *session) handleAll(slot *slot, h *hand) {
	begun := begin(h.tasks)
	if begun == 0 {
		s.pool.again(h, ended(h.tasks), 0)
		return
	}
	h.begun = begun
	done, err := 0, h.tasks[0].letter
	if err == nil {
		done, err = s.caller.call(s, slot, h.tasks[:begun])
	} else {
		slot.lastEnded = 0 // sending a letter takes its time
	}
	s.settle(h, done, begun, err)
}

// settle gives back what has to be handled again, and counts the tasks as
// running no more.
func (s *session) settle(h *hand, done, begun int, err error) {
	switch {
	case err != nil:
		s.failed(h, done, begun, err)
	case done < len(h.tasks):
		s.pool.again(h, done, 0)
	}
	end(h.tasks[:begun])
	h.begun = 0
}

// begin counts tasks as running, from the first on, up to one whose claim ends.
func begin(tasks []task) (begun int) {
	for begun < len(tasks) {
		run := sameClaim(tasks[begun:])
		if !tasks[begun].claim.begin(run) {
			break
		}
		begun += run
	}
	return begun
}

// end counts tasks as running no more.
func end(tasks []task) {
	for len(tasks) > 0 {
		run := sameClaim(tasks)
		tasks[0].claim.end(run)
		tasks = tasks[run:]
	}
}

// sameClaim is how many tasks, from the first on, are of its claim.
func sameClaim(tasks []task) int {
	run := 1
	for run < len(tasks) && tasks[run].claim == tasks[0].claim {
		run++
	}
	return run
}

// ended is how many tasks, from the first on, are of claims that end. They wait
// for the partition's next owner.
func ended(tasks []task) int {
	for i := range tasks {
		if !tasks[i].claim.draining.Load() {
			return i
		}
	}
	return len(tasks)
}

// anyEnds tells whether the claim of one of the tasks ends. The others are
// handed in again without it.
func anyEnds(tasks []task) bool {
	return slices.ContainsFunc(tasks, func(t task) bool { return t.claim.draining.Load() })
}

// finished notes that the message is handled, and is counted once it counts.
func (s *session) finished(t *task) {
	if !s.freed(t) {
		s.metrics.late.WithLabelValues(t.record.Topic).Inc()
		return
	}
	t.claim.metrics.handled.Inc()
	if t.claim.before.has(t.record.Offset) {
		t.claim.metrics.redelivered.Inc()
	}
}

// traced is the context with the trace that the message's headers carry.
func (s *session) traced(ctx context.Context, record *sarama.ConsumerMessage) context.Context {
	if len(record.Headers) == 0 {
		return ctx
	}
	return s.config.Propagator.Extract(ctx, recordCarrier{record})
}

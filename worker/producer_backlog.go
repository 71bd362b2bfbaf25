package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// backlog is what a producer has accepted and has told no result of. It is
// bounded: who comes when it is full waits, in the order of coming.
type backlog struct {
	maxMessages int
	maxBytes    int64

	mutex    sync.Mutex
	messages int
	bytes    int64
	waiting  []*entrant
	closed   bool
	// stretches are those with messages left, and the one that is open, which comes last.
	stretches []*stretch
}

// stretch is what was accepted between two calls of settled.
type stretch struct {
	messages int
	sealed   bool
	done     chan struct{} // closed once sealed and empty
}

// entrant waits for room. Its channel gets the result.
type entrant struct {
	sending *sending
	result  chan error
}

func newBacklog(maxMessages int, maxBytes int64) *backlog {
	return &backlog{maxMessages: maxMessages, maxBytes: maxBytes, stretches: []*stretch{newStretch()}}
}

func newStretch() *stretch { return &stretch{done: make(chan struct{})} }

// enter waits for room. It fails when the context ends first, or at close.
func (b *backlog) enter(ctx context.Context, s *sending) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not sent: %w", err)
	}
	waits, err := b.tryEnter(s)
	if waits == nil {
		return err
	}
	select {
	case err := <-waits.result:
		return err
	case <-ctx.Done():
		return b.turnBack(ctx, waits)
	}
}

// tryEnter returns nil when the message is in, or can never be.
func (b *backlog) tryEnter(s *sending) (*entrant, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.closed {
		return nil, ErrProducerClosed
	}
	if len(b.waiting) == 0 && b.hasRoom(s) {
		b.take(s)
		return nil, nil
	}
	waits := &entrant{sending: s, result: make(chan error, 1)}
	b.waiting = append(b.waiting, waits)
	return waits, nil
}

// turnBack forgets who no longer waits, unless it was let in at this moment.
func (b *backlog) turnBack(ctx context.Context, waits *entrant) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	at := slices.Index(b.waiting, waits)
	if at < 0 {
		return <-waits.result
	}
	b.waiting = slices.Delete(b.waiting, at, at+1)
	b.letIn() // who came after may fit where this one did not
	return fmt.Errorf("not sent, the producer holds as much as it may: %w", ctx.Err())
}

// hasRoom is true for any message when there is no other.
func (b *backlog) hasRoom(s *sending) bool {
	return b.messages == 0 || b.messages < b.maxMessages && b.bytes+s.size <= b.maxBytes
}

func (b *backlog) take(s *sending) {
	b.messages++
	b.bytes += s.size
	s.stretch = b.stretches[len(b.stretches)-1]
	s.stretch.messages++
}

func (b *backlog) letIn() {
	for len(b.waiting) > 0 && b.hasRoom(b.waiting[0].sending) {
		b.take(b.waiting[0].sending)
		b.waiting[0].result <- nil
		b.waiting = b.waiting[1:]
	}
}

// leave is called once the result of the message was told.
func (b *backlog) leave(s *sending) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.messages--
	b.bytes -= s.size
	s.stretch.messages--
	b.dropSettled()
	b.letIn()
}

// settled returns channels that are closed once all messages that are in the
// backlog now have left it.
func (b *backlog) settled() []<-chan struct{} {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var all []<-chan struct{}
	for _, stretch := range b.stretches {
		stretch.sealed = true
		all = append(all, stretch.done)
	}
	b.dropSettled()
	b.stretches = append(b.stretches, newStretch())
	return all
}

func (b *backlog) dropSettled() {
	b.stretches = slices.DeleteFunc(b.stretches, func(s *stretch) bool {
		settled := s.sealed && s.messages == 0
		if settled {
			close(s.done)
		}
		return settled
	})
}

// close lets nobody in any more.
func (b *backlog) close() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.closed = true
	for _, waits := range b.waiting {
		waits.result <- ErrProducerClosed
	}
	b.waiting = nil
}

// held is how many messages there are.
func (b *backlog) held() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.messages
}

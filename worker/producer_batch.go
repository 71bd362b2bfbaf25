package worker

import (
	"context"
	"errors"
	"sync"
)

// sendBatch collects the results of one SendBatch.
type sendBatch struct {
	producer *Producer
	messages []Outgoing
	all      chan struct{} // closed once all are told

	mutex  sync.Mutex
	errors map[int]error
	told   map[int]bool
	over   bool // SendBatch returns
}

// SendBatch sends the messages in their order and returns once each has its
// result. The error is a *BatchError, which names those that failed; when the
// context ends first, also those that have no result yet and may still succeed.
//
// With StopOnError a key that failed is stopped until SendBatch returns, and
// not longer.
func (p *Producer) SendBatch(ctx context.Context, messages []Outgoing) error {
	if len(messages) == 0 {
		return nil
	}
	b := &sendBatch{producer: p, messages: messages, all: make(chan struct{}), errors: make(map[int]error), told: make(map[int]bool)}
	for i, message := range messages {
		p.accept(ctx, message, true, func(_ Receipt, err error) { b.tell(i, err) })
	}
	select {
	case <-b.all:
	case <-ctx.Done():
	}
	return b.result(ctx)
}

func (b *sendBatch) tell(index int, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.told[index] = true; len(b.told) == len(b.messages) {
		close(b.all)
	}
	switch {
	case err == nil:
	case b.over:
		b.resume(index, err) // nobody else will
	default:
		b.errors[index] = err
	}
}

// result ends the batch.
func (b *sendBatch) result(ctx context.Context) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.over = true
	for index, err := range b.errors {
		b.resume(index, err)
	}
	for index, message := range b.messages {
		if !b.told[index] {
			b.errors[index] = undecided(message, ctx)
		}
	}
	if len(b.errors) == 0 {
		return nil
	}
	return &BatchError{Errors: b.errors, Messages: len(b.messages)}
}

// resume lets the lane of a message go again that this message has stopped.
func (b *sendBatch) resume(index int, err error) {
	if _, behind := errors.AsType[*KeyStoppedError](err); !behind {
		b.producer.Resume(b.messages[index])
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// load is how much a program sends until it has been enough.
type load struct {
	// rate is in messages a second, over so many keys.
	rate, keys int
	// bytes is the size of a message's value.
	bytes int
}

// settleTime is how long results may take that are outstanding when a program ends.
const settleTime = 3 * time.Minute

// run sends until enough is closed, and returns once all results are told.
func (l load) run(ctx context.Context, s sender, book *ledger, enough <-chan struct{}) error {
	_, err := l.runFrom(ctx, 0, s, book, enough)
	return err
}

// runFrom begins with the message of this number, and returns that of the next.
func (l load) runFrom(ctx context.Context, first int, s sender, book *ledger, enough <-chan struct{}) (next int, err error) {
	sending, stop := untilClosed(ctx, enough)
	defer stop()
	pace := rate.NewLimiter(rate.Limit(l.rate), max(1, l.rate/100))
	for next = first; pace.Wait(sending) == nil; next++ {
		m := message{key: fmt.Sprintf("key-%d", next%l.keys), number: next / l.keys}
		book.send(m)
		s.send(ctx, m, m.value(l.bytes), func(err error) { book.tell(m, err) })
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return next, s.close(ctx)
}

// untilClosed is a context that ends when the channel is closed.
func untilClosed(ctx context.Context, closed <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

package kafkaadmin

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// sentError is the failure of a write that may have arrived: a link does not send
// it again.
type sentError struct{ error }

func (e sentError) Unwrap() error { return e.error }

// What became of a write.
const (
	unsent int32 = iota
	sent         // or just about to be
	given        // up: nobody waits for it any more
)

// askOnce makes a request that changes something. It is sent once at most, and
// unless the error is kafka.ErrUncertain it was not sent. The broker is asked for
// its versions just before, so that a kept connection that is dead is found and
// replaced while there is nothing to lose.
func askOnce[T any](ctx context.Context, l *link, write func(*sarama.Broker) (T, error)) (T, error) {
	var fate atomic.Int32
	value, err := ask(ctx, l, func(b *sarama.Broker) (T, error) {
		if _, err := b.ApiVersions(versionsRequest()); err != nil {
			return *new(T), err //nolint:wrapcheck // ask says what was attempted
		}
		if !fate.CompareAndSwap(unsent, sent) {
			return *new(T), nil // nobody hears it
		}
		value, err := write(b)
		switch {
		case neverSent(err):
			fate.CompareAndSwap(sent, unsent)
		case err != nil:
			err = sentError{err}
		}
		return value, err
	})
	if err != nil && fate.Swap(given) == sent {
		err = uncertain(err)
	}
	return value, err
}

func uncertain(err error) error { return fmt.Errorf("%w: %w", kafka.ErrUncertain, err) }

package worker

import (
	"context"
	"time"

	"github.com/IBM/sarama"
)

// pause waits and tells whether to go on: false when the context ended.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// newBackoff doubles from first to most with jitter. Exponents stay where they
// don't overflow: 2^20 times a tenth of a second is over a day.
func newBackoff(first, most time.Duration) func(attempt int) time.Duration {
	exponential := sarama.NewExponentialBackoff(first, most)
	return func(attempt int) time.Duration { return exponential(min(attempt, 20), 0) }
}

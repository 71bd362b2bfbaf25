package kafkaadmin

import (
	"math/rand/v2"
	"time"
)

// backoff spaces the attempts to use a broker that fails: the wait doubles
// from first to most, each varied by a fifth so that the clients of a broker
// that returns do not come back as one. With 1s and 30s: 1, 2, 4, 8, 16, 30.
type backoff struct {
	first, most time.Duration
	failures    int
	until       time.Time
}

func (b *backoff) waits(now time.Time) bool { return now.Before(b.until) }

func (b *backoff) reset() { b.failures, b.until = 0, time.Time{} }

func (b *backoff) fail(now time.Time) {
	wait := b.most
	if doubled := b.first << b.failures; b.failures < 16 && doubled < b.most {
		wait = doubled
	}
	b.failures++
	jitter := 0.8 + 0.4*rand.Float64() //nolint:gosec // spreads load, hides nothing
	b.until = now.Add(time.Duration(float64(wait) * jitter))
}

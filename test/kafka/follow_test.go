package kafka_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// stretch makes a second of a test half a minute of a group's life, so that the
// window over which health is judged passes in seconds.
const stretch = 30

// engine is a running pool, with a history for each owner as the manager keeps them.
type engine struct {
	pool *kafkaadmin.Pool

	mu        sync.Mutex
	followers map[string]*follower
}

// follower takes in every sample of one owner, in order.
type follower struct {
	options lag.Options
	history lag.History
	base    time.Time
	sample  kafka.GroupSample
	group   lag.Group
	// gaps counts the samples in which something was unknown.
	gaps, samples int
}

// startEngine runs a pool for the length of the test.
func startEngine(t *testing.T, options kafkaadmin.Options) *engine {
	t.Helper()
	e := &engine{followers: map[string]*follower{}}
	if options.Interval == 0 {
		options.Interval = 100 * time.Millisecond
	}
	options.OnSample = e.take
	e.pool = kafkaadmin.NewPool(options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.pool.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			must(t, "run the pool", err)
		case <-time.After(patience):
			t.Error("the pool does not end")
		}
	})
	return e
}

func (e *engine) watch(t *testing.T, owner string, subscription kafkaadmin.Subscription, initial kafka.InitialOffset) {
	t.Helper()
	e.mu.Lock()
	e.followers[owner] = &follower{options: lag.Options{Initial: initial}}
	e.mu.Unlock()
	e.pool.Watch(owner, subscription)
	t.Cleanup(func() { e.pool.Forget(owner) })
}

func (e *engine) take(owner string) {
	sample, known := e.pool.Latest(owner)
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.followers[owner]; f != nil && known {
		f.take(sample)
	}
}

func (f *follower) take(sample kafka.GroupSample) {
	if f.base.IsZero() {
		f.base = sample.At
	}
	f.sample = sample
	f.group = f.history.Observe(f.stretched(sample), f.options)
	f.samples++
	if f.group.FirstErr() != nil || sample.StateErr != nil {
		f.gaps++
	}
}

// stretched is the sample as if it had been taken later. Ages are left as they are.
func (f *follower) stretched(sample kafka.GroupSample) kafka.GroupSample {
	sample.At = f.base.Add(stretch * sample.At.Sub(f.base))
	return sample
}

// latest is what the engine says now of the owner's group; false before its first sample.
func (e *engine) latest(owner string) (kafka.GroupSample, lag.Group, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.followers[owner]
	return f.sample, f.group, f.samples > 0
}

// gaps is in how many of the owner's samples something was unknown.
func (e *engine) gaps(owner string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.followers[owner].gaps
}

// until waits until the engine says what is wanted of the owner's group.
func (e *engine) until(t *testing.T, owner, what string, wanted func(kafka.GroupSample, lag.Group) bool) (kafka.GroupSample, lag.Group) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			sample, _, _ := e.latest(owner)
			t.Logf("the last sample of %q was %+v", owner, sample)
		}
	})
	eventually(t, what, func() bool {
		sample, group, known := e.latest(owner)
		return known && wanted(sample, group)
	})
	sample, group, _ := e.latest(owner)
	return sample, group
}

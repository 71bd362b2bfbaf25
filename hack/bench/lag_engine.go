package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// lagEngine is what the manager has of the lag engine: the pool that samples,
// and one history a group that takes each sample in.
type lagEngine struct {
	shape lagShape
	pool  *kafkaadmin.Pool

	mu        sync.Mutex
	histories map[string]*lag.History
	sampled   map[string]bool
	ended     []time.Time // when each cycle's last sample was taken in
}

func startEngine(ctx context.Context, o lagOptions, addresses []string) *lagEngine {
	e := &lagEngine{shape: o.shape, histories: map[string]*lag.History{}, sampled: map[string]bool{}}
	e.pool = kafkaadmin.NewPool(kafkaadmin.Options{Interval: o.interval, OnSample: func(owner string) { e.onSample(owner, o.interval) }})
	connection := kafkaadmin.NewConnection(addresses, "", kafkaauth.Security{})
	for g := range o.shape.Groups {
		id := o.shape.group(g)
		e.histories[id] = &lag.History{}
		e.pool.Watch(id, kafkaadmin.Subscription{Connection: connection, GroupID: id, Topics: o.shape.topicsOf(g)})
	}
	go func() { _ = e.pool.Start(ctx) }() // fails only when started twice
	return e
}

// onSample takes a sample in. Samples of one cycle come together: a pause of a
// quarter of the interval parts two cycles.
func (e *lagEngine) onSample(owner string, interval time.Duration) {
	sample, ok := e.pool.Latest(owner)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sampled[owner] = true
	e.histories[owner].Take(sample, lag.Options{Initial: kafka.InitialEarliest})
	now := time.Now()
	if n := len(e.ended); n > 0 && now.Sub(e.ended[n-1]) < interval/4 {
		e.ended[n-1] = now
		return
	}
	e.ended = append(e.ended, now)
}

func (e *lagEngine) waitForAll(ctx context.Context) error {
	return e.wait(ctx, func() bool { return len(e.sampled) == e.shape.Groups })
}

// waitForCycles waits for so many more cycles.
func (e *lagEngine) waitForCycles(ctx context.Context, n int) error {
	from := e.cycles()
	return e.wait(ctx, func() bool { return len(e.ended) >= from+n })
}

func (e *lagEngine) wait(ctx context.Context, reached func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		e.mu.Lock()
		done := reached()
		e.mu.Unlock()
		if done {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for samples: %w", err)
		}
	}
}

func (e *lagEngine) cycles() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.ended)
}

// unknown is the number of partitions whose lag the newest samples do not tell.
func (e *lagEngine) unknown() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	total := 0
	for owner, history := range e.histories {
		sample, _ := e.pool.Latest(owner)
		_, unknown := history.Tell(sample, lag.Options{Initial: kafka.InitialEarliest}).Known()
		total += unknown
	}
	return total
}

// durations are the lengths of the cycles in milliseconds, from a cycle's first
// request at a broker until its last sample was taken in.
func (e *lagEngine) durations(cycles []meteredCycle) []float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var took []float64
	for i, cycle := range cycles[:len(cycles)-1] {
		for _, end := range e.ended {
			if end.After(cycle.At) && end.Before(cycles[i+1].At) {
				took = append(took, float64(end.Sub(cycle.At).Microseconds())/1000)
				break
			}
		}
	}
	return took
}

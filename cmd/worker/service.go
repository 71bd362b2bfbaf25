package main

import (
	"context"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// serve spends a fixed time on each message and gives up when told to. It has so
// many messages in hand at a time, whichever partitions they are
// from: with one, a worker of 20 ms handles 50 messages a second, with one
// partition as with twelve, so that it takes more workers to handle more.
func serve(serviceTime time.Duration, concurrency int) worker.Handler {
	hand := make(chan struct{}, concurrency)
	return func(ctx context.Context, _ worker.Message) error {
		select {
		case hand <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		defer func() { <-hand }()
		timer := time.NewTimer(serviceTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// handsOf is how many messages the configuration has handled at the same time,
// one where it leaves that to the number of partitions.
func handsOf(config worker.Config) int {
	if config.Concurrency == 0 && config.Ordering != "" && config.Ordering != worker.OrderByPartition {
		return worker.DefaultConcurrency
	}
	return max(1, config.Concurrency)
}

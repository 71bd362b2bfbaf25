package main

import (
	"context"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// serve spends a fixed time on each message and gives up when told to. It has
// one message in hand at a time, whichever partition it is from: a worker of
// 20 ms handles 50 messages a second, with one partition as with twelve, so
// that it takes more workers to handle more.
func serve(serviceTime time.Duration) worker.Handler {
	hand := make(chan struct{}, 1)
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

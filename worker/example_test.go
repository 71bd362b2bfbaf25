package worker_test

import (
	"context"
	"log"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// What is to be done for every message is written once and put around the
// handler: the first one is outermost.
func ExampleChain() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config, err := worker.Load()
	if err != nil {
		log.Fatal(err)
	}
	store := func(_ context.Context, msg worker.Message) error {
		slog.Info("stored", "key", string(msg.Key))
		return nil
	}
	logged := func(next worker.Handler) worker.Handler {
		return func(ctx context.Context, msg worker.Message) error {
			began := time.Now()
			err := next(ctx, msg)
			slog.Info("handled", "offset", msg.Offset, "took", time.Since(began), "error", err)
			return err
		}
	}
	tombstonesPassedOver := func(next worker.Handler) worker.Handler {
		return func(ctx context.Context, msg worker.Message) error {
			if msg.Value == nil {
				return nil
			}
			return next(ctx, msg)
		}
	}
	if err := worker.Run(ctx, config, worker.Chain(store, logged, tombstonesPassedOver)); err != nil {
		log.Print(err)
	}
}

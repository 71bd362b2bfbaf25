package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// progressInterval is how often a replay says how far it is.
const progressInterval = 5 * time.Second

// runReplay is the command "worker replay": it reads what the workers have read
// already, beside them. Connection and the like are theirs, by the same file
// and environment.
func runReplay(ctx context.Context, args []string, getenv func(string) string, output io.Writer, log *slog.Logger) error {
	options, err := parseReplayOptions(args, getenv, time.Now())
	if err != nil {
		return err
	}
	config, err := worker.Load()
	if err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	config.Logger, config.GracePeriod = log, options.gracePeriod
	config.Retry.Attempts = cmp.Or(options.attempts, config.Retry.Attempts, replayAttempts)
	handle := serve(options.serviceTime, handsOf(config))
	if options.print {
		handle = printer(output, options.values)
	}
	if options.tallyAddress != "" {
		tally := newTally(options.tallyAddress, config.ClientID, log)
		defer tally.close()
		handle = tally.after(handle)
	}
	var handled atomic.Int64
	stop := everyNow(progressInterval, func() { log.Info("replaying", "handled", handled.Load()) })
	summary, err := worker.Replay(ctx, config, options.replay, counting(handle, &handled))
	stop()
	if len(summary.Partitions) == 0 && err != nil {
		return err // nothing was begun
	}
	for _, p := range summary.Partitions {
		log.Info("replayed", "topic", options.replay.Topic, "partition", p.Partition, "from", p.From, "to", p.To, "next", p.Next, "handled", p.Handled)
	}
	log.Info("replay ended", "topic", options.replay.Topic, "partitions", len(summary.Partitions), "handled", summary.Handled())
	return err
}

func counting(handle worker.Handler, handled *atomic.Int64) worker.Handler {
	return func(ctx context.Context, msg worker.Message) error {
		err := handle(ctx, msg)
		if err == nil {
			handled.Add(1)
		}
		return err
	}
}

// everyNow calls tell at each interval until stop is called.
func everyNow(interval time.Duration, tell func()) (stop func()) {
	ended, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-over
	}
}

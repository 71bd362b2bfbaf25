package worker_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os/signal"
	"strings"
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

// Dead letters go back to where they came from once the cause is mended. A
// second pass begins where the first one ended.
func ExampleReplay_deadLetters() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config, err := worker.Load()
	if err != nil {
		log.Fatal(err)
	}
	producer, err := worker.NewProducer(config)
	if err != nil {
		log.Fatal(err)
	}
	sendBack := func(ctx context.Context, letter worker.Message) error {
		back := worker.Outgoing{Key: letter.Key, Value: letter.Value, Timestamp: letter.Timestamp}
		for _, header := range letter.Headers {
			switch name := string(header.Key); {
			case name == worker.HeaderTopic:
				back.Topic = string(header.Value)
			case !strings.HasPrefix(name, "lagrange-"):
				back.Headers = append(back.Headers, header)
			}
		}
		_, err := producer.Send(ctx, back)
		return err
	}
	_, err = worker.Replay(ctx, config, worker.ReplayOptions{
		Topic: "orders-dead", From: worker.AtKept(), KeepAs: "orders-dead-sent-back",
	}, sendBack)
	if err := errors.Join(err, producer.Close(ctx)); err != nil {
		log.Print(err)
	}
}

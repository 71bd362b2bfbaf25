// Command worker is the reference worker: a member of a consumer group that
// spends a fixed time on each message. It is what the demo and the end-to-end
// tests run, and a pattern for workers of one's own.
//
//	worker                   be a member of the group
//	worker replay --topic=T  read a topic again, beside the group
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/lagrange-operator/lagrange/worker"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, log)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		log.Error("worker ended", "error", err.Error())
		os.Exit(1)
	default:
		log.Info("worker ended")
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, log *slog.Logger) error {
	if len(args) > 0 && args[0] == "replay" {
		return runReplay(ctx, args[1:], getenv, os.Stdout, log)
	}
	if len(args) > 0 && args[0] == "help" {
		args = []string{"-help"}
	}
	options, err := parseOptions(args, getenv)
	if err != nil {
		return err
	}
	config, err := worker.Load()
	if err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	config.ListenAddress = options.listen
	config.GracePeriod = options.gracePeriod
	config.Logger = log
	handle := serve(options.serviceTime, handsOf(config))
	if options.tallyAddress == "" {
		return worker.Run(ctx, config, handle)
	}
	tally := newTally(options.tallyAddress, config.ClientID, log)
	defer tally.close()
	return worker.Run(ctx, config, tally.after(handle))
}

// Command im is the path of instant messages through Kafka into MariaDB: a
// gateway that produces, and workers that store each message once and those of
// a conversation in order. Without a command it tries that on real servers:
//
//	make example-im
//	go run ./examples/im --messages 100000 --rounds 3
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/examples/im/archive"
	"github.com/lagrange-operator/lagrange/examples/im/trial"
	"github.com/lagrange-operator/lagrange/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	options := trial.Options{Messages: 100_000, Conversations: 1000, Rounds: 1, Workers: 3, Rate: 2500, Out: os.Stdout}
	c := &cobra.Command{
		Use:           "im",
		Short:         "instant messages through Kafka into MariaDB, while everything fails that can",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return trial.Run(c.Context(), options) },
	}
	c.Flags().IntVar(&options.Messages, "messages", options.Messages, "how many messages are sent in a round")
	c.Flags().IntVar(&options.Conversations, "conversations", options.Conversations, "how many conversations they belong to")
	c.Flags().IntVar(&options.Rounds, "rounds", options.Rounds, "how often all of it is done, each time with another order of failures")
	c.Flags().IntVar(&options.Workers, "workers", options.Workers, "how many workers run")
	c.Flags().IntVar(&options.Rate, "rate", options.Rate, "how many messages are sent in a second, at most")
	c.Flags().Uint64Var(&options.Seed, "seed", options.Seed, "of the order of failures; 0 takes another one each time")
	c.AddCommand(workerCommand())
	return c
}

func workerCommand() *cobra.Command {
	config, unread := worker.Load() // what the operator says, if there is one; the flags go over it
	var dsn string
	c := &cobra.Command{
		Use:   "worker",
		Short: "store the messages of a topic in MariaDB",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if unread != nil {
				return unread
			}
			config.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
			db, err := archive.Open(c.Context(), dsn)
			if err != nil {
				return err
			}
			defer func() { _ = db.Close() }() // every transaction has ended
			return archive.Run(c.Context(), config, db)
		},
	}
	c.Flags().StringSliceVar(&config.BootstrapServers, "brokers", config.BootstrapServers, "host:port of the brokers to start from")
	c.Flags().StringSliceVar(&config.Topics, "topic", config.Topics, "what to read")
	c.Flags().StringVar(&config.GroupID, "group", cmp.Or(config.GroupID, "im-archive"), "the consumer group to join")
	c.Flags().StringVar(&config.ClientID, "name", config.ClientID, "what the worker calls itself; default: the host's name")
	c.Flags().DurationVar(&config.SessionTimeout, "session-timeout", cmp.Or(config.SessionTimeout, worker.DefaultSessionTimeout), "how long the group keeps a worker that has gone silent")
	c.Flags().StringVar(&config.DedupNamespace, "dedup-namespace", cmp.Or(config.DedupNamespace, "im-archive"), "where the ids of stored messages are; with another one all that comes is stored again")
	c.Flags().StringVar(&config.ListenAddress, "listen", config.ListenAddress, "host:port of /healthz, /readyz, /metrics and /producer; default: none")
	c.Flags().StringVar(&dsn, "dsn", "", "the database, as user:password@tcp(host:port)/name")
	return c
}

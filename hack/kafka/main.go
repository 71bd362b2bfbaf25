// Command kafka has what the demo and the tests need beside a cluster: an
// embedded broker, Apache Kafka itself, and a load that replays a measured curve.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "kafka",
		Short:         "A Kafka broker, embedded or Apache's, and a load that replays a measured curve",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(brokerCommand(), apacheCommand(), loadCommand())
	return root
}

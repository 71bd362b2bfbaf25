// Command bench measures the operator: the real manager against a real API
// server and a broker that is a process of its own. Each benchmark prints what
// it does on standard error and one JSON object as the last line of standard output.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
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
	root := &cobra.Command{Use: "bench", Short: "measure the operator", SilenceUsage: true, SilenceErrors: true}
	o := reconcileOptions{}
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "cost of many groups, without traffic and with traffic on every group",
		RunE: func(c *cobra.Command, _ []string) error {
			figures, err := benchReconcile(c.Context(), o)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(figures)
		},
	}
	c.Flags().IntVar(&o.objects, "objects", 500, "how many KafkaConsumerGroups")
	c.Flags().IntVar(&o.partitions, "partitions", 4, "partitions of each group's topic")
	c.Flags().DurationVar(&o.phase, "phase", 2*time.Minute, "how long each of the two phases is measured")
	root.AddCommand(c, lagCommand(), lagBrokerCommand(), workerCommand(), workerRunCommand(), resetCommand(), policyCommand())
	return root
}

func lagCommand() *cobra.Command {
	o := lagOptions{}
	c := &cobra.Command{
		Use:   "lag",
		Short: "cost of one poll cycle over many groups",
		RunE: func(c *cobra.Command, _ []string) error {
			figures, err := benchLag(c.Context(), o)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(figures)
		},
	}
	o.shape.flags(c)
	c.Flags().IntVar(&o.cycles, "cycles", 40, "how many warm cycles are measured")
	c.Flags().DurationVar(&o.interval, "interval", 2*time.Second, "time between two cycles")
	return c
}

// lagBrokerCommand is the other process of the lag benchmark.
func lagBrokerCommand() *cobra.Command {
	shape := lagShape{}
	c := &cobra.Command{
		Use:    lagBrokerName,
		Hidden: true,
		RunE:   func(c *cobra.Command, _ []string) error { return runLagBroker(c.Context(), shape) },
	}
	shape.flags(c)
	return c
}

// say tells what is being done.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Command test runs the tiers of the project's tests and sums them up.
//
//	go run ./hack/test all | verify | lint | unit | integration | worker | kafka | e2e | soak
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
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
	rounds := 10
	c := &cobra.Command{
		Use:           "test TIER...",
		Short:         "run tiers of tests and sum them up",
		Args:          cobra.MinimumNArgs(1),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if slices.Contains(args, "all") {
				args = []string{"verify", "lint", "unit", "integration", "worker", "kafka", "e2e"}
			}
			return runTiers(c.Context(), args, rounds)
		},
	}
	c.Flags().IntVar(&rounds, "rounds", rounds, "how often soak repeats each test")
	return c
}

// runTiers runs all of them, also after one has failed, so that one run tells everything.
func runTiers(ctx context.Context, names []string, rounds int) error {
	var results []result
	for _, name := range names {
		tier, ok := tiers(rounds)[name]
		if !ok {
			return fmt.Errorf("no tier %q: there are all, verify, lint, unit, integration, worker, kafka, e2e and soak", name)
		}
		fmt.Printf("\n=== %s: %s\n", name, tier.what)
		begin := time.Now()
		r := tier.run(ctx)
		r.tier, r.took = name, time.Since(begin).Round(time.Second)
		results = append(results, r)
	}
	return summarise(os.Stdout, results)
}

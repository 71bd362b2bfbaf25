package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

type resetOptions struct {
	rounds int
	kills  bool
}

// resetFigures is what bench reset prints. Seconds are medians over the rounds.
type resetFigures struct {
	// Own is from the approval to the last commit's acknowledgement, less Hold. No
	// pod has to end here.
	Own1000  float64 `json:"own_seconds_1000"`
	Own10000 float64 `json:"own_seconds_10000"`
	// Requests are counted on their way to the broker: the most of any round.
	Requests1000  int `json:"offset_commit_requests_1000"`
	Requests10000 int `json:"offset_commit_requests_10000"`
	// Verify is from there to the first time that all was read back.
	Verify1000  float64 `json:"verify_seconds_1000"`
	Verify10000 float64 `json:"verify_seconds_10000"`
	// Slowest is the own time of the slowest round.
	Slowest1000  float64 `json:"own_seconds_1000_max"`
	Slowest10000 float64 `json:"own_seconds_10000_max"`
	// Hold is for how long the group must be without members: a heartbeat.
	Hold          float64 `json:"hold_for_empty_seconds"`
	Rounds        int     `json:"rounds"`
	KillPoints    int     `json:"kill_points"`
	KillRuns      int     `json:"kill_runs"`
	MixedOutcomes int     `json:"mixed_outcomes"`
	KillsFailed   bool    `json:"kills_failed"`
}

func resetCommand() *cobra.Command {
	o := resetOptions{}
	c := &cobra.Command{
		Use:   "reset",
		Short: "what a reset of 1,000 and of 10,000 partitions takes on Apache Kafka (Java 17, Maven), and the kill table",
		RunE: func(c *cobra.Command, _ []string) error {
			figures, err := benchReset(c.Context(), o, c.OutOrStdout())
			if err != nil {
				return err
			}
			if figures.KillsFailed {
				err = errors.New("the kill table has failed")
			}
			return errors.Join(json.NewEncoder(c.OutOrStdout()).Encode(figures), err)
		},
	}
	c.Flags().IntVar(&o.rounds, "rounds", 5, "resets of each size; the sizes take turns")
	c.Flags().BoolVar(&o.kills, "kills", true, "also kill the manager right before and right after each of its writes, on kfake and on Apache Kafka")
	return c
}

func benchReset(ctx context.Context, o resetOptions, out io.Writer) (figures resetFigures, err error) {
	folder, err := os.MkdirTemp("", "lagrange-bench-")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	rounds, err := measureResets(ctx, folder, o.rounds)
	if err != nil {
		return figures, err
	}
	if err := rounds.table(out); err != nil {
		return figures, err
	}
	figures = rounds.figures()
	if o.kills {
		err = figures.kill(ctx)
	}
	return figures, err
}

// measureResets takes down what it has started before it returns.
func measureResets(ctx context.Context, folder string, rounds int) (resetRounds, error) {
	stand := resetStand{}
	defer stand.stop()
	if err := stand.start(ctx, folder); err != nil {
		return nil, err
	}
	measured := resetRounds{}
	for round := range rounds {
		for _, size := range resetSizes {
			say("round %d of %d: %d partitions", round+1, rounds, size)
			one, err := stand.reset(ctx, size, round)
			if err != nil {
				return nil, fmt.Errorf("reset %d partitions: %w", size, err)
			}
			measured[size] = append(measured[size], one)
		}
	}
	return measured, nil
}

// resetRounds are the rounds by the number of partitions.
type resetRounds map[int][]resetRound

// resetRound is one reset, in seconds.
type resetRound struct {
	plan float64 // from its creation to its plan
	// claim is from the approval until the group is known to be empty, commit from
	// the end of the hold to the acknowledgement of the last commit.
	claim, commit, verify float64
	requests              int
}

func (r resetRound) own() float64 { return r.claim + r.commit }

func (r resetRounds) median(size int, of func(resetRound) float64) float64 {
	var values []float64
	for _, round := range r[size] {
		values = append(values, of(round))
	}
	return middle(values)
}

func (r resetRounds) most(size int, of func(resetRound) float64) float64 {
	most := 0.0
	for _, round := range r[size] {
		most = max(most, of(round))
	}
	return rounded(most)
}

func (r resetRounds) figures() resetFigures {
	verify := func(r resetRound) float64 { return r.verify }
	requests := func(r resetRound) float64 { return float64(r.requests) }
	small, large := resetSizes[0], resetSizes[1]
	return resetFigures{
		Own1000: r.median(small, resetRound.own), Own10000: r.median(large, resetRound.own),
		Slowest1000: r.most(small, resetRound.own), Slowest10000: r.most(large, resetRound.own),
		Requests1000: int(r.most(small, requests)), Requests10000: int(r.most(large, requests)),
		Verify1000: r.median(small, verify), Verify10000: r.median(large, verify),
		Hold: resetHold.Seconds(), Rounds: len(r[small]),
	}
}

func (r resetRounds) table(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "partitions\tround\tplan s\tclaim s\tcommit s\town s\tverify s\trequests\t")
	for _, size := range resetSizes {
		for i, one := range r[size] {
			_, _ = fmt.Fprintf(table, "%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t\n", size, i+1, one.plan, one.claim, one.commit, one.own(), one.verify, one.requests)
		}
	}
	return table.Flush()
}

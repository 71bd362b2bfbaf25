package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// workerRunName is the hidden command of one run, which is a process of its
// own so that its processor time and allocations are.
const workerRunName = "worker-run"

type workerOptions struct {
	rounds, messages, slow, partitions int
	kafka, profiles                    string
}

// workerFigures is the result line of the worker benchmark. A ratio is the
// median over the rounds of two runs of the same round.
type workerFigures struct {
	RawCPU        float64 `json:"raw_cpu_us_per_msg"`
	PartitionCPU  float64 `json:"partition_cpu_ratio_vs_raw"`
	KeyCPU        float64 `json:"key_64_cpu_ratio_vs_raw"`
	NoneCPU       float64 `json:"none_64_cpu_ratio_vs_raw"`
	None1ms       float64 `json:"none_1ms_64_vs_pool"`
	Key1ms        float64 `json:"key_1ms_64_vs_pool"`
	Zipf1ms       float64 `json:"key_zipf_1ms_64_vs_bound"`
	Allocs        float64 `json:"allocs_per_msg"`
	AllocsRaw     float64 `json:"allocs_per_msg_raw"`
	MBPer10K      float64 `json:"mb_per_10k_in_flight"`
	InFlight      float64 `json:"in_flight_when_held"`
	HotShare      float64 `json:"zipf_hottest_share"`
	ServiceMS     float64 `json:"service_ms"`
	PoolPerSecond float64 `json:"pool_msg_per_s"`
	Rounds        int     `json:"rounds"`
	Kafka         string  `json:"kafka"`
}

func workerCommand() *cobra.Command {
	o := workerOptions{}
	c := &cobra.Command{
		Use:   "worker",
		Short: "cost of a message in the worker, beside a bare sarama loop and a bare pool of goroutines",
		RunE: func(c *cobra.Command, _ []string) error {
			figures, err := benchWorker(c.Context(), o, c.OutOrStdout())
			if err != nil {
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(figures)
		},
	}
	c.Flags().IntVar(&o.rounds, "rounds", 7, "how often each kind of run is made; the kinds take turns")
	c.Flags().IntVar(&o.messages, "messages", 3_000_000, "messages of a run whose handler does nothing: enough for some seconds, of which joining the group is little")
	c.Flags().IntVar(&o.slow, "slow-messages", 150_000, "messages of a run whose handler takes 1 ms")
	c.Flags().IntVar(&o.partitions, "partitions", 12, "partitions of a topic")
	c.Flags().StringVar(&o.kafka, "kafka", "broker", "which Kafka: broker (in memory) or apache (Java 17, Maven)")
	c.Flags().StringVar(&o.profiles, "profiles", "", "folder for a CPU profile of each kind of run")
	return c
}

// workerKinds are the runs of a round, in their order.
func (o workerOptions) workerKinds() []workerRun {
	return []workerRun{
		{Kind: kindRaw, Topic: uniformTopic, Messages: o.messages},
		{Kind: kindPartition, Topic: uniformTopic, Messages: o.messages},
		{Kind: kindKey, Topic: uniformTopic, Messages: o.messages},
		{Kind: kindNone, Topic: uniformTopic, Messages: o.messages},
		{Kind: kindPool, Topic: slowTopic, Messages: o.slow, Service: time.Millisecond},
		{Kind: kindKey, Topic: slowTopic, Messages: o.slow, Service: time.Millisecond},
		{Kind: kindNone, Topic: slowTopic, Messages: o.slow, Service: time.Millisecond},
		{Kind: kindKey, Topic: zipfTopic, Messages: o.slow, Service: time.Millisecond},
		{Kind: kindHold, Topic: uniformTopic},
	}
}

func benchWorker(ctx context.Context, o workerOptions, out io.Writer) (figures workerFigures, err error) {
	folder, err := os.MkdirTemp("", "lagrange-bench-")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	say("starting the broker and filling three topics of %d partitions ...", o.partitions)
	address, stop, err := startFilled(ctx, folder, o)
	if err != nil {
		return figures, err
	}
	defer stop()
	results, err := o.runRounds(ctx, address)
	if err != nil {
		return figures, err
	}
	if err := results.table(out); err != nil {
		return figures, err
	}
	figures = results.figures()
	figures.Rounds, figures.Kafka = o.rounds, o.kafka
	return figures, nil
}

// workerResults are the results of each kind of run by its name, a round each.
type workerResults struct {
	names []string
	of    map[string][]workerResult
}

func (o workerOptions) runRounds(ctx context.Context, address string) (workerResults, error) {
	results := workerResults{of: map[string][]workerResult{}}
	for round := range o.rounds {
		say("round %d of %d ...", round+1, o.rounds)
		for i, run := range o.workerKinds() {
			run.Address, run.Group = address, fmt.Sprintf("bench-%d-%d", round, i)
			if o.profiles != "" && round == 0 {
				run.Profile = fmt.Sprintf("%s/%s.pprof", o.profiles, run.name())
			}
			result, err := run.inItsOwnProcess(ctx)
			if err != nil {
				return results, fmt.Errorf("run %q: %w", run.name(), err)
			}
			if round == 0 {
				results.names = append(results.names, run.name())
			}
			results.of[run.name()] = append(results.of[run.name()], result)
		}
	}
	return results, nil
}

// inItsOwnProcess makes the run in a child.
func (r workerRun) inItsOwnProcess(ctx context.Context) (result workerResult, err error) {
	self, err := os.Executable()
	if err != nil {
		return result, fmt.Errorf("find this program: %w", err)
	}
	described, err := json.Marshal(r)
	if err != nil {
		return result, err
	}
	child := exec.CommandContext(ctx, self, workerRunName, string(described))
	child.Stderr = os.Stderr
	answer, err := child.Output()
	if err != nil {
		return result, err
	}
	return result, json.Unmarshal(answer, &result)
}

// median is that of what each run of the name gives.
func (r workerResults) median(name string, of func(workerResult) float64) float64 {
	var values []float64
	for _, result := range r.of[name] {
		values = append(values, of(result))
	}
	return middle(values)
}

// ratio is the median of two runs of the same round.
func (r workerResults) ratio(name, to string, of func(workerResult) float64) float64 {
	var values []float64
	for i, result := range r.of[name] {
		values = append(values, of(result)/of(r.of[to][i]))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return rounded((values[(len(values)-1)/2] + values[len(values)/2]) / 2)
}

func (r workerResults) figures() workerFigures {
	hot := hottestShare()
	return workerFigures{
		RawCPU:        r.median(kindRaw, cpuEach),
		PartitionCPU:  r.ratio(kindPartition, kindRaw, cpuEach),
		KeyCPU:        r.ratio(kindKey, kindRaw, cpuEach),
		NoneCPU:       r.ratio(kindNone, kindRaw, cpuEach),
		None1ms:       r.ratio("none-64-1ms", "pool-64-1ms", perSecond),
		Key1ms:        r.ratio("key-64-1ms", "pool-64-1ms", perSecond),
		Zipf1ms:       r.againstBound(hot),
		Allocs:        max(r.median(kindPartition, allocsEach), r.median(kindKey, allocsEach), r.median(kindNone, allocsEach)),
		AllocsRaw:     r.median(kindRaw, allocsEach),
		MBPer10K:      r.median(kindHold, mbPer10K),
		InFlight:      r.median(kindHold, func(w workerResult) float64 { return float64(w.Messages) }),
		HotShare:      float64(int(hot*1e4)) / 1e4,
		ServiceMS:     r.median("pool-64-1ms", serviceMS),
		PoolPerSecond: r.median("pool-64-1ms", perSecond),
	}
}

// againstBound is the throughput with Zipf's keys beside what no program that
// keeps the order could exceed: the hottest key's messages take the service time
// one after another. The service time is that of the bare pool in the same
// round: a sleep of 1 ms takes somewhat longer.
func (r workerResults) againstBound(hot float64) float64 {
	var values []float64
	for i, result := range r.of["key-64-1ms-zipf"] {
		pool := r.of["pool-64-1ms"][i]
		bound := min(perSecond(pool), 1000/(hot*serviceMS(pool)))
		values = append(values, perSecond(result)/bound)
	}
	return middle(values)
}

func (r workerResults) table(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "run\tCPU us/msg\tallocs/msg\tmsg/s\tlowest CPU\thighest CPU\t")
	for _, name := range r.names {
		if name == kindHold {
			continue
		}
		low, high := r.bounds(name)
		_, _ = fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t\n", name,
			r.median(name, cpuEach), r.median(name, allocsEach), r.median(name, perSecond), low, high)
	}
	return table.Flush()
}

func (r workerResults) bounds(name string) (low, high float64) {
	var values []float64
	for _, result := range r.of[name] {
		values = append(values, cpuEach(result))
	}
	return slices.Min(values), slices.Max(values)
}

package main

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

// run is what came of one entrant, one load, one target and one seed.
type run struct {
	Trace     string       `json:"trace"`
	Synthetic bool         `json:"synthetic,omitempty"`
	Class     traces.Class `json:"class"`
	Target    float64      `json:"target_s"`
	Seed      uint64       `json:"seed"`
	Family    string       `json:"family"`
	Policy    string       `json:"policy"`

	// ReplicaMinutes are paid, Undone among them: what one worker would still take for the
	// messages that wait when the run ends. Not to handle them is no way to save.
	ReplicaMinutes float64 `json:"replica_minutes"`
	Undone         float64 `json:"undone_replica_minutes"`
	// Work and Clairvoyant are the two bounds, in replica-minutes. Clairvoyant is at least
	// Work: it may leave messages that are not late yet, and policies pay for theirs.
	Work        float64 `json:"work_replica_minutes"`
	Clairvoyant float64 `json:"clairvoyant_replica_minutes"`

	OutOfTarget   float64   `json:"out_of_target_percent"`
	WithinTarget  float64   `json:"messages_within_target_percent"`
	P99Age        float64   `json:"p99_age_s"`
	MaxAge        float64   `json:"max_age_s"`
	Rebalances    float64   `json:"rebalances"`
	ScaleChanges  float64   `json:"scale_changes"`
	Paused        float64   `json:"paused_partition_s"`
	RecoveryTimes []float64 `json:"recoveries_s,omitempty"`
}

func newRun(j job, e sim.Entrant, r sim.Result, undone, clairvoyant float64) run {
	return run{
		Trace: j.load.Name, Synthetic: j.load.synthetic, Class: j.load.Class,
		Target: j.target.Seconds(), Seed: j.seed, Family: e.Family, Policy: e.Name,
		ReplicaMinutes: (r.ReplicaSeconds + undone) / 60, Undone: undone / 60, Work: r.Work / 60, Clairvoyant: max(clairvoyant, r.Work) / 60,
		OutOfTarget: r.OutOfTargetPercent(), WithinTarget: 100 * r.Within, P99Age: r.P99Age, MaxAge: r.MaxAge,
		Rebalances: float64(r.Rebalances), ScaleChanges: float64(r.ScaleChanges),
		Paused: r.PausedPartitionSeconds, RecoveryTimes: r.Recoveries,
	}
}

// undone is how many seconds one worker takes for what waits when the run ends.
func undone(c sim.Config, r sim.Result) float64 {
	mu := c.Mu
	if c.MuChange.Factor > 0 {
		mu *= c.MuChange.Factor
	}
	return r.Backlog / mu
}

// clairvoyant is the bound as a run beside another one: it costs and is never late.
func clairvoyant(beside run) run {
	return run{
		Trace: beside.Trace, Synthetic: beside.Synthetic, Class: beside.Class, Target: beside.Target, Seed: beside.Seed,
		Family: "clairvoyant", Policy: "clairvoyant bound", ReplicaMinutes: beside.Clairvoyant, Work: beside.Work, Clairvoyant: beside.Clairvoyant,
		WithinTarget: 100,
	}
}

// targetName of 60 is 60s.
func targetName(seconds float64) string { return fmt.Sprintf("%gs", seconds) }

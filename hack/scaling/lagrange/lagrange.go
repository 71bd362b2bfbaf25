// Package lagrange enters Lagrange's own decision in the laboratory's comparisons.
package lagrange

import (
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// Settings are what a user may set, and the assignor of the group.
type Settings struct {
	Risk     float64
	Prefer   target.Preference
	Assignor layout.Assignor
	// Hint tells what a worker handles, in parts of the truth; 0 tells nothing.
	Hint float64
}

// New is Lagrange with these settings.
func New(s Settings) func(sim.Knowledge) sim.Policy {
	return func(k sim.Knowledge) sim.Policy {
		counts := layout.Group{Assignor: s.Assignor, Partitions: []int32{int32(k.Partitions)}}.Counts()
		var allowed []int32
		for _, n := range counts {
			if n >= max(k.Min, 1) && (k.Max == 0 || n <= k.Max) {
				allowed = append(allowed, n)
			}
		}
		return &policy{config: target.Config{
			Target: k.Target, Risk: s.Risk, Prefer: s.Prefer, Assignor: s.Assignor,
			Counts: allowed, Hint: s.Hint * k.Mu, CommitInterval: k.CommitInterval, SeenFor: 5 * time.Minute,
		}}
	}
}

type policy struct {
	config target.Config
	state  target.State
	demand target.Demand
}

// start is the time at which each run begins.
var start = time.Unix(1_700_000_000, 0)

// Decide asks the engine as the operator does, which has one worker at least.
func (p *policy) Decide(v sim.View) int32 {
	o := target.Observation{Replicas: v.Replicas, Ready: v.Ready, Steady: v.Steady, Moving: !v.Steady, Partitions: make([]target.Partition, len(v.Partitions))}
	for i, part := range v.Partitions {
		o.Partitions[i] = target.Partition{
			Lag: part.End - part.Committed, Age: part.HeadAge, End: part.End, Committed: part.Committed,
			Produced: part.Produced, Consumed: part.Consumed, Rates: part.Rates, Owner: part.Owner,
		}
	}
	p.state, p.demand = target.Decide(p.config, p.state, o, start.Add(v.Now))
	return max(p.demand.Replicas, 1)
}

package autoscale

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
)

// askAgain is after how long a lag target in seconds is asked anew without news:
// messages grow old also where none comes and none is handled.
const askAgain = 15 * time.Second

// inSeconds tells whether the lag target is a time.
func (c Config) inSeconds() bool { return c.Target.Target > 0 }

// bySeconds tells whether the lag target in seconds sets the count. A backlog has a
// time of its own, which may be longer than the target.
func bySeconds(c Config, o Observation, now time.Time) bool {
	return c.inSeconds() && !catchingUp(c, o, now)
}

// ask asks the lag target in seconds for its demand. It is asked with every sample
// in which all lag is known, also while its answer decides nothing, as in a pause:
// so it goes on learning. Its time is the sample's, and it remembers a sample once
// however often it is looked at: nothing was produced between the looks.
func (s State) ask(c Config, o Observation, b bounds) (State, Observation) {
	if !c.inSeconds() {
		s.Target, s.TargetAt = target.State{}, time.Time{}
		return s, o
	}
	o.demand = target.Demand{Replicas: o.Replicas, Reason: target.Learning, Hot: -1}
	counts := b.within()
	if !o.lagKnown() || len(counts) == 0 {
		return s, o
	}
	c.Target.Assignor, c.Target.Counts, c.Target.SeenFor, o.Target.Replicas = c.Assignor, counts, c.ScaleDownAfter, o.Replicas
	next, demand := target.Decide(c.Target, s.Target, o.Target, o.At)
	if o.demand = demand; o.At.After(s.TargetAt) {
		s.Target, s.TargetAt = next, o.At
	}
	if demand.PerReplica > 0 {
		o.PerReplica = demand.PerReplica
	}
	return s, o
}

// byTarget decides by the lag target in seconds with every partition's lag known.
func byTarget(c Config, o Observation, b bounds) Decision {
	held := b.hold(o)
	wanted := held
	if o.demand.Replicas != o.Replicas {
		wanted, _ = b.clamp(b.roundUp(o.demand.Replicas))
	}
	d := Decision{Replicas: wanted, Reason: ReasonLagTarget, Limit: targetLimit(c, o, b)}
	if reason := o.keeps(held, wanted); reason != "" {
		d.Replicas, d.Reason = held, reason
	}
	if o.Lag > 0 || d.Replicas > b.floor {
		d.RecheckAfter = askAgain
	}
	return d
}

// targetLimit is what keeps the count from what the lag target in seconds asks for.
// It asks within the bounds: so the upper one limits it when a message gets too old
// with as many as are allowed. Of the lower one nothing is known, but where there
// were fewer.
func targetLimit(c Config, o Observation, b bounds) Limit {
	switch d := o.demand; {
	case d.Reason == target.Learning:
		return LimitNone
	case o.Replicas >= b.ceiling && d.Oldest > c.Target.Target:
		return b.ceilingBy
	case d.Reason == target.Settling:
		return LimitNone
	}
	_, limit := b.clamp(o.demand.Replicas)
	return limit
}

package autoscale

import (
	"fmt"
	"math"
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
)

// Decide says how many workers to ask for now, and why.
//
// A reset comes before everything, then a pause, then Manual, then lag: as many
// workers as lag / MessagesPerReplica rounds up to, raised to a count that makes a
// difference and kept between the bounds; CatchUp says what a backlog counts. Up at once; down only
// when the count was too high for all of ScaleDownAfter, and in one step. While the
// group rebalances, or may, the count is held, since the lag is then of our own making.
// While any lag is unknown it never goes down; it goes up only if the known
// partitions alone ask for it, or by OnUnknown. The user's bounds hold always.
//
// With a Target the lag known asks for what package target says, and neither
// MessagesPerReplica nor ScaleDownAfter counts, but for a backlog.
func Decide(c Config, s State, o Observation, now time.Time) (State, Decision) {
	s = s.forward(o.lagKnown(), now)
	b := boundsOf(c, o)
	s, o = s.ask(c, o, b)
	return decide(c, s, o, b, now)
}

// decide is Decide with the lag target in seconds asked.
func decide(c Config, s State, o Observation, b bounds, now time.Time) (State, Decision) {
	var d Decision
	switch {
	case c.Reset != "":
		d = Decision{Reason: ReasonOffsetReset}
	case c.Pause.At(now) != PauseNone:
		d = paused(c, o, b, now)
	case c.Manual:
		d = Decision{Replicas: c.Replicas, Reason: ReasonManual}
	default:
		s, d = automatic(c, s, o, b, now)
	}
	d.Useful, d.Hot, d.Ineffective = b.useful, hotPartition(o), o.demand.Reason == target.Ineffective
	d.Message = sentence(c, o, d, now)
	if c.Recommend && !c.Manual && c.Reset == "" && c.Pause.At(now) == PauseNone {
		d = recommended(o, d)
	}
	return s, d
}

// automatic decides by lag.
func automatic(c Config, s State, o Observation, b bounds, now time.Time) (State, Decision) {
	switch {
	case o.lagKnown() && bySeconds(c, o, now):
		s.Window = nil
		return s, byTarget(c, o, b)
	case o.lagKnown():
		return byLag(c, s, o, b, now)
	}
	return s, byPartialLag(c, s, o, b, now)
}

// recommended holds the count that there is, and tells the one that was decided.
// Where there are no workers it is the first count.
func recommended(o Observation, d Decision) Decision {
	d.Recommended, d.Reason = d.Replicas, ReasonRecommend
	if o.Exists && o.Replicas > 0 {
		d.Replicas = o.Replicas
	}
	d.Message = fmt.Sprintf("%d: held (scaling.mode Recommend), Auto would be %s", d.Replicas, d.Message)
	return d
}

func paused(c Config, o Observation, b bounds, now time.Time) Decision {
	d := Decision{Reason: ReasonPaused}
	if !c.Pause.Until.IsZero() {
		d.RecheckAfter = c.Pause.Until.Sub(now)
	}
	if c.Pause.At(now) == PauseScaleToZero {
		return d
	}
	d.Replicas = o.Replicas
	if !o.Exists { // nothing to hold yet: what the user asked for at least
		d.Replicas = b.floor
		if c.Manual {
			d.Replicas = c.Replicas
		}
	}
	return d
}

// byLag decides with every partition's lag known.
func byLag(c Config, s State, o Observation, b bounds, now time.Time) (State, Decision) {
	wanted, limit := b.clamp(b.roundUp(demanded(c, o, now)))
	s = s.want(wanted, now, c.ScaleDownAfter)
	d := Decision{Replicas: wanted, Reason: byDemand(c, o, now), Limit: limit}
	held := b.hold(o)
	switch reason := o.keeps(held, wanted); {
	case reason != "":
		d.Replicas, d.Reason = held, reason
	case wanted < held && !s.full(now, c.ScaleDownAfter):
		d.Replicas, d.Reason, d.RecheckAfter = held, ReasonCoolingDown, s.untilLower(now, c.ScaleDownAfter)
	case wanted < held:
		highest, _ := b.clamp(b.roundUp(s.highest()))
		if d.Replicas = min(held, highest); d.Replicas > wanted {
			d.Reason, d.RecheckAfter = ReasonCoolingDown, s.untilLower(now, c.ScaleDownAfter)
		}
	}
	return s, d
}

// keeps is why the count is held although another is wanted, "" for no reason.
func (o Observation) keeps(held, wanted int32) Reason {
	switch {
	case !o.Exists || o.Replicas == 0 || wanted == held:
		return ""
	case o.Rebalancing:
		return ReasonRebalancing
	case o.StateUnknown != "":
		return ReasonGroupUnknown
	case wanted > held && o.NeverJoined:
		return ReasonNeverJoined
	}
	return ""
}

// byPartialLag decides with some or all lag unknown: never down, except by the
// user's own maxReplicas.
func byPartialLag(c Config, s State, o Observation, b bounds, now time.Time) Decision {
	d := Decision{Replicas: o.Replicas, Reason: ReasonLagUnknown}
	if o.Replicas == 0 || b.useful > 0 { // else minReplicas may be more than the partitions can use
		d.Replicas = max(o.Replicas, b.floor)
	}
	if o.Sampled && !o.unsettled() && !o.NeverJoined {
		wanted, limit := b.clamp(b.roundUp(demanded(c, o, now)))
		if wanted > d.Replicas {
			d.Replicas, d.Reason, d.Limit = wanted, byDemand(c, o, now), limit
		}
	}
	if c.OnUnknown.MinReplicas > d.Replicas {
		if wait := c.OnUnknown.After - now.Sub(s.UnknownSince); wait > 0 {
			d.RecheckAfter = wait
		} else if floor := min(b.roundUp(c.OnUnknown.MinReplicas), b.ceiling); floor > d.Replicas {
			d.Replicas, d.Reason = floor, ReasonOnUnknown
		}
	}
	if c.MaxReplicas > 0 && d.Replicas > c.MaxReplicas {
		d.Replicas, d.Limit = c.MaxReplicas, LimitMaxReplicas
		if o.AllTopics {
			d.Replicas = b.roundDown(c.MaxReplicas)
		}
	}
	return d
}

// byDemand is the reason of a count that the lag asks for.
func byDemand(c Config, o Observation, now time.Time) Reason {
	if catchingUp(c, o, now) {
		return ReasonCatchUp
	}
	return ReasonLagTarget
}

// needed is the least number of workers that carries the lag, at least 1. A lag
// target in seconds sets no number to a lag.
func needed(c Config, lag int64) int32 {
	if c.inSeconds() {
		return 1
	}
	per := max(c.MessagesPerReplica, 1)
	workers := lag / per
	if lag%per != 0 {
		workers++
	}
	return int32(min(max(workers, 1), math.MaxInt32))
}

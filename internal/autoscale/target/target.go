// Package target decides how many workers hold a lag target in seconds: the fewest
// with which no message waits longer than the target. It is pure: configuration,
// state, one observation and now go in, the next state and a demand come out.
package target

import (
	"math"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// Config is what the user asked for and the group's own settings.
type Config struct {
	// Target is how long the eldest message that is not handled may wait.
	Target time.Duration
	// Risk is the share of the times at which the arrivals until new workers work may
	// be more than they are planned for, above 0 and below 1; 0 is DefaultRisk.
	Risk float64
	// Prefer is what is given up for what; "" is Cost.
	Prefer Preference
	// Counts are the counts of workers that are allowed and make a difference, ascending.
	Counts []int32
	// Assignor is the group's own.
	Assignor layout.Assignor
	// Hint is how many messages a second one worker handles, until that is learned; 0 is not known.
	Hint float64
	// SeenFor is how long the group must have been seen before fewer workers are asked
	// for: after a restart little is known.
	SeenFor time.Duration
	// CommitInterval is the time between two commits of a worker.
	CommitInterval time.Duration
}

// Preference is what a group with a lag target in seconds is to be spared.
type Preference string

// The preferences.
const (
	// Cost spends the target: a backlog stands that is worth up to the target.
	Cost Preference = "Cost"
	// Freshness keeps as many workers as handle what arrives: no backlog stands.
	Freshness Preference = "Freshness"
)

// DefaultRisk is the risk where none is set.
const DefaultRisk = 0.2

// Observation is what one sample and the workers' pods say.
type Observation struct {
	// Replicas is the number of workers last asked for, Ready that of ready pods.
	Replicas, Ready int32
	// Steady: the group is stable and its members are known. Moving: its partitions are
	// being dealt anew.
	Steady, Moving bool
	// Foreign is how many members with partitions are none of our workers, those that
	// end left out.
	Foreign int
	// Topics is another number when the group has other topics.
	Topics uint64
	// Partitions are all partitions of the group, in the order of topic and number.
	Partitions []Partition
}

// clean is the observation without numbers that can't be: what is not known is no number.
func (o Observation) clean() Observation {
	o.Partitions = slices.Clone(o.Partitions)
	for i := range o.Partitions {
		p := &o.Partitions[i]
		if !isRate(p.Produced) || !isRate(p.Consumed) {
			p.Produced, p.Consumed, p.Rates = 0, 0, false
		}
		p.Lag, p.Age, p.Owner = max(p.Lag, 0), max(p.Age, 0), max(p.Owner, layout.Nobody)
	}
	return o
}

// isRate: not a number and infinity are not, nor is less than nothing.
func isRate(perSecond float64) bool { return perSecond >= 0 && perSecond <= math.MaxFloat64 }

// members is how many members have partitions.
func (o Observation) members() int {
	members := 0
	for i := range o.Partitions {
		members = max(members, o.Partitions[i].Owner+1)
	}
	return members
}

// Partition is what is known of one partition.
type Partition struct {
	// Topic numbers the partition's topic.
	Topic int
	// Lag is how many messages wait, Age how long the eldest of them has.
	Lag int64
	Age time.Duration
	// End and Committed are the log end offset and the committed offset.
	End, Committed int64
	// Produced and Consumed are messages a second over about the last minute; they
	// mean nothing unless Rates.
	Produced, Consumed float64
	Rates              bool
	// Owner numbers the member that has it, or layout.Nobody. Members that would go
	// first have the highest numbers.
	Owner int
}

// Reason is a demand in one word.
type Reason string

// The reasons.
const (
	// Holds: the target is held by as many as there are.
	Holds Reason = "Holds"
	// TooOld: a message would wait too long.
	TooOld Reason = "TooOld"
	// Fewer: fewer hold the target too.
	Fewer Reason = "Fewer"
	// Settling: workers start, or partitions move.
	Settling Reason = "Settling"
	// Learning: rates are not known yet.
	Learning Reason = "Learning"
	// Ineffective: more workers have not handled more.
	Ineffective Reason = "Ineffective"
)

// Demand is how many workers the lag target asks for, and why.
type Demand struct {
	Replicas int32
	Reason   Reason
	// Arriving is the forecast of messages a second, Bound what is planned for, and
	// PerReplica what one worker handles, 0 while not known.
	Arriving, Bound, PerReplica float64
	// Reaction is how long it takes until more workers work.
	Reaction time.Duration
	// Oldest is how old the eldest message gets within Reaction with as many as there are.
	Oldest time.Duration
	// Hot numbers the partition that gets more than one worker handles, -1 for none.
	Hot int
}

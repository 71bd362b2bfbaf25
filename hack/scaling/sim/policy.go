// Package sim simulates a consumer group second by second: arrivals, partitions,
// workers that start and stop, rebalances, commits, and a policy that sets how many
// workers there are to be.
package sim

import "time"

// Policy sets the number of workers. It is asked once each tick and may keep a state.
type Policy interface {
	// Decide is how many workers to ask for now.
	Decide(View) int32
}

// View is what a policy may know at a tick.
type View struct {
	// Now is since the run began, Tick the time between two decisions.
	Now, Tick time.Duration
	// Replicas is what was asked for last, Status how many pods there are, Ready how many are ready.
	Replicas, Status, Ready int32
	// Steady: no rebalance is under way.
	Steady bool
	// Partitions are all partitions, by number.
	Partitions []Partition
	// CPU is how busy ready pods were since the last tick: 0 to 1.
	CPU float64
}

// Partition is a partition as offsets tell: commits are as old as the worker's last one.
type Partition struct {
	End, Committed int64
	// HeadAge is how long the message at Committed has waited.
	HeadAge time.Duration
	// Produced and Consumed are messages a second over the last minute; they mean
	// nothing unless Rates.
	Produced, Consumed float64
	Rates              bool
	// Owner numbers the member that has it, or layout.Nobody.
	Owner int
}

// Knowledge is what a policy is set up with. Baselines are told Mu; Lagrange takes nothing
// of it but for a hint that somebody gives it.
type Knowledge struct {
	// Mu is how many messages a second one worker handles.
	Mu float64
	// Target is the lag target.
	Target time.Duration
	// Partitions of the one topic.
	Partitions int
	// Min and Max bound the workers.
	Min, Max int32
	// CommitInterval is the time between two commits.
	CommitInterval time.Duration
	// Arrivals are messages a second over all partitions, for each second: for the clairvoyant alone.
	Arrivals []float64
}

// Entrant is a policy in a comparison.
type Entrant struct {
	// Family and Name: "keda" and "keda t=0.4 even=false window=300s".
	Family, Name string
	New          func(Knowledge) Policy
}

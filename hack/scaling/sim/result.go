package sim

// Result is what a run cost and what it held.
type Result struct {
	// ReplicaSeconds are paid, from the request for a pod to its deletion.
	ReplicaSeconds float64
	// Arrivals, Served and Backlog are messages: produced, handled, and left at the end.
	Arrivals, Served, Backlog float64
	// Work is how many seconds one worker that never waits takes for all arrivals, each
	// as fast as workers are when it arrives. No policy that handles all pays less.
	Work float64

	// Seconds is how long the run was, and OutOfTarget at how many of them some
	// partition's eldest message was older than the target.
	Seconds, OutOfTarget float64
	// Within is the share of messages handled within the target. One that waits at the
	// end counts when it has already waited longer.
	Within float64
	// P99Age and MaxAge are of the eldest message of all partitions, over the seconds:
	// P99Age is rounded up to a whole second.
	P99Age, MaxAge float64
	// Recoveries are how many seconds each time out of target lasted; one that the
	// run's end cuts off lasts until then.
	Recoveries []float64

	// ScaleChanges are decisions that changed the count of workers.
	ScaleChanges int
	// Rebalances are times at which partitions were dealt anew.
	Rebalances int
	// PausedPartitionSeconds is how long rebalances stopped partitions, summed.
	PausedPartitionSeconds float64

	// Trace is a point a tick, when Config.Trace asks for it.
	Trace []Point
}

// OutOfTargetPercent is the share of the seconds that were out of target.
func (r Result) OutOfTargetPercent() float64 {
	if r.Seconds == 0 {
		return 0
	}
	return 100 * r.OutOfTarget / r.Seconds
}

// Point is a run at the end of a tick.
type Point struct {
	// Second is since the run began.
	Second int
	// Arrivals is messages a second over the tick.
	Arrivals float64
	// Replicas are asked for, Ready are ready.
	Replicas, Ready int32
	// Oldest is the most seconds a message waited at any second of the tick.
	Oldest float64
	// Lag is how many messages wait at the tick's end.
	Lag float64
}

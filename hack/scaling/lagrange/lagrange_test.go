package lagrange

import (
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// run is a group of twelve partitions under Lagrange with nothing set.
func run(c sim.Config, arrivals []float64) sim.Result {
	c.Assignor, c.Min, c.Trace, c.Partitions = layout.CooperativeSticky, 1, true, max(c.Partitions, 12)
	k := sim.Knowledge{Mu: c.Mu, Target: c.Target, Partitions: c.Partitions, Min: 1, CommitInterval: 5 * time.Second}
	return sim.Run(c, arrivals, New(Settings{Assignor: layout.CooperativeSticky})(k))
}

func constant(perSecond float64, lasts time.Duration) []float64 {
	return slices.Repeat([]float64{perSecond}, int(lasts.Seconds()))
}

func most(trace []sim.Point) (most int32) {
	for _, p := range trace {
		most = max(most, p.Replicas)
	}
	return most
}

// TestConstantLoadIsLeftAlone: KEDA changes the number of workers some 36 times an hour
// under a constant load (keda#4791, #2908 and others tell of the same).
func TestConstantLoadIsLeftAlone(t *testing.T) {
	r := run(sim.Config{Mu: 250, Start: 20 * time.Second, NoTail: true, Target: time.Minute, Initial: 1}, constant(1000, 3*time.Hour))
	if r.ScaleChanges > 6 || r.OutOfTargetPercent() > 2 {
		t.Errorf("%d changes, %.2f %% out of target", r.ScaleChanges, r.OutOfTargetPercent())
	}
}

// TestNeverMoreThanPartitions: keda#4483, one more than the partitions can use.
func TestNeverMoreThanPartitions(t *testing.T) {
	r := run(sim.Config{Mu: 10, Target: time.Minute, Partitions: 13, Initial: 1}, constant(1000, time.Hour))
	if got := most(r.Trace); got != 13 {
		t.Errorf("%d workers of 13 partitions under ten times what they can handle", got)
	}
}

// TestAllWhereAllAreNeeded: keda#2908 stops at 63 of 64, and #1983 goes to the maximum for any load.
func TestAllWhereAllAreNeeded(t *testing.T) {
	for perSecond, want := range map[float64]int32{6390: 64, 100: 1} {
		r := run(sim.Config{Mu: 100, Target: time.Minute, Partitions: 64, Initial: 4, NoTail: true}, constant(perSecond, 2*time.Hour))
		if got := r.Trace[len(r.Trace)-1].Replicas; perSecond > 1000 && got != want || perSecond < 1000 && got > want+1 {
			t.Errorf("%d workers at %f a second, want %d", got, perSecond, want)
		}
	}
}

// TestOneBadMinute: after a burst as long as a minute the group is small again soon; the
// HPA goes to its maximum and stays for 300 s after one bad sample.
func TestOneBadMinute(t *testing.T) {
	arrivals := slices.Concat(constant(100, 30*time.Minute), constant(2000, time.Minute), constant(100, 30*time.Minute))
	r := run(sim.Config{Mu: 250, Target: 5 * time.Minute, Initial: 1, NoTail: true}, arrivals)
	if r.OutOfTarget > 0 || r.ReplicaSeconds > 1.3*3660 {
		t.Errorf("%.0f s out of target, %.0f replica-seconds in 3,660 s", r.OutOfTarget, r.ReplicaSeconds)
	}
}

// TestBrownOut: workers become half as fast midway, and the target is held with twice as many.
func TestBrownOut(t *testing.T) {
	r := run(sim.Config{Mu: 250, Target: 5 * time.Minute, Initial: 4, NoTail: true, MuChange: sim.Change{At: 0.5, Factor: 0.5}}, constant(900, 4*time.Hour))
	if r.OutOfTargetPercent() > 1 {
		t.Errorf("%.2f %% out of target", r.OutOfTargetPercent())
	}
}

// TestHotPartitionIsNotPaidFor: one partition gets more than a worker handles. What more
// workers can't help is not asked for: less is paid than for a worker a partition.
func TestHotPartitionIsNotPaidFor(t *testing.T) {
	r := run(sim.Config{Mu: 100, Target: time.Minute, Initial: 6, Skew: 1.2, NoTail: true, Partitions: 24, Seed: 3}, constant(280, 2*time.Hour))
	if r.ReplicaSeconds > 0.75*24*7200 {
		t.Errorf("%.0f replica-seconds of %d", r.ReplicaSeconds, 24*7200)
	}
}

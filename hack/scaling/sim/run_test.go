package sim_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// policy is a function as a policy.
type policy func(sim.View) int32

func (p policy) Decide(v sim.View) int32 { return p(v) }

// always asks for the same count.
func always(workers int32) policy { return func(sim.View) int32 { return workers } }

// from asks for one count until a time and for another from then on.
func from(before int32, at time.Duration, after int32) policy {
	return func(v sim.View) int32 {
		if v.Now < at {
			return before
		}
		return after
	}
}

// wild asks for any count, each tick anew.
func wild(seed uint64, most int32) policy {
	r := rand.New(rand.NewPCG(seed, 0))
	return func(sim.View) int32 { return r.Int32N(most + 1) }
}

func constant(rate float64, seconds int) []float64 { return slices.Repeat([]float64{rate}, seconds) }

// noise is a load that changes all the time, with silence.
func noise(seed uint64, most float64, seconds int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	arrivals, level := make([]float64, seconds), 0.0
	for i := range arrivals {
		if i%120 == 0 {
			level = max(0, most*(1.2*r.Float64()-0.2))
		}
		arrivals[i] = level * 2 * r.Float64()
	}
	return arrivals
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestWhatArrivesIsHandledOrWaits(t *testing.T) {
	for seed := range uint64(20) {
		c := sim.Config{
			Partitions: 7, Skew: 0.6, Mu: 50, MuNoise: 0.2, MuChange: sim.Change{At: 0.5, Factor: 0.5},
			Assignor: layout.Sticky, Eager: seed%2 == 0, Initial: 1, Seed: seed,
		}
		r := sim.Run(c, noise(seed, 200, 3600), wild(seed, 7))
		near(t, "arrivals", r.Served+r.Backlog, r.Arrivals)
		if r.Served == 0 || r.Rebalances == 0 {
			t.Errorf("seed %d: nothing happened: %+v", seed, r)
		}
		if r.ReplicaSeconds < 0.5*r.Served/c.Mu {
			t.Errorf("seed %d: %v messages in %v replica-seconds", seed, r.Served, r.ReplicaSeconds)
		}
	}
}

func TestIdleGroupPaysItsMinimum(t *testing.T) {
	for _, least := range []int32{0, 1, 3} {
		r := sim.Run(sim.Config{Mu: 10, Min: least}, constant(0, 1000), always(0))
		near(t, "replica-seconds", r.ReplicaSeconds, float64(least)*1000)
		if r.ScaleChanges != 0 || r.Rebalances != 0 || r.OutOfTarget != 0 || r.Within != 1 {
			t.Errorf("minimum %d: something happened: %+v", least, r)
		}
	}
}

func TestEnoughWorkersHoldTheTarget(t *testing.T) {
	r := sim.Run(sim.Config{Mu: 100, Initial: 4}, constant(200, 3600), always(4))
	if r.MaxAge != 0 || r.OutOfTarget != 0 || r.Within != 1 || r.Backlog != 0 {
		t.Errorf("waits with half of the workers enough: %+v", r)
	}
	near(t, "work", r.Work, 200*3600/100)
}

// One worker handles 10/s. 20/s come for 10 s: after t seconds message 10t is next,
// which came at t/2, so it is t/2 old. Then nothing comes: after 10+t seconds message
// 100+10t is next, which came at 5+t/2 and is 5+t/2 old, until all are handled at 20 s.
func TestAgeIsOfTheNextMessage(t *testing.T) {
	arrivals := append(constant(20, 10), constant(0, 30)...)
	c := sim.Config{Partitions: 1, Mu: 10, Initial: 1, Target: 7 * time.Second, Tick: time.Second, Trace: true}
	r := sim.Run(c, arrivals, always(1))
	for second, want := range map[int]float64{1: 0.5, 5: 2.5, 10: 5, 13: 6.5, 19: 9.5, 20: 0, 40: 0} {
		near(t, "age", r.Trace[second-1].Oldest, want)
	}
	near(t, "oldest", r.MaxAge, 9.5)
	near(t, "p99", r.P99Age, 10)
	// Older than 7 s at the ends of the seconds 15 to 19, after which it is 7.5 to 9.5.
	near(t, "out of target", r.OutOfTarget, 5)
	near(t, "out of target in percent", r.OutOfTargetPercent(), 12.5)
	if !slices.Equal(r.Recoveries, []float64{5}) {
		t.Errorf("recovered after %v, want 5 s", r.Recoveries)
	}
	// From 7 s, at 14 s, on all are late; of the last second's, from 9.5 to 0, 2.5/9.5 are.
	near(t, "within", r.Within, 1-(50+10*2.5/9.5)/200)
}

// What waits at the end and is already too old was not handled within the target.
func TestWithinCountsWhatNobodyHandles(t *testing.T) {
	r := sim.Run(sim.Config{Mu: 1}, constant(4, 100), always(0))
	near(t, "within", r.Within, 0)
	near(t, "oldest", r.MaxAge, 100)
	near(t, "recovery", r.Recoveries[0], 40)
}

func TestSameArgumentsSameRun(t *testing.T) {
	c := sim.Config{Mu: 50, MuNoise: 0.2, Skew: 0.8, Initial: 2, Seed: 7, Trace: true}
	run := func(c sim.Config) sim.Result { return sim.Run(c, noise(1, 300, 3600), wild(1, 12)) }
	if a, b := run(c), run(c); !reflect.DeepEqual(a, b) {
		t.Error("two runs of the same arguments differ")
	}
	other := c
	other.Seed = 8
	if reflect.DeepEqual(run(c), run(other)) {
		t.Error("two seeds make the same run")
	}
}

// Partitions get 60, 21, 12 and 7 a second, and their worker handles 63: it handles all
// of the small ones and 23 of the largest. In equal parts, 16 each, 21 would wait too.
func TestSmallPartitionsOfAWorkerAreServedFirst(t *testing.T) {
	var last sim.View
	look := policy(func(v sim.View) int32 { last = v; return 1 })
	sim.Run(sim.Config{Partitions: 4, Skew: 1.5, Mu: 63, Initial: 1}, constant(100, 301), look)
	waits := 0
	for _, p := range last.Partitions {
		if p.HeadAge > 10*time.Second {
			waits++
		}
	}
	if waits != 1 {
		t.Errorf("%d partitions wait, want the largest alone: %+v", waits, last.Partitions)
	}
}

// 400 workers that have too much to do handle 100 a second each, give or take 20.
func TestWorkersDiffer(t *testing.T) {
	var last sim.View
	look := policy(func(v sim.View) int32 { last = v; return 400 })
	c := sim.Config{Partitions: 400, Mu: 100, MuNoise: 0.2, Initial: 400}
	sim.Run(c, constant(400*200, 121), look)
	mean, square := 0.0, 0.0
	for _, p := range last.Partitions {
		mean += p.Consumed / 400
		square += p.Consumed * p.Consumed / 400
	}
	if sd := math.Sqrt(square - mean*mean); math.Abs(mean-100) > 4 || math.Abs(sd-20) > 3 {
		t.Errorf("workers handle %.1f a second, give or take %.1f", mean, sd)
	}
}

func BenchmarkDay(b *testing.B) {
	arrivals := noise(1, 900, 86400)
	c := sim.Config{Mu: 100, Skew: 0.3, Initial: 6, Seed: 1}
	b.ReportAllocs()
	for b.Loop() {
		sim.Run(c, arrivals, followLag(2400))
	}
}

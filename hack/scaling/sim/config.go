package sim

import (
	"cmp"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// Config is one topic, its group and the cluster the group's pods run on. What is 0
// has the value named at the field.
type Config struct {
	// Partitions of the topic; 12.
	Partitions int
	// Skew is the exponent of Zipf's law over the partitions, 0 for equal ones: the one
	// of rank k gets a part in proportion to 1/k^Skew. Which has which rank is by Seed.
	Skew float64

	// Mu is how many messages a second one worker handles, of all its partitions.
	Mu float64
	// MuNoise is the standard deviation of a worker's own Mu, relative to Mu.
	MuNoise float64
	// MuChange slows all workers from a time on: what they write to has a brown-out.
	MuChange Change

	// Assignor deals the partitions; Sticky.
	Assignor layout.Assignor
	// Eager: all of the group stop at a rebalance (the classic protocol). Otherwise only
	// partitions that move do (cooperative, and KIP-848).
	Eager bool
	// Pause is how long a rebalance stops a partition; 5 s, or 15 s when Eager.
	//
	// 5 s is what Landau measured for a partition to stop at one consumer and start at
	// another (two consumer cycles of 2.5 s, n = 1,331; thesis behind arXiv 2206.11170).
	// KIP-848 vendors report 0.1 to 0.5 s. Eager lasts until the slowest member is back,
	// at most max.poll.interval.ms (300 s); 15 s is a choice below the 30 s and more that
	// operators tell of, not a measurement.
	Pause time.Duration

	// Start is how long a pod takes from the request until it joins; 30 s. Landau
	// measured 10 to 50 s for 88 % of starts on GKE (n = 273). An image that is present
	// on a node with room takes at most 5 s (Kubernetes scalability SLO, p99).
	Start time.Duration
	// NoTail: every pod takes Start. Otherwise 12 % take 50 to 300 s, as where a node is
	// added first (Landau, same measurement: 12 % above 50 s, up to 500 s).
	NoTail bool
	// DrainTime is how long a worker that is told to stop goes on, to finish what it has
	// fetched; 2 s. It is paid.
	DrainTime time.Duration

	// CommitInterval is the time between two commits; 5 s, Kafka's auto.commit.interval.ms.
	// Commits are 2 s out of phase with ticks: in phase, no policy would see any lag.
	CommitInterval time.Duration
	// Tick is the time between two decisions; 15 s, which is the HPA's sync period.
	Tick time.Duration

	// Min and Max bound the workers; 0 and Partitions. A policy's count is moved into them.
	Min, Max int32
	// Initial is how many work when the run begins, at least Min.
	Initial int32
	// Target is how long a message may wait; 60 s.
	Target time.Duration
	// Seed decides all that is random.
	Seed uint64
	// Trace asks for Result.Trace.
	Trace bool
}

// Change multiplies Mu by Factor from the share At of the run on: {0.5, 0.5} halves it
// midway. The zero value changes nothing.
type Change struct{ At, Factor float64 }

const (
	// commitPhase is how long after a tick the first commit is.
	commitPhase = 2
	// joinWindow is how long a rebalance waits for more to join, in seconds: an empty
	// group group.initial.rebalance.delay.ms (3 s), one at work until its members hear
	// of it with their next heartbeat (heartbeat.interval.ms, 3 s).
	joinWindow = 3
	// A share tail of pods starts within tailFrom to tailTo seconds.
	tail, tailFrom, tailTo = 0.12, 50, 300
	// rateWindow is how many seconds View's rates are the mean of.
	rateWindow = 60
)

func (c Config) withDefaults() Config {
	pause := 5 * time.Second
	if c.Eager {
		pause = 15 * time.Second
	}
	c.Partitions = cmp.Or(c.Partitions, 12)
	c.Pause = cmp.Or(c.Pause, pause)
	c.Start = cmp.Or(c.Start, 30*time.Second)
	c.DrainTime = cmp.Or(c.DrainTime, 2*time.Second)
	c.CommitInterval = cmp.Or(c.CommitInterval, 5*time.Second)
	c.Tick = cmp.Or(c.Tick, 15*time.Second)
	c.Assignor = cmp.Or(c.Assignor, layout.Sticky)
	c.Max = cmp.Or(c.Max, int32(c.Partitions))
	c.Initial = c.clamp(c.Initial)
	c.Target = cmp.Or(c.Target, time.Minute)
	if c.MuChange == (Change{}) {
		c.MuChange = Change{At: 1, Factor: 1}
	}
	return c
}

func (c Config) clamp(workers int32) int32 { return max(c.Min, min(workers, c.Max)) }

// meanStart is how many seconds a pod takes on average: 0.88*30 + 0.12*175 = 47.4.
func (c Config) meanStart() float64 {
	if c.NoTail {
		return c.Start.Seconds()
	}
	return (1-tail)*c.Start.Seconds() + tail*(tailFrom+tailTo)/2
}

// slow is what Mu is multiplied by at a second of a run that lasts that many seconds.
func (c Config) slow(second, lasts int) float64 {
	if float64(second) >= c.MuChange.At*float64(lasts) {
		return c.MuChange.Factor
	}
	return 1
}

func seconds(d time.Duration) int { return int(d / time.Second) }

package sim

import (
	"math"
	"math/rand/v2"
	"slices"
)

// fleet is the group's pods. Each is paid for from the request until it is gone:
//
//	starting -> waiting -> member -> draining -> gone
//
// The n-th pod of a run takes the same time to start and works as fast under any policy.
type fleet struct {
	config        Config
	starts, noise *rand.Rand
	// starting come up; waiting are ready and wait for the rebalance that they join by.
	starting, waiting []pod
	// members have partitions, by number. The last draining of them stop at leave.
	members         []pod
	draining, leave int
}

// pod is a worker.
type pod struct {
	// mu is how many messages a second it handles if nothing slows it.
	mu float64
	// ready is the second from which it can join.
	ready int
}

func newFleet(c Config) fleet {
	f := fleet{
		config: c,
		starts: rand.New(rand.NewPCG(c.Seed, 2)),
		noise:  rand.New(rand.NewPCG(c.Seed, 3)),
	}
	for range c.Initial {
		f.members = append(f.members, f.request(0))
	}
	return f
}

func (f *fleet) request(now int) pod {
	takes := f.config.Start.Seconds()
	if slow, tails := f.starts.Float64(), f.starts.Float64(); !f.config.NoTail && slow < tail {
		takes = tailFrom + tails*(tailTo-tailFrom)
	}
	faster := max(0.1, 1+f.noise.NormFloat64()*f.config.MuNoise)
	return pod{mu: f.config.Mu * faster, ready: now + int(math.Ceil(takes))}
}

// staying is how many members are not told to stop.
func (f *fleet) staying() int { return len(f.members) - f.draining }

// ready is how many pods are; those that drain are not, as Kubernetes counts.
func (f *fleet) ready() int { return f.staying() + len(f.waiting) }

// asked is how many pods are there or start.
func (f *fleet) asked() int { return f.ready() + len(f.starting) }

// paid is how many pods there are, those that drain too.
func (f *fleet) paid() int { return len(f.starting) + len(f.waiting) + len(f.members) }

// scale asks for workers. Fewer end those first that do no work yet, as ReplicaSets do:
// the last to become ready, then those that have not joined; then the highest numbers.
func (f *fleet) scale(workers, now int) {
	for f.asked() < workers {
		f.starting = append(f.starting, f.request(now))
	}
	slices.SortStableFunc(f.starting, func(a, b pod) int { return a.ready - b.ready })
	f.starting = shorten(f.starting, f.asked()-workers)
	f.waiting = shorten(f.waiting, f.asked()-workers)
	if extra := f.asked() - workers; extra > 0 {
		if f.draining == 0 {
			f.leave = now + seconds(f.config.DrainTime)
		}
		f.draining += extra
	}
}

func shorten(pods []pod, by int) []pod { return pods[:len(pods)-max(0, min(by, len(pods)))] }

// arrive moves pods that are ready to those that wait for a rebalance, and says whether
// any came.
func (f *fleet) arrive(now int) bool {
	came := 0
	for came < len(f.starting) && f.starting[came].ready <= now {
		came++
	}
	if came == 0 {
		return false
	}
	f.waiting = append(f.waiting, f.starting[:came]...)
	f.starting = slices.Delete(f.starting, 0, came)
	return true
}

// join ends all drains and makes members of those that wait.
func (f *fleet) join() {
	f.members = append(f.members[:f.staying()], f.waiting...)
	f.waiting, f.draining = f.waiting[:0], 0
}

// power is how many messages a second all ready pods handle if nothing slows them.
func (f *fleet) power() float64 {
	sum := 0.0
	for _, pods := range [][]pod{f.members, f.waiting} {
		for _, pod := range pods {
			sum += pod.mu
		}
	}
	return sum
}

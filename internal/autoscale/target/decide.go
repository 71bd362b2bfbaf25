package target

import (
	"math"
	"slices"
	"time"
)

const (
	// planned is the share of the target that is planned to be used.
	planned = 0.8
	// fresher is the share of that where no backlog is to stand.
	fresher = 0.5
	// settled is how long more workers work until they are looked at.
	settled = 120.0
	// firstUp and firstDown are by how much more may arrive than is forecast while no
	// forecast's time is over.
	firstUp, firstDown = 1.2, 1.5
)

// Decide says how many workers hold the target now, and why: as few as do. It is
// asked at each sample, also while what it says is not used.
//
// More are asked for as late as can be: when with as many as there are, and with as
// many as there can be after the time that those need, some message would get too old.
// Fewer are asked for when they hold the target as well, and are expected to for a while.
func Decide(c Config, s State, o Observation, now time.Time) (State, Demand) {
	o = o.clean()
	s = s.observe(c, o, now)
	d := Demand{Replicas: o.Replicas, Reason: Learning, Hot: -1, Reaction: s.reaction.horizon()}
	rate, known := s.arrivals.forecast(d.Reaction)
	if !known || len(c.Counts) == 0 {
		return s, d
	}
	s.errors = s.errors.take(rate, d.Reaction, s.arrivals.points[len(s.arrivals.points)-1])
	v := s.outlook(c, o, rate, now)
	d.Arriving, d.Bound, d.PerReplica = rate, v.most, v.perReplica
	if v.perReplica <= 0 {
		d.Replicas, d.Reason = v.unasked()
		return s, d
	}
	d.Oldest = seconds(v.present.after(d.Reaction.Seconds(), v.pausing).oldestOfAll())
	d.Hot = slices.Index(v.present.hot, true)
	d.Replicas, d.Reason = v.wanted()
	return s, d
}

// outlook is what a decision is made by.
type outlook struct {
	s          State
	c          Config
	o          Observation
	now        time.Time
	perReplica float64
	sure       bool
	reaction   float64
	// limit is how old a message may get.
	limit float64
	// most is what is planned for, over all partitions.
	most float64
	// present is the group under what is planned for on the way up, with who pauses;
	// fewer under what is on the way down, expected under what is likely.
	present         crew
	pausing         []bool
	fewer, expected []float64
}

func (s State) outlook(c Config, o Observation, rate float64, now time.Time) outlook {
	risk := c.Risk
	if risk <= 0 || risk >= 1 {
		risk = DefaultRisk
	}
	v := outlook{s: s, c: c, o: o, now: now, reaction: s.reaction.horizon().Seconds(), limit: planned * c.Target.Seconds()}
	if c.Prefer == Freshness {
		v.limit *= fresher
	}
	v.perReplica, v.sure = s.capacity.perReplica(c.Hint, now)
	shares := s.shares(o)
	v.most = s.errors.bound(rate, 1-risk, firstUp)
	v.fewer = scaled(shares, s.errors.bound(rate, 1-risk/2, firstDown))
	long, _ := s.arrivals.rate(slowRates)
	now60, _ := s.arrivals.current()
	v.expected = scaled(shares, max(min(long, 1.5*now60), rate))
	v.present = foreseen(c, o, scaled(shares, v.most), v.perReplica, s.reaction.pause())
	v.present.curve = s.arrivals.curve()
	v.markHot()
	if workers := int(o.Replicas) + o.Foreign; o.members() != workers && o.Replicas > 0 {
		v.present, v.pausing = v.present.after(s.reaction.coming(now).Seconds(), nil).dealt(workers)
	}
	return v
}

// shares are the partitions' parts of what arrives: half by the last minute, half by the
// last minutes.
func (s State) shares(o Observation) []float64 {
	shares, fast, slow := make([]float64, len(s.slow)), 0.0, 0.0
	for i := range s.slow {
		fast, slow = fast+o.Partitions[i].Produced, slow+s.slow[i]
	}
	for i := range shares {
		even := 1 / float64(len(shares))
		a, b := even, even
		if fast > 0 {
			a = o.Partitions[i].Produced / fast
		}
		if slow > 0 {
			b = s.slow[i] / slow
		}
		shares[i] = (a + b) / 2
	}
	return shares
}

func scaled(shares []float64, total float64) []float64 {
	all := make([]float64, len(shares))
	for i, share := range shares {
		all[i] = share * total
	}
	return all
}

func (v outlook) wanted() (int32, Reason) {
	if back := v.s.effect.back; back > 0 && v.o.Steady {
		return back, Ineffective
	}
	if !v.holds(v.present, v.pausing, v.present.arriving, v.reaction, 1) {
		if v.s.effect.forbids(v.now) {
			return v.o.Replicas, Ineffective
		}
		if n := v.more(); n > v.o.Replicas {
			return n, TooOld
		}
		return v.o.Replicas, Holds
	}
	if !v.mayFall() {
		return v.o.Replicas, Settling
	}
	if n := v.less(); n < v.o.Replicas {
		return n, Fewer
	}
	return v.o.Replicas, Holds
}

// mayFall: the group is at rest, with no worker that ends, known for long enough, and
// was not changed just now.
func (v outlook) mayFall() bool {
	return v.o.Steady && v.o.members() <= int(v.o.Replicas)+v.o.Foreign && v.now.Sub(v.s.began) >= v.c.SeenFor && v.s.changes.mayFall(v.now)
}

// unasked is of a group that has handled nothing while it was seen, so that nobody can
// tell what a worker handles. Where nothing arrives and nothing waits, as few as there
// may be do.
func (v outlook) unasked() (int32, Reason) {
	waits := slices.ContainsFunc(v.o.Partitions, func(p Partition) bool { return p.Lag > 0 })
	if fewest := v.c.Counts[0]; fewest < v.o.Replicas && !waits && v.s.arrivals.quiet(max(v.c.SeenFor, slowRates)) && v.mayFall() {
		return fewest, Fewer
	}
	return v.o.Replicas, Learning
}

// holds: within the span no message gets older than this part of the limit, nor would
// one in the minute after it with as many workers as there can be.
func (v outlook) holds(g crew, pausing []bool, arriving []float64, span, part float64) bool {
	g.arriving = arriving
	later := g.after(span, pausing)
	if later.oldest() > part*v.limit || v.crowded(g) {
		return false
	}
	all, moved := later.dealt(v.inTime(int(v.c.Counts[len(v.c.Counts)-1]) + v.o.Foreign))
	return all.after(60+g.pause, moved).oldest() <= part*v.limit
}

// late is the share of workers that start much later than the others: 12 % where a
// node was added first (D. Landau, thesis, 2022).
const late = 0.12

// inTime is how many of so many workers there are when they are expected.
func (v outlook) inTime(workers int) int {
	more := workers - v.o.members()
	return workers - int(math.Ceil(late*float64(max(0, more))))
}

// more is the least count with which the target holds again some time after it works,
// or that which comes nearest to it.
func (v outlook) more() int32 {
	later, best, least := v.present.after(v.reaction, v.pausing), v.o.Replicas, math.Inf(1)
	if v.o.Replicas > 0 {
		least = later.after(settled+later.pause, nil).oldest()
	}
	for _, n := range v.c.Counts {
		if n <= v.o.Replicas {
			continue
		}
		with, moved := later.dealt(int(n) + v.o.Foreign)
		oldest := with.after(settled+with.pause, moved).oldest()
		if oldest <= 0.95*v.limit && !v.crowded(with) {
			return n
		}
		if oldest < 0.95*least {
			best, least = n, oldest
		}
	}
	return best
}

// less is the least count that holds the target too, and is expected to for a while.
func (v outlook) less() int32 {
	best := v.o.Replicas
	for i := len(v.c.Counts) - 1; i >= 0; i-- {
		n := v.c.Counts[i]
		if n >= v.o.Replicas || int(n) > v.o.members() { // those that start may come late
			continue
		}
		with, moved := v.present.dealt(int(n) + v.o.Foreign)
		if !v.holds(with, moved, v.fewer, v.reaction+v.s.reaction.lastStep.Seconds(), 0.9) || !v.lasts(with, moved) {
			break
		}
		if best = n; !v.sure {
			break // one at a time while what a worker handles may be less
		}
	}
	return best
}

// lasts: fewer are expected to hold the target for a while, so that they are worth the
// rebalance.
func (v outlook) lasts(g crew, moved []bool) bool {
	g.arriving = v.expected
	stays := max(v.reaction, v.c.Target.Seconds()/2, settled)
	if v.c.Prefer == Freshness && !g.keepsUp(0.97) {
		return false
	}
	return g.after(stays, moved).oldest() <= 0.6*v.limit
}

// keepsUp: no member gets more than this part of what it handles.
func (g crew) keepsUp(part float64) bool {
	for _, own := range g.byMember {
		total := 0.0
		for _, i := range own {
			total += g.arriving[i]
		}
		if total > part*g.perReplica {
			return false
		}
	}
	return true
}

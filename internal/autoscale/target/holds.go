package target

import "math"

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

package sim

import (
	"math"
	"slices"
)

// Clairvoyant is the least a policy could pay, in replica-seconds, that knew all
// arrivals before and let no message wait longer than the target.
//
// It asks for whole workers, between Min and Max and no more than partitions, changes
// them at ticks, and pays each pod's mean start. It is spared what a policy is not:
// all messages are one fluid that any worker may handle, so skew and unequal parts cost
// nothing, no rebalance stops anything, all workers are equally fast, and it begins with
// as many as it likes. It is as late as a group that always has Max, where that is late.
//
// A long run is bounded on a grid coarser than the tick, of at most a quarter of the
// target: a policy whose pods come and go between two of its points can stay below it
// by that much.
func Clairvoyant(c Config, arrivals []float64) float64 {
	c = c.withDefaults()
	c.Max = min(c.Max, int32(c.Partitions))
	work := workOf(c, arrivals)
	best := newPlan(c, work, seconds(c.Tick))
	for step := 2 * seconds(c.Tick); best.states() > maxStates && step <= seconds(c.Target)/4; step += seconds(c.Tick) {
		best = newPlan(c, work, step)
	}
	return best.cost()
}

// maxStates is how many states may be looked at before the grid is made coarser.
const maxStates = 5e8

// workOf is how many seconds one worker takes for all that arrives before each second.
func workOf(c Config, arrivals []float64) []float64 {
	work := make([]float64, len(arrivals)+1)
	for i, messages := range arrivals {
		work[i+1] = work[i] + messages/(c.Mu*c.slow(i, len(arrivals)))
	}
	return work
}

// plan is a dynamic programme over steps. Work is counted in what one worker does in a
// step, and what arrives is rounded down as a sum, so that a rounding is never added up
// and never makes the bound too high: with n workers each of a step, min(arrived, done+n)
// of the whole numbers is never less than that of the fractions, rounded down.
//
// A state is the number of workers and how far they are behind a group that always has
// Max. That one handles most by any time, so to be behind it by less than slack is to
// hold the target, or to be no later than that one is.
type plan struct {
	min, max    int
	step, start float64
	// lasts is the run in seconds.
	lasts float64
	// grown is what the group with Max handles in each step, slack how far a group may
	// be behind it at each step's end.
	grown, slack []int
}

func newPlan(c Config, work []float64, step int) plan {
	lasts := len(work) - 1
	p := plan{min: int(c.Min), max: int(c.Max), step: float64(step), start: c.meanStart(), lasts: float64(lasts)}
	at := func(second int) int { return int(work[max(0, min(second, lasts))] / p.step) }
	fastest := 0
	for from := 0; from < lasts; from += step {
		grown := min(p.max, at(from+step)-fastest)
		fastest += grown
		due := at(min(from+step, lasts) - seconds(c.Target))
		p.grown, p.slack = append(p.grown, grown), append(p.slack, max(0, fastest-due))
	}
	return p
}

func (p plan) states() float64 {
	if len(p.slack) == 0 {
		return 0
	}
	return float64(len(p.slack)) * float64(p.max-p.min+1) * float64(slices.Max(p.slack)+1)
}

// cost is the least over all ways through the steps.
func (p plan) cost() float64 {
	if len(p.slack) == 0 {
		return 0
	}
	now, next := p.table(), p.table()
	for n := range now {
		now[n][0] = 0
	}
	for k := range p.slack {
		if k > 0 {
			p.change(now)
		}
		for n := range now {
			p.advance(now[n], next[n], p.min+n, k)
		}
		now, next = next, now
	}
	least := math.Inf(1)
	for _, row := range now {
		least = min(least, slices.Min(row))
	}
	return least
}

// table is the cost of each state: a row for each number of workers.
func (p plan) table() [][]float64 {
	rows := make([][]float64, p.max-p.min+1)
	for n := range rows {
		rows[n] = slices.Repeat([]float64{math.Inf(1)}, slices.Max(p.slack)+1)
	}
	return rows
}

// change lets each state be reached from any number of workers: more pay their start.
func (p plan) change(rows [][]float64) {
	for n := 1; n < len(rows); n++ {
		lower(rows[n], rows[n-1], p.start)
	}
	for n := len(rows) - 2; n >= 0; n-- {
		lower(rows[n], rows[n+1], 0)
	}
}

func lower(to, from []float64, cost float64) {
	for i := range to {
		to[i] = min(to[i], from[i]+cost)
	}
}

// advance is step k with so many workers: behind goes to max(0, behind + grown - workers)
// unless that is more than may be.
func (p plan) advance(from, to []float64, workers, k int) {
	clearTo(to, math.Inf(1))
	paid := float64(workers) * min(p.step, p.lasts-float64(k)*p.step)
	more := p.grown[k] - workers
	most := p.slack[k]
	if k > 0 {
		from = from[:p.slack[k-1]+1]
	}
	for behind, cost := range from {
		then := max(0, behind+more)
		if then > most {
			break
		}
		to[then] = min(to[then], cost+paid)
	}
}

func clearTo(row []float64, value float64) {
	for i := range row {
		row[i] = value
	}
}

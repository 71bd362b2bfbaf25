package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

func everything(run) bool { return true }

func byTraceAndSeed(a, b run) int {
	return cmp.Or(cmp.Compare(a.Trace, b.Trace), cmp.Compare(a.Seed, b.Seed))
}

// bestSingle is the configuration that costs least over all traces among those that are
// out of target for no longer than limit percent on average; if there is none, the one
// that is out for the shortest time.
func bestSingle(grid map[string]cells, limit float64, keep func(run) bool) string {
	best, bestCost, bestOut := "", math.Inf(1), math.Inf(1)
	for _, name := range slices.Sorted(maps.Keys(grid)) {
		runs := grid[name].kept(keep)
		out, cost := meanOut(runs), logRatio(runs, func(run) float64 { return 1 })
		// Below the limit no time out of target is better than another.
		if out <= limit+1e-9 {
			out = 0
		}
		if cmp.Or(cmp.Compare(out, bestOut), cmp.Compare(cost, bestCost)) < 0 {
			best, bestCost, bestOut = name, cost, out
		}
	}
	return best
}

// oracle takes for each trace the configuration that is best there, in hindsight. limits
// are the percents out of target that are allowed on each trace.
func oracle(grid map[string]cells, limits map[string]float64) cells {
	chosen := cells{}
	for trace, limit := range limits {
		keep := onTrace(trace)
		for c, r := range grid[bestSingle(grid, limit, keep)] {
			if keep(r) {
				chosen[c] = r
			}
		}
	}
	return chosen
}

func onTrace(name string) func(run) bool { return func(r run) bool { return r.Trace == name } }

// outByTrace is the mean percent out of target on each trace.
func (c cells) outByTrace(of []string) map[string]float64 {
	percents := map[string]float64{}
	for _, trace := range of {
		percents[trace] = 0
		if runs := c.kept(onTrace(trace)); len(runs) > 0 {
			percents[trace] = meanOut(runs)
		}
	}
	return percents
}

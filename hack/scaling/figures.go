package main

import (
	"math"
	"slices"
)

// figures are what the runs of a policy amount to, over traces and seeds.
type figures struct {
	// VsBest and VsDefault are geometric means of replica-minutes in parts of those of
	// the best single KEDA and of KEDA as it is installed.
	VsBest    number `json:"geomean_replica_minutes_vs_best_single_keda"`
	VsDefault number `json:"vs_keda_default"`
	// OverWork and OverClairvoyant are geometric means of replica-minutes in parts of the
	// bounds, less 1.
	OverWork        number `json:"excess_over_work_bound"`
	OverClairvoyant number `json:"excess_over_clairvoyant"`
	// OutMean and OutWorst are the mean and the worst run's.
	OutMean  number `json:"out_of_target_percent_mean"`
	OutWorst number `json:"out_of_target_percent_worst"`
	// Rebalances are those of one pass over the traces, on average over the seeds.
	Rebalances number `json:"rebalances"`
	// Recovery is of all times out of target; 0 where there is none.
	Recovery number `json:"violations_recovery_s_p95"`
	// Intervals hold the means over the seeds with 95 % confidence.
	Intervals map[string][2]number `json:"intervals,omitempty"`
}

// cell is where runs of different policies are alike.
type cell struct {
	trace string
	seed  uint64
}

// cells are a policy's runs for one target.
type cells map[cell]run

// least is the fewest replica-minutes that are told apart: a second. It keeps ratios
// finite where nothing arrived.
const least = 1.0 / 60

// measure makes figures of the runs that are kept.
func (c cells) measure(best, standard cells, keep func(run) bool) figures {
	runs := c.kept(keep)
	costs := func(of func(run) float64) func([]run) float64 {
		return func(runs []run) float64 { return logRatio(runs, of) }
	}
	vs := func(other cells) func(run) float64 {
		return func(r run) float64 {
			o, ok := other[cell{r.Trace, r.Seed}]
			if !ok {
				return math.NaN()
			}
			return o.ReplicaMinutes
		}
	}
	work, clairvoyant := costs(func(r run) float64 { return r.Work }), costs(func(r run) float64 { return r.Clairvoyant })
	vsBest, less1 := costs(vs(best)), func(log float64) float64 { return math.Exp(log) - 1 }
	f := figures{
		VsBest: number(math.Exp(vsBest(runs))), VsDefault: number(math.Exp(costs(vs(standard))(runs))),
		OverWork: number(less1(work(runs))), OverClairvoyant: number(less1(clairvoyant(runs))),
		OutMean: number(meanOut(runs)), OutWorst: number(worstOut(runs)),
		Rebalances: number(rebalances(runs)), Recovery: number(recovery(runs)), Intervals: map[string][2]number{},
	}
	f.addInterval("geomean_replica_minutes_vs_best_single_keda", runs, vsBest, math.Exp)
	f.addInterval("excess_over_work_bound", runs, work, less1)
	f.addInterval("excess_over_clairvoyant", runs, clairvoyant, less1)
	f.addInterval("out_of_target_percent_mean", runs, meanOut, func(percent float64) float64 { return percent })
	return f
}

// kept are the runs that are kept, in an order that does not depend on the map's:
// floating-point sums do depend on theirs.
func (c cells) kept(keep func(run) bool) []run {
	var runs []run
	for _, r := range c {
		if keep(r) {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, byTraceAndSeed)
	return runs
}

// addInterval takes the spread of a figure over the seeds.
func (f figures) addInterval(name string, runs []run, of func([]run) float64, scale func(float64) float64) {
	bySeed := map[uint64][]run{}
	for _, r := range runs {
		bySeed[r.Seed] = append(bySeed[r.Seed], r)
	}
	var values []float64
	for seed := uint64(1); len(values) < len(bySeed); seed++ {
		if alike, ok := bySeed[seed]; ok {
			values = append(values, of(alike))
		}
	}
	if low, high, ok := interval(values); ok {
		f.Intervals[name] = [2]number{number(scale(low)), number(scale(high))}
	}
}

// logRatio is the mean logarithm of the replica-minutes in parts of others.
func logRatio(runs []run, of func(run) float64) float64 {
	logs := make([]float64, 0, len(runs))
	for _, r := range runs {
		other := of(r)
		if math.IsNaN(other) {
			return math.NaN()
		}
		logs = append(logs, math.Log(max(r.ReplicaMinutes, least)/max(other, least)))
	}
	return mean(logs)
}

func meanOut(runs []run) float64 {
	percents := make([]float64, 0, len(runs))
	for _, r := range runs {
		percents = append(percents, r.OutOfTarget)
	}
	return mean(percents)
}

func worstOut(runs []run) float64 {
	worst := 0.0
	for _, r := range runs {
		worst = max(worst, r.OutOfTarget)
	}
	return worst
}

func rebalances(runs []run) float64 {
	seeds, sum := map[uint64]bool{}, 0.0
	for _, r := range runs {
		seeds[r.Seed] = true
		sum += r.Rebalances
	}
	return sum / float64(max(1, len(seeds)))
}

func recovery(runs []run) float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, r.RecoveryTimes...)
	}
	return p95(all)
}

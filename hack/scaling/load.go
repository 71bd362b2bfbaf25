package main

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lagrange-operator/lagrange/hack/scaling/shapes"
	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

const (
	partitions = 12
	// peakWorkers is how many workers the busiest minute of a trace keeps busy.
	peakWorkers = 9
	// fewWorkers is that of a trace with less than a message a second: half a worker,
	// so that one that starts late catches up.
	fewWorkers = 0.5
)

// load is a trace with everything chosen, or a shape.
type load struct {
	traces.Trace
	// synthetic: each seed has its own rates.
	synthetic bool
}

// loads are the traces and then the shapes.
func (o options) loads() ([]load, error) {
	var loads []load
	if o.traces != "" {
		read, err := traces.ReadDir(o.traces)
		if err != nil {
			return nil, err
		}
		for _, t := range read {
			loads = append(loads, load{Trace: choose(t)})
		}
	}
	if o.shapes {
		for _, t := range shapes.All(1) {
			loads = append(loads, load{Trace: choose(t), synthetic: true})
		}
	}
	return loads, nil
}

// choose fills in what the manifest leaves open.
func choose(t traces.Trace) traces.Trace {
	t.Class = cmp.Or(t.Class, classOf(t.PerSecond))
	workers := float64(peakWorkers)
	if meanRate(t.PerSecond) < 1 {
		workers = fewWorkers
	}
	t.Mu = cmp.Or(t.Mu, busiestMinute(t.PerSecond)/workers)
	t.Partitions = cmp.Or(t.Partitions, partitions)
	if t.Min == nil {
		least := int32(1)
		if t.Class == traces.Sparse {
			least = 0
		}
		t.Min = &least
	}
	return t
}

// classOf is sparse where less than a message comes in a second, or most minutes are
// silent; a burst where the busiest minute has 15 times the mean; and dense otherwise.
func classOf(perSecond []float64) traces.Class {
	mean := meanRate(perSecond)
	switch {
	case mean < 1 || silentMinutes(perSecond) > 0.5:
		return traces.Sparse
	case busiestMinute(perSecond) >= 15*mean:
		return traces.Burst
	}
	return traces.Dense
}

func meanRate(perSecond []float64) float64 {
	sum := 0.0
	for _, rate := range perSecond {
		sum += rate
	}
	return sum / float64(len(perSecond))
}

// silentMinutes is the share of the minutes without a message.
func silentMinutes(perSecond []float64) float64 {
	silent, minutes := 0.0, 0.0
	for minute := range slices.Chunk(perSecond, 60) {
		minutes++
		if meanRate(minute) == 0 {
			silent++
		}
	}
	return silent / minutes
}

// busiestMinute is the most messages a second of any minute, on average over it.
func busiestMinute(perSecond []float64) float64 {
	window := min(60, len(perSecond))
	sum, most := 0.0, 0.0
	for i, rate := range perSecond {
		sum += rate
		if i >= window {
			sum -= perSecond[i-window]
		}
		if i >= window-1 {
			most = max(most, sum)
		}
	}
	return most / float64(window)
}

// arrivals are the messages of each second in the run of a seed: as counted, or drawn
// around the rates.
func (l load) arrivals(seed uint64) []float64 {
	perSecond := l.PerSecond
	if l.synthetic {
		all := shapes.All(seed)
		perSecond = all[slices.IndexFunc(all, func(t traces.Trace) bool { return t.Name == l.Name })].PerSecond
	}
	if l.Counted {
		return perSecond
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte(l.Name))
	random := rand.New(rand.NewPCG(seed, name.Sum64()))
	drawn := make([]float64, len(perSecond))
	for i, rate := range perSecond {
		drawn[i] = poisson(random, rate)
	}
	return drawn
}

// poisson draws how many messages come in a second where so many come on average:
// above 50 by the normal distribution, which is then as good.
func poisson(random *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*random.NormFloat64()))
	}
	n := 0.0
	for product, limit := random.Float64(), math.Exp(-mean); product > limit; product *= random.Float64() {
		n++
	}
	return n
}

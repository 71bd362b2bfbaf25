package baselines

import (
	"math"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// bounds are the least and the most workers.
type bounds struct{ min, max int32 }

func boundsOf(k sim.Knowledge) bounds { return bounds{k.Min, k.Max} }

// atLeastOne are the bounds of what can't scale to zero.
func (b bounds) atLeastOne() bounds { return bounds{max(1, b.min), b.max} }

func (b bounds) clamp(n int32) int32 { return max(b.min, min(n, b.max)) }

// ceil is for counts, whatever a division came to: below zero and no number are none,
// and what no int32 holds is the largest.
func ceil(x float64) int32 {
	if math.IsNaN(x) {
		return 0
	}
	return int32(math.Ceil(min(max(x, 0), math.MaxInt32)))
}

// lagOf is the sum over all partitions; offsets that were read one after the other may make a part of it negative.
func lagOf(v sim.View) int64 {
	var lag int64
	for _, p := range v.Partitions {
		lag += p.End - p.Committed
	}
	return lag
}

// ratesOf are messages a second over all partitions; not known where one's isn't.
func ratesOf(v sim.View) (produced, consumed float64, known bool) {
	for _, p := range v.Partitions {
		if !p.Rates {
			return 0, 0, false
		}
		produced += p.Produced
		consumed += p.Consumed
	}
	return produced, consumed, len(v.Partitions) > 0
}

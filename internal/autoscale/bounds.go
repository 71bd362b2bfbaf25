package autoscale

import (
	"math"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// bounds are the counts that are allowed, and those that make a difference.
type bounds struct {
	floor, ceiling int32
	// ceilingBy is what set the ceiling.
	ceilingBy Limit
	// counts are worth having, ascending; empty while no topic is known.
	counts []int32
	useful int32
}

// boundsOf rounds minReplicas up and maxReplicas down to a count that makes a
// difference. maxReplicas wins over everything, the useful members over minReplicas.
//
// 12 partitions, minReplicas 5 and maxReplicas 9: floor 6, ceiling 6.
func boundsOf(c Config, o Observation) bounds {
	group := layout.Group{Assignor: c.Assignor, Partitions: o.Partitions}
	b := bounds{ceiling: math.MaxInt32, counts: group.Counts(), useful: group.UsefulMembers()}
	if b.useful > 0 {
		b.ceiling, b.ceilingBy = b.useful, LimitUsefulMembers
	}
	if c.MaxReplicas > 0 && c.MaxReplicas < b.ceiling {
		b.ceiling, b.ceilingBy = b.roundDown(c.MaxReplicas), LimitMaxReplicas
	}
	b.floor = min(b.roundUp(max(c.MinReplicas, 1)), b.ceiling)
	return b
}

// clamp brings a count between floor and ceiling and says which of them did it.
func (b bounds) clamp(replicas int32) (int32, Limit) {
	switch {
	case replicas > b.ceiling:
		return b.ceiling, b.ceilingBy
	case replicas < b.floor:
		return b.floor, LimitMinReplicas
	}
	return replicas, LimitNone
}

// within are the counts that make a difference and are allowed.
func (b bounds) within() []int32 {
	from, _ := slices.BinarySearch(b.counts, b.floor)
	to, _ := slices.BinarySearch(b.counts, b.ceiling)
	return b.counts[from:min(to+1, len(b.counts))]
}

// hold is the present count within the bounds. A count that makes no difference
// goes down to the one that serves as well, but not in the middle of a rebalance.
func (b bounds) hold(o Observation) int32 {
	replicas := o.Replicas
	if !o.unsettled() {
		replicas = b.roundDown(replicas)
	}
	held, _ := b.clamp(replicas)
	return held
}

// roundUp is the smallest count worth having that is at least replicas, the
// largest when there is none.
func (b bounds) roundUp(replicas int32) int32 {
	for _, n := range b.counts {
		if n >= replicas {
			return n
		}
	}
	return max(replicas, b.useful)
}

// roundDown is the largest count worth having that is at most replicas;
// replicas itself above all of them or while none is known.
func (b bounds) roundDown(replicas int32) int32 {
	rounded := replicas
	if replicas > b.useful {
		return replicas
	}
	for _, n := range b.counts {
		if n <= replicas {
			rounded = n
		}
	}
	return rounded
}

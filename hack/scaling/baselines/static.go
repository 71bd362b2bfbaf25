package baselines

import (
	"slices"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// static is as many workers as the busiest second needs, always: what people run who
// don't scale. It is told all arrivals.
type static int32

func newStatic(k sim.Knowledge) sim.Policy {
	peak := 0.0
	if len(k.Arrivals) > 0 {
		peak = slices.Max(k.Arrivals)
	}
	return static(boundsOf(k).clamp(ceil(peak / k.Mu)))
}

// Decide never changes.
func (s static) Decide(sim.View) int32 { return int32(s) }

package baselines

import "github.com/lagrange-operator/lagrange/hack/scaling/sim"

// linear has as many workers as the arrivals need, and none for a backlog. It is what
// Ezzeddine, Baude and Huet compare with: "Tail-latency aware and resource-efficient
// bin pack autoscaling", CLOSER 2024.
type linear struct {
	bounds
	mu float64
}

func newLinear(k sim.Knowledge) sim.Policy { return linear{boundsOf(k).atLeastOne(), k.Mu} }

// Decide is the rate by what one handles, rounded up.
func (l linear) Decide(v sim.View) int32 {
	arriving, _, known := ratesOf(v)
	if !known {
		return v.Replicas
	}
	return l.clamp(ceil(arriving / l.mu))
}

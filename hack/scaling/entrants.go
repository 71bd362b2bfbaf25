package main

import (
	"fmt"
	"slices"

	"github.com/lagrange-operator/lagrange/hack/scaling/baselines"
	"github.com/lagrange-operator/lagrange/hack/scaling/lagrange"
	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// entrants are all that are compared.
func entrants() []sim.Entrant { return slices.Concat(lagranges(), baselines.All()) }

// lagranges are Lagrange with nothing set, which goes by the family's name, the sweep
// of its risk, and Lagrange that prefers freshness.
func lagranges() []sim.Entrant {
	entrant := func(family, name string, s lagrange.Settings) sim.Entrant {
		s.Assignor = layout.CooperativeSticky
		return sim.Entrant{Family: family, Name: name, New: lagrange.New(s)}
	}
	all := []sim.Entrant{entrant(ours, ours, lagrange.Settings{})}
	for _, risk := range []float64{0.02, 0.05, 0.1, 0.4} {
		all = append(all, entrant(ours, fmt.Sprintf("lagrange risk=%g", risk), lagrange.Settings{Risk: risk}))
	}
	return append(all, entrant("lagrange-freshness", "lagrange freshness", lagrange.Settings{Prefer: target.Freshness}))
}

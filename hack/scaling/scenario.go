package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// usual is the scenario without anything special.
const usual = "usual"

// scenario is what a group is like.
type scenario struct {
	set func(*sim.Config)
	// faster multiplies the Mu of each load, so that twelve workers are still enough.
	faster float64
}

// scenarios by name. The hottest of 12 partitions under Zipf 0.6 gets 0.20 of all: of
// nine workers' load 1.8 workers', and with Mu doubled 0.9. After Mu halved midway, a
// doubled one is what it usually is.
var scenarios = map[string]scenario{
	usual:      {set: func(*sim.Config) {}, faster: 1},
	"eager":    {set: func(c *sim.Config) { c.Eager = true }, faster: 1},
	"skew":     {set: func(c *sim.Config) { c.Skew = 0.6 }, faster: 2},
	"hot":      {set: func(c *sim.Config) { c.Skew = 0.6 }, faster: 1},
	"brownout": {set: func(c *sim.Config) { c.MuChange = sim.Change{At: 0.5, Factor: 0.5} }, faster: 2},
	"noise":    {set: func(c *sim.Config) { c.MuNoise = 0.2 }, faster: 1},
}

func scenarioNames() string {
	return strings.Join(slices.Sorted(maps.Keys(scenarios)), ", ")
}

package main

import (
	"maps"
	"slices"

	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

// Names of policies in the summary, and of families of entrants.
const (
	ours         = "lagrange"
	kedaFamily   = "keda"
	kedaDefault  = "keda-default"
	kedaBest     = "keda-best-single"
	kedaPerTrace = "keda-oracle"
	filesAlone   = "files"
	shapesAlone  = "shapes"
)

// summary is what is printed: for each policy and lag target, named 60s, its figures.
type summary struct {
	Scenario string                              `json:"scenario"`
	Seeds    int                                 `json:"seeds"`
	Policies map[string]map[string]policyFigures `json:"policies"`
}

// policyFigures are figures over everything, over sets of traces, and per trace.
type policyFigures struct {
	figures
	// Configuration is what was chosen of a grid.
	Configuration string `json:"configuration,omitempty"`
	// Sets are files and shapes, and the classes of traces.
	Sets map[string]figures `json:"sets"`
	// Traces are by name.
	Traces map[string]figures `json:"traces"`
}

// summarize makes the summary of all runs.
func summarize(scenario string, runs []run) summary {
	s := summary{Scenario: scenario, Policies: map[string]map[string]policyFigures{}}
	byTarget, seeds := map[float64][]run{}, map[uint64]bool{}
	for _, r := range runs {
		byTarget[r.Target] = append(byTarget[r.Target], r)
		seeds[r.Seed] = true
	}
	s.Seeds = len(seeds)
	for target, alike := range byTarget {
		for policy, f := range compare(alike) {
			if s.Policies[policy] == nil {
				s.Policies[policy] = map[string]policyFigures{}
			}
			s.Policies[policy][targetName(target)] = f
		}
	}
	return s
}

// compare makes figures of each policy of the runs of one target.
func compare(runs []run) map[string]policyFigures {
	byFamily := families(runs)
	grid := byFamily[kedaFamily]
	policies := named(byFamily)
	limits := policies[ours].outByTrace(traceNames(runs))
	single := bestSingle(grid, limit(policies[ours]), everything)
	best, standard := grid[single], policies[kedaDefault]
	if len(grid) > 0 {
		policies[kedaBest], policies[kedaPerTrace] = best, oracle(grid, limits)
	}
	all := map[string]policyFigures{}
	for name, p := range policies {
		f := p.all(best, standard, runs)
		if name == kedaBest {
			f.Configuration = single
		}
		all[name] = f
	}
	return all
}

// limit is how long KEDA may be out of target: as long as Lagrange; not at all if
// Lagrange does not take part.
func limit(lagrange cells) float64 {
	if len(lagrange) == 0 {
		return 0
	}
	return meanOut(lagrange.kept(everything))
}

// families are the runs by family and policy.
func families(runs []run) map[string]map[string]cells {
	all := map[string]map[string]cells{}
	for _, r := range runs {
		if all[r.Family] == nil {
			all[r.Family] = map[string]cells{}
		}
		if all[r.Family][r.Policy] == nil {
			all[r.Family][r.Policy] = cells{}
		}
		all[r.Family][r.Policy][cell{r.Trace, r.Seed}] = r
	}
	return all
}

// named are the policies that are compared: of KEDA's grid only what is chosen of it; a
// family with one member goes by the family's name, as does the member with that name.
func named(byFamily map[string]map[string]cells) map[string]cells {
	policies := map[string]cells{}
	for family, members := range byFamily {
		for name, c := range members {
			switch {
			case family == kedaFamily:
			case len(members) == 1:
				policies[family] = c
			default:
				policies[name] = c
			}
		}
	}
	return policies
}

// all are a policy's figures over everything, each set and each trace.
func (c cells) all(best, standard cells, runs []run) policyFigures {
	f := policyFigures{figures: c.measure(best, standard, everything), Sets: map[string]figures{}, Traces: map[string]figures{}}
	for set, keep := range sets {
		if len(c.kept(keep)) > 0 {
			f.Sets[set] = c.measure(best, standard, keep)
		}
	}
	for _, trace := range traceNames(runs) {
		f.Traces[trace] = c.measure(best, standard, onTrace(trace))
	}
	return f
}

// sets are the sets of traces that have figures of their own.
var sets = map[string]func(run) bool{
	filesAlone:            func(r run) bool { return !r.Synthetic },
	shapesAlone:           func(r run) bool { return r.Synthetic },
	string(traces.Dense):  ofClass(traces.Dense),
	string(traces.Sparse): ofClass(traces.Sparse),
	string(traces.Burst):  ofClass(traces.Burst),
}

func ofClass(class traces.Class) func(run) bool { return func(r run) bool { return r.Class == class } }

func traceNames(runs []run) []string {
	names := map[string]bool{}
	for _, r := range runs {
		names[r.Trace] = true
	}
	return slices.Sorted(maps.Keys(names))
}

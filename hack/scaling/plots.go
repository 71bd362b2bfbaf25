package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/plot"
	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// plotPareto draws cost against time out of target, for each lag target.
func (l lab) plotPareto(runs []run) error {
	var errs []error
	for _, target := range l.targets {
		of := slices.DeleteFunc(slices.Clone(runs), func(r run) bool { return r.Target != target.Seconds() })
		name := targetName(target.Seconds())
		path := filepath.Join(l.out, "pareto-"+name+".svg")
		errs = append(errs, plot.Pareto(path, "Lag target "+name+": cost against time out of target", paretoFamilies(of)))
	}
	return errors.Join(errs...)
}

// paretoFamilies are Lagrange's risks and KEDA's grid, over all traces.
func paretoFamilies(runs []run) []plot.Family {
	byFamily := families(runs)
	var drawn []plot.Family
	for _, family := range []string{ours, kedaFamily} {
		var choices []plot.Choice
		for _, name := range slices.Sorted(maps.Keys(byFamily[family])) {
			all := byFamily[family][name].kept(everything)
			over := math.Exp(logRatio(all, func(r run) float64 { return r.Clairvoyant })) - 1
			choices = append(choices, plot.Choice{Excess: 100 * over, Out: meanOut(all)})
		}
		if len(choices) > 0 {
			drawn = append(drawn, plot.Family{Name: family, Choices: choices})
		}
	}
	return drawn
}

// plotRuns draws Lagrange and the best single KEDA on each trace, with the first seed.
func (l lab) plotRuns(s summary) error {
	var errs []error
	for _, target := range l.targets {
		single := s.Policies[kedaBest][targetName(target.Seconds())].Configuration
		drawn := slices.DeleteFunc(slices.Clone(l.entrants), func(e sim.Entrant) bool { return e.Name != ours && e.Name != single })
		if len(drawn) == 0 {
			drawn = l.entrants[:1]
		}
		for _, load := range l.loads {
			errs = append(errs, l.plotRun(job{load: load, target: target, seed: 1}, drawn))
		}
	}
	return errors.Join(errs...)
}

// plotRun runs entrants once more, with a point a tick.
func (l lab) plotRun(j job, drawn []sim.Entrant) error {
	arrivals := j.load.arrivals(j.seed)
	config, knows := l.setUp(j, arrivals)
	config.Trace = true
	var lines []plot.Line
	for _, e := range drawn {
		lines = append(lines, plot.Line{Name: e.Name, Points: sim.Run(config, arrivals, e.New(knows)).Trace})
	}
	file := fmt.Sprintf("run-%s-%s.svg", strings.ReplaceAll(j.load.Name, "/", "-"), targetName(j.target.Seconds()))
	title := fmt.Sprintf("%s over %s", j.load.Name, time.Duration(len(arrivals))*time.Second)
	return plot.Run(filepath.Join(l.out, file), title, j.target, lines)
}

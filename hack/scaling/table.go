package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// columns of the table, in its order.
var columns = []struct {
	title  string
	figure func(figures) string
}{
	{"vs best KEDA", func(f figures) string {
		return ratio(f.VsBest) + spread(f, "geomean_replica_minutes_vs_best_single_keda")
	}},
	{"vs default", func(f figures) string { return ratio(f.VsDefault) }},
	{"over work", func(f figures) string { return percent(f.OverWork * 100) }},
	{"over clairvoyant", func(f figures) string { return percent(f.OverClairvoyant * 100) }},
	{"out of target", func(f figures) string { return percent(f.OutMean) }},
	{"worst", func(f figures) string { return percent(f.OutWorst) }},
	{"rebalances", func(f figures) string { return fmt.Sprintf("%.0f", float64(f.Rebalances)) }},
	{"recovery p95", func(f figures) string { return fmt.Sprintf("%.0fs", float64(f.Recovery)) }},
}

// table is the summary for people: a part for each target, with all policies, and
// then Lagrange and the best single KEDA on each set and trace.
func (s summary) table() string {
	var text strings.Builder
	for _, target := range s.targets() {
		_, _ = fmt.Fprintf(&text, "\nLag target %s, scenario %s, %d seeds\n\n", target, s.Scenario, s.Seeds)
		out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
		row(out, "policy", func(i int) string { return columns[i].title })
		for _, policy := range s.byCost(target) {
			f := s.Policies[policy][target].figures
			row(out, policy, func(i int) string { return columns[i].figure(f) })
		}
		row(out, "", func(int) string { return "" })
		for _, policy := range []string{ours, kedaBest} {
			s.parts(out, policy, s.Policies[policy][target])
		}
		_ = out.Flush()
		if best := s.Policies[kedaBest][target].Configuration; best != "" {
			_, _ = fmt.Fprintf(&text, "\nbest single KEDA: %s\n", best)
		}
	}
	text.WriteString("\n")
	return text.String()
}

// parts are a policy's rows for sets and traces.
func (s summary) parts(out *tabwriter.Writer, policy string, f policyFigures) {
	for _, part := range []map[string]figures{f.Sets, f.Traces} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			row(out, policy+" on "+name, func(i int) string { return columns[i].figure(part[name]) })
		}
	}
}

func row(out *tabwriter.Writer, name string, cell func(int) string) {
	cells := make([]string, len(columns))
	for i := range columns {
		cells[i] = cell(i)
	}
	_, _ = fmt.Fprintf(out, "%s\t%s\t\n", name, strings.Join(cells, "\t"))
}

func (s summary) targets() []string {
	names := map[string]bool{}
	for _, byTarget := range s.Policies {
		for name := range byTarget {
			names[name] = true
		}
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}

// byCost are the policies of a target, the cheapest first.
func (s summary) byCost(target string) []string {
	return slices.SortedFunc(maps.Keys(s.Policies), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Policies[a][target].OverClairvoyant, s.Policies[b][target].OverClairvoyant), cmp.Compare(a, b))
	})
}

func ratio(n number) string {
	if math.IsNaN(float64(n)) {
		return "-"
	}
	return fmt.Sprintf("%.3f", float64(n))
}

func percent(n number) string { return fmt.Sprintf("%.2f%%", float64(n)) }

// spread is the interval of a figure, if there are seeds enough for one.
func spread(f figures, name string) string {
	if i, ok := f.Intervals[name]; ok && !math.IsNaN(float64(i[0])) {
		return fmt.Sprintf(" [%.3f, %.3f]", float64(i[0]), float64(i[1]))
	}
	return ""
}

package main

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

// hand is a run with figures by hand: bounds of 10 and 20 replica-minutes.
func hand(family, policy, trace string, seed uint64, minutes, out float64) run {
	return run{
		Family: family, Policy: policy, Trace: trace, Seed: seed, Target: 60, Class: traces.Dense, Synthetic: trace == "b",
		ReplicaMinutes: minutes, Work: 10, Clairvoyant: 20, OutOfTarget: out, Rebalances: minutes / 10,
	}
}

// handmade are two traces with two seeds. KEDA "cheap" is late, "dear" is not, and "mid"
// is late on b alone.
func handmade() []run {
	var runs []run
	for seed := range uint64(2) {
		for _, r := range []struct {
			family, policy string
			a, outA, b     float64
			outB           float64
		}{
			{ours, ours, 40, 1, 90, 1},
			{ours, "lagrange risk=0.1", 50, 0, 95, 0},
			{kedaFamily, "cheap", 20, 3, 45, 3},
			{kedaFamily, "mid", 80, 0, 50, 2},
			{kedaFamily, "dear", 160, 0, 90, 0},
			{kedaDefault, "keda default", 400, 0, 900, 0},
		} {
			runs = append(runs, hand(r.family, r.policy, "a", seed+1, r.a, r.outA), hand(r.family, r.policy, "b", seed+1, r.b, r.outB))
		}
	}
	return runs
}

func figure(t *testing.T, what string, got number, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 1e-9 {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

func TestBestSingle(t *testing.T) {
	grid := families(handmade())[kedaFamily]
	cases := map[string]struct {
		reason string
		limit  float64
		keep   func(run) bool
		want   string
	}{
		"At the limit":  {"mid is out for 1 % on average, which is as long as allowed, and cheaper than dear.", 1, everything, "mid"},
		"Below it":      {"Only dear is in target at all times.", 0.9, everything, "dear"},
		"Generous":      {"The cheapest of all qualifies.", 3, everything, "cheap"},
		"On one trace":  {"On a, mid is in target.", 0, onTrace("a"), "mid"},
		"None":          {"None is out for less than 2 %: the one that is out for the shortest time.", -1, onTrace("b"), "dear"},
		"None, by cost": {"mid and dear are out equally long: the cheaper of them.", -1, onTrace("a"), "mid"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := bestSingle(grid, tc.limit, tc.keep); got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestSummarize(t *testing.T) {
	s := summarize(usual, handmade())
	us := s.Policies[ours]["60s"]
	if best := s.Policies[kedaBest]["60s"]; best.Configuration != "mid" {
		t.Fatalf("the best single KEDA is %q", best.Configuration)
	}
	figure(t, "a geometric mean of 40/80 and 90/50", us.VsBest, math.Sqrt(0.5*1.8))
	figure(t, "that over KEDA's default", us.VsDefault, 0.1)
	figure(t, "40 and 90 over 10", us.OverWork, 6-1)
	figure(t, "40 and 90 over 20", us.OverClairvoyant, 3-1)
	figure(t, "on a alone", us.Traces["a"].VsBest, 0.5)
	figure(t, "on shapes alone", us.Sets[shapesAlone].VsBest, 1.8)
	figure(t, "on files alone", us.Sets[filesAlone].VsBest, 0.5)
	figure(t, "rebalances of one pass", us.Rebalances, 13)
	figure(t, "mid's mean", s.Policies[kedaBest]["60s"].OutMean, 1)
	figure(t, "mid's worst", s.Policies[kedaBest]["60s"].OutWorst, 2)
	// In hindsight: on a mid, on b dear, since 2 % is more than Lagrange's 1.
	figure(t, "the oracle on a", s.Policies[kedaPerTrace]["60s"].Traces["a"].VsBest, 1)
	figure(t, "the oracle on b", s.Policies[kedaPerTrace]["60s"].Traces["b"].VsBest, 1.8)
	if i := us.Intervals["geomean_replica_minutes_vs_best_single_keda"]; math.Abs(float64(i[0]-us.VsBest)) > 1e-9 || math.Abs(float64(i[1]-us.VsBest)) > 1e-9 {
		t.Errorf("equal seeds have the interval %v around %g", i, us.VsBest)
	}
	names := slices.Sorted(maps.Keys(s.Policies))
	if want := []string{kedaBest, kedaDefault, kedaPerTrace, ours, "lagrange risk=0.1"}; !slices.Equal(names, want) {
		t.Errorf("policies %v, want %v", names, want)
	}
}

// TestFieldNames holds the last line to the names that its readers know.
func TestFieldNames(t *testing.T) {
	raw, err := json.Marshal(summarize(usual, handmade()))
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Policies map[string]map[string]map[string]any
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	whole := s.Policies["lagrange"]["60s"]
	one, _ := whole["traces"].(map[string]any)["a"].(map[string]any)
	for _, name := range []string{
		"geomean_replica_minutes_vs_best_single_keda", "vs_keda_default", "excess_over_work_bound", "excess_over_clairvoyant",
		"out_of_target_percent_mean", "out_of_target_percent_worst", "rebalances", "violations_recovery_s_p95",
	} {
		if _, ok := whole[name].(float64); !ok {
			t.Errorf("%s is %v", name, whole[name])
		}
		if _, ok := one[name].(float64); !ok {
			t.Errorf("%s of a trace is %v", name, one[name])
		}
	}
}

func TestWithoutKEDA(t *testing.T) {
	s := summarize(usual, []run{hand("static", "static peak", "a", 1, 40, 0)})
	raw, err := json.Marshal(s.Policies["static"]["60s"].figures)
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]any
	if err := json.Unmarshal(raw, &f); err != nil || f["vs_keda_default"] != nil || f["excess_over_work_bound"] != 3.0 {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestRecoveryOverAllRuns(t *testing.T) {
	r := hand(ours, ours, "a", 1, 1, 1)
	for i := range 19 {
		r.RecoveryTimes = append(r.RecoveryTimes, float64(i+1))
	}
	other := r
	other.Seed, other.RecoveryTimes = 2, []float64{100}
	if got := recovery([]run{r, other}); got != 19 {
		t.Errorf("19 of 20 are at most %g, want 19", got)
	}
	if got := recovery(nil); got != 0 {
		t.Errorf("no time out of target: %g, want 0", got)
	}
}

func TestInterval(t *testing.T) {
	low, high, ok := interval([]float64{1, 2, 3})
	if !ok || math.Abs(low-(2-4.303/math.Sqrt(3))) > 1e-9 || math.Abs(high-(2+4.303/math.Sqrt(3))) > 1e-9 {
		t.Errorf("got %g to %g, %t", low, high, ok)
	}
	if _, _, ok := interval([]float64{1}); ok {
		t.Error("one value has an interval")
	}
}

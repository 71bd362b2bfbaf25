package main

import (
	"math"
	"slices"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

func TestChoose(t *testing.T) {
	flat := func(rate float64) []float64 { return slices.Repeat([]float64{rate}, 3600) }
	peak := func(base, minute float64) []float64 {
		rates := flat(base)
		copy(rates[1800:], slices.Repeat([]float64{minute}, 60))
		return rates
	}
	cases := map[string]struct {
		reason string
		trace  traces.Trace
		class  traces.Class
		mu     float64
		min    int32
	}{
		"Dense":        {"Nine workers at the peak minute.", traces.Trace{PerSecond: peak(100, 360)}, traces.Dense, 40, 1},
		"Burst":        {"The peak is far above the mean.", traces.Trace{PerSecond: peak(10, 360)}, traces.Burst, 40, 1},
		"Few messages": {"Half a worker, and zero.", traces.Trace{PerSecond: flat(0.5)}, traces.Sparse, 1, 0},
		"Silence":      {"Nothing for most minutes: zero, and nine workers at the peak.", traces.Trace{PerSecond: peak(0, 360)}, traces.Sparse, 40, 0},
		"As told": {
			"The manifest's choices stay.",
			traces.Trace{PerSecond: flat(0.5), Class: traces.Dense, Mu: 7, Min: ptr.To[int32](2)}, traces.Dense, 7, 2,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := choose(tc.trace)
			if got.Class != tc.class || math.Abs(got.Mu-tc.mu) > 1e-9 || *got.Min != tc.min || got.Partitions != partitions {
				t.Errorf("%s\ngot class %s, mu %g, min %d, %d partitions", tc.reason, got.Class, got.Mu, *got.Min, got.Partitions)
			}
		})
	}
}

func TestArrivals(t *testing.T) {
	rates := slices.Concat(slices.Repeat([]float64{0.2}, 20000), slices.Repeat([]float64{200}, 20000))
	l := load{Trace: traces.Trace{Name: "x", PerSecond: rates}}
	got := l.arrivals(1)
	if !slices.Equal(got, l.arrivals(1)) || slices.Equal(got, l.arrivals(2)) {
		t.Error("a seed is not the same twice, or two seeds are the same")
	}
	// The variance of what is drawn is its mean: 0.2, and 200.
	for mean, drawn := range map[float64][]float64{0.2: got[:20000], 200: got[20000:]} {
		m, squares := meanRate(drawn), 0.0
		for _, n := range drawn {
			squares += (n - m) * (n - m)
		}
		if variance := squares / 20000; math.Abs(m-mean) > 0.05*mean || math.Abs(variance-mean) > 0.1*mean {
			t.Errorf("around %g: mean %g, variance %g", mean, m, variance)
		}
	}
	l.Counted = true
	if !slices.Equal(l.arrivals(1), rates) {
		t.Error("what was counted each second is changed")
	}
}

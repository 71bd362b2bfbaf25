package baselines

import (
	"math"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

func TestLinear(t *testing.T) {
	l := newLinear(sim.Knowledge{Mu: 100, Max: 6})
	for arriving, want := range map[float64]int32{0: 1, 100: 1, 101: 2, 350: 4, 900: 6} {
		if got := l.Decide(flowing(at(0, 3, 5000, 4), arriving, 0, 0)); got != want {
			t.Errorf("%g/s: %d, want %d", arriving, got, want)
		}
	}
	if got := l.Decide(at(0, 3, 5000, 6)); got != 3 {
		t.Errorf("%d without rates", got)
	}
}

func TestStaticPeak(t *testing.T) {
	k := sim.Knowledge{Mu: 100, Max: 6, Arrivals: []float64{50, 410, 0}}
	if got := newStatic(k).Decide(at(0, 1, 0, 6)); got != 5 {
		t.Errorf("%d, want 5", got)
	}
	k.Arrivals = []float64{5000}
	if got := newStatic(k).Decide(at(0, 1, 0, 6)); got != 6 {
		t.Errorf("%d, want the maximum", got)
	}
}

// entering are partitions with arrivals and lags, at 100 messages a second for one
// worker and a target of 10 s: at 0.9 a worker has room for 90/s and a lag of 900, at
// 0.4 for 40/s and 400.
func entering(replicas int32, partitions ...[2]float64) sim.View {
	v := at(60, replicas, 0, len(partitions))
	for i, p := range partitions {
		v.Partitions[i] = sim.Partition{End: 1000 + int64(p[1]), Committed: 1000, Produced: p[0], Rates: true}
	}
	return v
}

func TestBinPack(t *testing.T) {
	cases := map[string]struct {
		reason string
		view   sim.View
		want   int32
	}{
		"by arrivals":          {"50+40, 50: two at 0.9", entering(1, [2]float64{50, 0}, [2]float64{50, 0}, [2]float64{40, 0}), 2},
		"by lag":               {"10/s each, but lags of 600, 500, 300", entering(1, [2]float64{10, 600}, [2]float64{10, 500}, [2]float64{10, 300}), 2},
		"a hot one is cut":     {"1000/s are one worker, and 10+10 another", entering(1, [2]float64{1000, 0}, [2]float64{10, 0}, [2]float64{10, 0}), 2},
		"a late one is cut":    {"a lag of 9999 is one worker, and 10+10 another", entering(1, [2]float64{10, 9999}, [2]float64{10, 10}, [2]float64{10, 10}), 2},
		"the least loaded":     {"50 | 40, then 30 to 40, 30 to 50, and 30 fits neither, though 50+40 | 30+30+30 would do", entering(1, [2]float64{30, 0}, [2]float64{30, 0}, [2]float64{30, 0}, [2]float64{40, 0}, [2]float64{50, 0}), 3},
		"the largest first":    {"80 | 60, then 30 to 60, 10 to 80", entering(1, [2]float64{10, 0}, [2]float64{30, 0}, [2]float64{60, 0}, [2]float64{80, 0}), 2},
		"holds in between":     {"two at 0.9, and four at 0.4", entering(3, [2]float64{30, 0}, [2]float64{30, 0}, [2]float64{30, 0}, [2]float64{30, 0}), 3},
		"down":                 {"20+20, 20: two at 0.4", entering(3, [2]float64{20, 0}, [2]float64{20, 0}, [2]float64{20, 0}), 2},
		"adds the rebalance's": {"lags 450+450 fit 900, at 0.9 with 90/s once more", entering(1, [2]float64{30, 450}, [2]float64{30, 450}, [2]float64{30, 450}), 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBinPack(sim.Knowledge{Mu: 100, Target: 10 * time.Second, Max: 8})
			if got := b.Decide(tc.view); got != tc.want {
				t.Errorf("%d, want %d: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestBinPackRestsAfterAChange(t *testing.T) {
	b := newBinPack(sim.Knowledge{Mu: 100, Target: 10 * time.Second, Max: 8})
	more := func(s int) sim.View {
		v := entering(1, [2]float64{50, 0}, [2]float64{50, 0})
		v.Now = time.Duration(s) * time.Second
		return v
	}
	for _, step := range []struct {
		second int
		want   int32
	}{{60, 2}, {70, 1}, {71, 2}} {
		if got := b.Decide(more(step.second)); got != step.want {
			t.Errorf("%d s: %d, want %d", step.second, got, step.want)
		}
	}
}

func TestEntrantsAreAllDifferentAndDecide(t *testing.T) {
	if n := len(KEDAGrid()); n != 6*2*3 {
		t.Errorf("%d in the grid", n)
	}
	seen := map[string]bool{}
	for _, e := range All() {
		if seen[e.Name] {
			t.Errorf("%q is there twice", e.Name)
		}
		seen[e.Name] = true
		p := e.New(sim.Knowledge{Mu: 100, Target: time.Minute, Partitions: 6, Min: 1, Max: 6, Arrivals: []float64{300}})
		for s := 0; s < 3600; s += 15 {
			if n := p.Decide(flowing(at(s, 3, 100, 6), 300, 300, 1)); n < 1 || n > 6 {
				t.Fatalf("%s: %d after %d s", e.Name, n, s)
			}
		}
	}
	for _, name := range []string{"keda default", "keda t=0.4 even=false window=300s", "keda t=0.05 even=true window=0s behavior"} {
		if !seen[name] {
			t.Errorf("%q is missing", name)
		}
	}
}

func TestDefaultThreshold(t *testing.T) {
	got := KEDADefault().New(sim.Knowledge{Mu: 100, Target: time.Minute, Max: 6}).(*keda).kedaSettings
	if want := (kedaSettings{10, false, none}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTunedThresholdIsAShareOfWhatOneHandlesInTheTarget(t *testing.T) {
	for _, e := range KEDAGrid() {
		if e.Name == "keda t=0.4 even=true window=300s behavior" {
			got := e.New(sim.Knowledge{Mu: 100, Target: time.Minute, Max: 6}).(*keda).kedaSettings
			if want := (kedaSettings{2400, true, slow}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	}
}

func TestCeilIsACount(t *testing.T) {
	for x, want := range map[float64]int32{-5: 0, 0: 0, 2: 2, 2.1: 3, math.Inf(1): math.MaxInt32, math.Inf(-1): 0, math.NaN(): 0} {
		if got := ceil(x); got != want {
			t.Errorf("%g: %d, want %d", x, got, want)
		}
	}
}

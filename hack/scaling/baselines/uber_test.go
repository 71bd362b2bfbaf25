package baselines

import (
	"testing"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// demand is arrivals in workers, over time.
func demand(of func(seconds int) float64) func(int, int32) sim.View {
	return func(s int, n int32) sim.View { return flowing(at(s, n, 0, 40), 100*of(s), 0, 0) }
}

func uberOf100() sim.Policy { return newUber(sim.Knowledge{Mu: 100, Partitions: 40, Max: 40}) }

func TestUberScalesUpByTheMedianOfFiveMinutes(t *testing.T) {
	// A window of more than 300 s ends with the 22nd sample. 6 of 4 workers is a factor
	// of 1.5; 20 is cut to 8, the factor 2, and to 16 and 20 after as long again.
	for of, want := range map[float64][]int32{6: {4, 6}, 20: {4, 8, 16, 20}, 4.5: {4}} {
		asked := play(uberOf100(), 4, demand(func(int) float64 { return of }), 70)
		same(t, "counts", changes(asked), want)
		if asked[20] != 4 {
			t.Errorf("%d after 300 s", asked[20])
		}
	}
}

func TestUberLeavesASmallSurplus(t *testing.T) {
	same(t, "a factor of 0.9", changes(play(uberOf100(), 10, demand(func(int) float64 { return 9 }), 100)), []int32{10})
}

func TestUberHasNoEyeForASpike(t *testing.T) {
	spike := demand(func(s int) float64 {
		if s%300 < 120 {
			return 30
		}
		return 4
	})
	same(t, "two of five minutes are the less", changes(play(uberOf100(), 4, spike, 200)), []int32{4})
}

func TestUberScalesDownFastWhileItCalibratesAndThenByADay(t *testing.T) {
	// 8 halve to 4 and to 2, a window each. The window after 1800 s accepts 3 workers,
	// which ends calibration: a demand of 1 is waited out for 24 hours.
	of := func(s int) float64 {
		switch {
		case s < 1600:
			return 2
		case s < 2400:
			return 3
		}
		return 1
	}
	asked := play(uberOf100(), 8, demand(of), 4*60*24+300)
	same(t, "counts", changes(asked), []int32{8, 4, 2, 3, 2})
	down := 0
	for i, n := range asked {
		if n == 3 {
			down = i + 1
		}
	}
	if hours := float64(down) / 240; hours < 24 || hours > 25 {
		t.Errorf("down from 3 after %.2f hours", hours)
	}
}

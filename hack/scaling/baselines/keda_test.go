package baselines

import (
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

var (
	none   = behavior{}
	slow   = behavior{set: true, window: 5 * time.Minute}
	atOnce = behavior{set: true}
)

func kedaOf(threshold int64, even bool, b behavior) *keda {
	return newKEDA(sim.Knowledge{Min: 1, Max: 100}, kedaSettings{threshold, even, b})
}

func TestFirstDecisionOfKEDA(t *testing.T) {
	cases := map[string]struct {
		reason     string
		threshold  int64
		even       bool
		b          behavior
		partitions int
		from       int32
		lag        int64
		want       int32
	}{
		"one more than partitions from 3":  {"26/5 is 5, not above 5: not clamped; ceil(5.2)", 5, false, none, 5, 3, 26, 6},
		"one more than partitions from 4":  {"ceil(29/5)", 5, false, none, 5, 4, 29, 6},
		"one more than partitions, held":   {"27/25 is within 0.1", 5, false, none, 5, 5, 27, 5},
		"one more than partitions from 5":  {"28/25 is 1.12", 5, false, none, 5, 5, 28, 6},
		"clamped to partitions":            {"30/5 is above 5", 5, false, none, 5, 3, 30, 5},
		"ratio 1.1 is within":              {"110/100", 10, false, atOnce, 100, 10, 110, 10},
		"above 1.1":                        {"ceil(11.1)", 10, false, atOnce, 100, 10, 111, 12},
		"ratio 0.9 is within":              {"90/100", 10, false, atOnce, 100, 10, 90, 10},
		"below 0.9":                        {"ceil(8.9)", 10, false, atOnce, 100, 10, 89, 9},
		"no behavior at most doubles":      {"100 asked for, 2*3", 10, false, none, 100, 3, 1000, 6},
		"no behavior goes to 4":            {"max(2*1, 4)", 10, false, none, 100, 1, 1000, 4},
		"behavior adds 4":                  {"max(1+4, 2*1)", 10, false, slow, 100, 1, 1000, 5},
		"behavior doubles":                 {"max(10+4, 2*10)", 10, false, slow, 100, 10, 1000, 20},
		"the maximum":                      {"2*64 is above 100", 10, false, none, 200, 64, 2000, 100},
		"no lag, no window":                {"0, and the minimum is 1", 10, false, atOnce, 12, 8, 0, 1},
		"negative lag is none":             {"-5 becomes 0", 10, false, atOnce, 12, 8, -5, 1},
		"no lag, window":                   {"8 is recorded first", 10, false, slow, 12, 8, 0, 8},
		"even takes a divisor of 12":       {"4.5 thresholds: 6, but at most 4 more", 10, true, atOnce, 12, 1, 45, 5},
		"even takes a divisor of 12, down": {"4.5 thresholds: 6", 10, true, atOnce, 12, 12, 45, 6},
		"even takes all for 7 of 12":       {"6.1 thresholds: 12", 10, true, atOnce, 12, 10, 61, 12},
		"even and a prime, all":            {"1.1 thresholds of 7: 7", 10, true, atOnce, 7, 4, 11, 7},
		"even and a prime, one":            {"1 threshold of 7: 1", 10, true, atOnce, 7, 4, 10, 1},
		"above the maximum":                {"whatever the lag", 10, false, atOnce, 200, 120, 0, 100},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := kedaOf(tc.threshold, tc.even, tc.b).Decide(at(0, tc.from, tc.lag, tc.partitions)); got != tc.want {
				t.Errorf("%d, want %d: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// Any count from partitions/1.1 on is within the tolerance of all partitions.
func TestSlowlyRisingLagStopsShortOfThePartitions(t *testing.T) {
	for partitions, want := range map[int]int32{24: 23, 64: 62} {
		k := kedaOf(100, false, none)
		asked := play(k, 1, func(s int, n int32) sim.View { return at(s, n, int64(s/15), partitions) }, 100*partitions*2)
		if got := asked[len(asked)-1]; got != want {
			t.Errorf("%d of %d, want %d", got, partitions, want)
		}
		if most := slices.Max(asked); most != want {
			t.Errorf("%d of %d in between, want %d", most, partitions, want)
		}
	}
}

// once is a lag of 100 thresholds at the first sync and none later.
func once(seconds int, replicas int32) sim.View {
	if seconds == 0 {
		return at(seconds, replicas, 1000, 100)
	}
	return at(seconds, replicas, 0, 100)
}

func TestOneBadSample(t *testing.T) {
	cases := map[string]struct {
		b behavior
		// want are the counts, and back when it is at 1 again: after 300 s inclusive
		// without a behavior, exclusive with one.
		want []int32
		back int
	}{
		"no behavior chases it for 300 s": {none, []int32{4, 8, 16, 32, 64, 100, 1}, 315},
		"behavior":                        {slow, []int32{5, 1}, 300},
		"behavior without a window":       {atOnce, []int32{5, 1}, 15},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			asked := play(kedaOf(10, false, tc.b), 1, once, 30)
			same(t, "counts", changes(asked), tc.want)
			if got := 15 * slices.Index(asked, 1); got != tc.back {
				t.Errorf("back at 1 after %d s, want %d", got, tc.back)
			}
		})
	}
}

func TestScaleDownGoesToTheHighestOfTheWindow(t *testing.T) {
	lags := []int64{80, 80, 50, 30, 60, 10}
	cases := map[behavior]struct {
		counts []int32
		// six and one are when it is at them: 8 was last recommended after 15 s, 6 after 60 s.
		six, one int
	}{
		none:   {[]int32{8, 6, 1}, 330, 375},
		slow:   {[]int32{8, 6, 1}, 315, 360},
		atOnce: {[]int32{8, 5, 3, 6, 1}, 60, 75},
	}
	for b, want := range cases {
		asked := play(kedaOf(10, false, b), 8, func(s int, n int32) sim.View { return at(s, n, lags[min(s/15, 5)], 12) }, 30)
		same(t, b.String(), changes(asked), want.counts)
		if six, one := 15*slices.Index(asked, 6), 15*slices.Index(asked, 1); six != want.six || one != want.one {
			t.Errorf("%s: at 6 after %d s and at 1 after %d s, want %d and %d", b, six, one, want.six, want.one)
		}
	}
}

func TestTheHPASyncsEvery15Seconds(t *testing.T) {
	k := kedaOf(10, false, none)
	k.Decide(at(0, 2, 20, 12))
	for _, s := range []int{5, 10} {
		if got := k.Decide(at(s, 2, 120, 12)); got != 2 {
			t.Errorf("%d after %d s", got, s)
		}
	}
	if got := k.Decide(at(15, 2, 120, 12)); got != 4 {
		t.Errorf("%d after 15 s, want 4", got)
	}
}

func TestPodsThatAreNotReadyCountInTheRatio(t *testing.T) {
	v := at(0, 4, 42, 12)
	v.Ready = 1
	if got := kedaOf(10, false, none).Decide(v); got != 4 {
		t.Errorf("%d, want 4: 42/40 is within", got)
	}
}

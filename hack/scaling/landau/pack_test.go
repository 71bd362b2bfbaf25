package landau

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPacking(t *testing.T) {
	const n = nobody
	cases := map[string]struct {
		reason         string
		pack           algorithm
		speeds, before []int
		want           []int
		rscore         float64
	}{
		"BFD": {
			"60 and 50 have room for 30, and 60 is the fuller", decreasing(bestFit),
			[]int{60, 50, 30}, []int{n, n, n}, []int{0, 1, 0}, 0,
		},
		"WFD": {
			"60 and 50 have room for 30, and 50 is the emptier", decreasing(worstFit),
			[]int{60, 50, 30}, []int{n, n, n}, []int{0, 1, 1}, 0,
		},
		"a new consumer is the partition's own": {
			"70 opens 3, 60 opens 1, 20 fits with 70: it moved from 1", decreasing(bestFit),
			[]int{60, 70, 20, 1}, []int{1, 3, 1, 3}, []int{1, 3, 3, 3}, 0.2,
		},
		"its own consumer is taken: the lowest free one": {
			"70 opens 2, which 60 was of as well", decreasing(bestFit),
			[]int{60, 70, 1}, []int{2, 2, 2}, []int{0, 2, 2}, 0.6,
		},
		"NFD never looks back": {
			"60 is in 0, 50 opens 1, 45 fits, 30 opens 2", nextFitDecreasing,
			[]int{60, 50, 30, 45}, []int{n, n, n, n}, []int{0, 1, 2, 1}, 0,
		},
		"NFD begins with 0": {
			"70 was of 1 and is in 0; 60 opens 1", nextFitDecreasing,
			[]int{60, 70, 0}, []int{1, 1, 0}, []int{1, 0, 1}, 0.7,
		},
		"MWF moves nobody while all fits and nothing can be joined": {
			"90 and 80: the 20 of 1 doesn't fit into 90", modified(worstFit, totalSpeed),
			[]int{50, 40, 60, 20}, []int{0, 0, 1, 1}, []int{0, 0, 1, 1}, 0,
		},
		"MWF empties a light consumer": {
			"60 is kept by 0; 1's 10 and 20 both fit there, so 1 goes", modified(worstFit, totalSpeed),
			[]int{60, 20, 10}, []int{0, 1, 1}, []int{0, 0, 0}, 0.3,
		},
		"MWF keeps the fastest of a consumer that is too full": {
			"0 has 130: 70 stays, 40 doesn't fit, and 20 is left over with it; 1 keeps 60 and gets 40; 20 goes to 0",
			modified(worstFit, totalSpeed),
			[]int{70, 40, 20, 60}, []int{0, 0, 0, 1}, []int{0, 1, 0, 1}, 0.4,
		},
		"MBFP begins with the consumer of the fastest partition": {
			"1 has the 80 and is first, though 0 has 90; 0's 10 fits there", modified(bestFit, fastestSpeed),
			[]int{40, 40, 10, 80}, []int{0, 0, 0, 1}, []int{0, 0, 1, 1}, 0.1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := &group{owner: tc.before}
			after := tc.pack(before, tc.speeds)
			if d := cmp.Diff(tc.want, after.owner); d != "" {
				t.Errorf("%s: owners -want +got:\n%s", tc.reason, d)
			}
			if got := rscore(before, after, tc.speeds); got != tc.rscore {
				t.Errorf("%s: Rscore %v, want %v", tc.reason, got, tc.rscore)
			}
		})
	}
}

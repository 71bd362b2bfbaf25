package baselines

import (
	"testing"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

func toZero() sim.Policy {
	return newKEDA(sim.Knowledge{Min: 0, Max: 12}, kedaSettings{threshold: 10})
}

// lagBetween has a lag of 35 from one second to before another.
func lagBetween(from, to int) func(int, int32) sim.View {
	return func(s int, n int32) sim.View {
		if s >= from && s < to {
			return at(s, n, 35, 12)
		}
		return at(s, n, 0, 12)
	}
}

func TestKEDAWakesOneAndTheHPAGoesOn(t *testing.T) {
	// Polls are at 0, 30, 60: a lag at 45 s wakes one at 60 s, and the HPA sees that at
	// 75 s. The last sync with lag is at 90 s: the HPA goes to 1 at 405 s. The last poll
	// with lag is at 90 s as well: more than 300 s later, at 420 s, none is left.
	asked := play(toZero(), 0, lagBetween(45, 105), 32)
	same(t, "until 90 s", asked[:7], []int32{0, 0, 0, 0, 1, 4, 4})
	same(t, "counts", changes(asked), []int32{0, 1, 4, 1, 0})
	same(t, "390 to 420 s", asked[26:29], []int32{4, 1, 0})
}

func TestKEDAStopsAtOnceWhatNeverHadLag(t *testing.T) {
	same(t, "counts", play(toZero(), 3, lagBetween(0, 0), 3), []int32{0, 0, 0})
}

func TestKEDAWithAMinimumNeverStopsAll(t *testing.T) {
	asked := play(newKEDA(sim.Knowledge{Min: 1, Max: 12}, kedaSettings{threshold: 10}), 2, lagBetween(0, 0), 60)
	same(t, "counts", changes(asked), []int32{2, 1})
}

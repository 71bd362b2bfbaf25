package landau

import "math/rand/v2"

// The walk as it was published: two topics of 100 partitions, 500 measurements after
// the first one.
const (
	capacity     = 100
	partitions   = 200
	measurements = 501
)

// walk is the speed of each partition at each measurement: uniform from 0 to the
// capacity at first, then a whole number of percent from -delta to delta more, never
// below 0 nor above the capacity.
//
// Papers and thesis leave open what happens at the ends. The authors' generator cuts
// there: make_sequence.py of github.com/landaudiogo/kafka-consumer-group-autoscaler,
// branch controller-approximation-tests.
func walk(random *rand.Rand, delta int) [][]int {
	all := make([][]int, measurements)
	for i := range all {
		all[i] = make([]int, partitions)
		for p := range partitions {
			if i == 0 {
				all[i][p] = random.IntN(capacity + 1)
				continue
			}
			step := random.IntN(2*delta+1) - delta
			all[i][p] = min(max(all[i-1][p]+step, 0), capacity)
		}
	}
	return all
}

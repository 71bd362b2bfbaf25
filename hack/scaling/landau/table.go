package landau

import "math/rand/v2"

// Row is what an algorithm came to on one walk.
type Row struct {
	// Delta is the most that a speed changes at once, in percent of the capacity.
	Delta     int
	Algorithm string
	// CBS is the cardinal bin score: how many consumers more than the fewest of all
	// algorithms it took, as a share, in the mean. Rscore is in consumers.
	CBS, Rscore, Consumers float64
}

var (
	deltas     = []int{5, 10, 15, 20, 25}
	algorithms = []struct {
		name string
		pack algorithm
	}{
		{"BFD", decreasing(bestFit)},
		{"MWF", modified(worstFit, totalSpeed)},
		{"MBFP", modified(bestFit, fastestSpeed)},
		{"WFD", decreasing(worstFit)},
		{"NFD", nextFitDecreasing},
	}
)

// Rows are all algorithms on one walk for each delta. Equal seeds give equal rows.
func Rows(seed uint64) []Row {
	var rows []Row
	for _, delta := range deltas {
		rows = append(rows, compare(delta, walk(rand.New(rand.NewPCG(seed, uint64(delta))), delta))...)
	}
	return rows
}

// compare runs all algorithms over the same walk.
func compare(delta int, speeds [][]int) []Row {
	rows, counts := make([]Row, len(algorithms)), make([][]int, len(algorithms))
	for a, algorithm := range algorithms {
		rows[a] = Row{Delta: delta, Algorithm: algorithm.name}
		rows[a].Rscore, counts[a] = run(algorithm.pack, speeds)
	}
	n := float64(len(speeds))
	for i := range speeds {
		fewest := counts[0][i]
		for a := range counts {
			fewest = min(fewest, counts[a][i])
		}
		for a := range counts {
			rows[a].CBS += float64(counts[a][i]-fewest) / float64(fewest) / n
			rows[a].Consumers += float64(counts[a][i]) / n
		}
	}
	return rows
}

// run packs at each measurement: the mean Rscore, and how many consumers each took.
func run(pack algorithm, speeds [][]int) (meanRscore float64, consumers []int) {
	now := newGroup(partitions)
	for _, s := range speeds {
		next := pack(now, s)
		meanRscore += rscore(now, next, s) / float64(len(speeds))
		consumers = append(consumers, next.consumers())
		now = next
	}
	return meanRscore, consumers
}

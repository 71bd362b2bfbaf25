package target

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// waiting is the lag of each partition at the looks of the last minute or so.
type waiting []lagsAt

type lagsAt struct {
	at   time.Time
	lags []int64
}

// take takes in a look, and forgets those that are older than rates are means of.
func (w waiting) take(partitions []Partition, now time.Time) waiting {
	first := 0
	for first < len(w) && now.Sub(w[first].at) > rateSpan {
		first++
	}
	lags := make([]int64, len(partitions))
	for i := range partitions {
		lags[i] = partitions[i].Lag
	}
	return append(w[first:len(w):len(w)], lagsAt{now, lags})
}

// least is the least that waited for each member at any of the looks.
func (w waiting) least(o Observation) []int64 {
	least := make([]int64, o.members())
	for n, look := range w {
		sums := make([]int64, len(least))
		for i := range look.lags {
			if owner := o.Partitions[i].Owner; owner != layout.Nobody {
				sums[owner] += look.lags[i]
			}
		}
		for m := range least {
			if n == 0 || sums[m] < least[m] {
				least[m] = sums[m]
			}
		}
	}
	return least
}

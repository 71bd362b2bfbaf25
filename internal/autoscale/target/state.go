package target

import (
	"hash/fnv"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// State is what a demand remembers, a few KB; the zero value is right after a restart.
// It is one line of decisions: only the newest may be given to Decide.
type State struct {
	began    time.Time
	last     time.Time
	topics   uint64
	arrivals arrivals
	errors   forecastErrors
	capacity capacity
	reaction reaction
	changes  changes
	effect   effect
	// slow are the partitions' rates, smoothed over slowRates.
	slow []float64
}

// slowRates is the time over which a partition's share of the arrivals is smoothed.
const slowRates = 5 * time.Minute

// observe takes in what is seen now, whether a demand is used or not.
func (s State) observe(c Config, o Observation, now time.Time) State {
	if now.Before(s.last) {
		s = State{} // the clock went back: nothing that is remembered means anything
	}
	step := now.Sub(s.last)
	if s.last.IsZero() {
		s.began, step = now, 0
	}
	s.last = now
	if topics := o.Topics + uint64(len(o.Partitions)); topics != s.topics { // what was there of others tells nothing
		s.topics, s.arrivals, s.errors.open, s.slow = topics, arrivals{}, nil, nil
	}
	s.slow = smoothed(s.slow, o.Partitions, step)
	s.arrivals = s.arrivals.take(totalEnd(o.Partitions), now)
	s.capacity = s.capacity.take(c, o, now)
	s.reaction = s.reaction.take(o, step, now)
	s.changes = s.changes.take(o, now)
	s.effect = s.effect.take(c, o, s.capacity, now)
	return s
}

// smoothed are the partitions' rates over slowRates; a new partition begins with its own.
func smoothed(before []float64, partitions []Partition, step time.Duration) []float64 {
	after := make([]float64, len(partitions))
	keep := 1 - min(1, step.Seconds()/slowRates.Seconds())
	for i := range partitions {
		rate := partitions[i].Produced
		switch {
		case i >= len(before):
			after[i] = rate
		case !partitions[i].Rates:
			after[i] = before[i]
		default:
			after[i] = before[i]*keep + rate*(1-keep)
		}
	}
	return after
}

func totalEnd(partitions []Partition) int64 {
	var total int64
	for i := range partitions {
		total += partitions[i].End
	}
	return total
}

// ownersOf is one number for who has what with whom, whatever the members are called.
func ownersOf(partitions []Partition) uint64 {
	h, names := fnv.New64a(), map[int]uint16{}
	for i := range partitions {
		owner := partitions[i].Owner
		name, known := names[owner]
		if !known {
			name = uint16(len(names))
			names[owner] = name
		}
		if owner == layout.Nobody {
			name = nobody
		}
		_, _ = h.Write([]byte{byte(name), byte(name >> 8)}) // never fails
	}
	return h.Sum64()
}

const nobody = 1<<16 - 1

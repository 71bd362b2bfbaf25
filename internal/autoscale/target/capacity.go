package target

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// capacity is how many messages a second one worker handles, as it shows in members
// that have more to do than they can.
type capacity struct {
	owners uint64
	since  time.Time // the owners have been these
	full   []fullRate
	// most is what any member has handled, lately what one has within freshRates, at latelyAt.
	most, lately float64
	latelyAt     time.Time
	// waiting is what waited over the last minute, while the owners were these.
	waiting waiting
}

type fullRate struct {
	at        time.Time
	perSecond float64
}

const (
	// rateSpan is how long members must have had their partitions: rates are means of a minute.
	rateSpan = 75 * time.Second
	// maxRates are kept, and those of the last freshRates are taken if there are some:
	// what is downstream may have become slower.
	maxRates   = 60
	freshRates = 10 * time.Minute
	fewRates   = 3
)

// take takes in what the members handle.
func (k capacity) take(c Config, o Observation, now time.Time) capacity {
	if owners := ownersOf(o.Partitions); owners != k.owners || !o.Steady {
		k.owners, k.since, k.waiting = owners, now, nil
	}
	k.waiting = k.waiting.take(o.Partitions, now)
	if !o.Steady || now.Sub(k.since) < rateSpan {
		return k
	}
	waited := k.waiting.least(o)
	for i, m := range loadsOf(o) {
		k.most = max(k.most, m.consumed)
		if m.consumed >= k.lately || now.Sub(k.latelyAt) > freshRates {
			k.lately, k.latelyAt = m.consumed, now
		}
		if m.full(waited[i], c.CommitInterval) {
			k.full = append(k.full[max(0, len(k.full)-maxRates+1):len(k.full):len(k.full)], fullRate{now, m.consumed})
		}
	}
	return k
}

// load is what one member has to do.
type load struct {
	produced, consumed float64
	known              bool
}

// full: all the time as much waited as lies between two commits and more, so that what
// it handled is what it can.
func (l load) full(waited int64, commitInterval time.Duration) bool {
	return l.known && l.consumed > 0 && float64(waited) > max(l.consumed, l.produced)*(2*commitInterval.Seconds()+1)
}

func loadsOf(o Observation) []load {
	loads := make([]load, o.members())
	for i := range loads {
		loads[i].known = true
	}
	for i := range o.Partitions {
		p := &o.Partitions[i]
		if p.Owner == layout.Nobody {
			continue
		}
		l := &loads[p.Owner]
		l.produced, l.consumed, l.known = l.produced+p.Produced, l.consumed+p.Consumed, l.known && p.Rates
	}
	return loads
}

// unknown is by how much more than any member has handled one is expected to, while
// none was busy all the time.
const unknown = 1.25

// perReplica is what one worker handles, 0 while nothing tells; sure is false where it
// may be more. What was learned long ago is no less than what a member handled since.
func (k capacity) perReplica(hint float64, now time.Time) (perSecond float64, sure bool) {
	var fresh, all []float64
	for _, r := range k.full {
		all = append(all, r.perSecond)
		if now.Sub(r.at) < freshRates {
			fresh = append(fresh, r.perSecond)
		}
	}
	switch {
	case len(fresh) >= fewRates:
		return quantile(fresh, 0.5), true
	case len(all) >= fewRates:
		return max(quantile(all, 0.5), k.lately), true
	case hint > 0 && hint >= k.most:
		return hint, true
	}
	return unknown * k.most, false
}

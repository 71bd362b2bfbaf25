package lag

import "time"

// Rate is a mean over the samples of the last minute or so.
type Rate struct {
	// PerSecond is in offsets a second, never negative.
	PerSecond float64
	// Known is false with fewer than two samples some seconds apart; then
	// PerSecond is 0 and means nothing.
	Known bool
}

// rateOf is the mean growth over a span, which is above 0.
func rateOf(grown uint64, span time.Duration) Rate {
	return Rate{PerSecond: float64(grown) / span.Seconds(), Known: true}
}

// plus is known only if both are: a sum with a hole is no sum.
func (r Rate) plus(other Rate) Rate {
	if !r.Known || !other.Known {
		return Rate{}
	}
	return Rate{PerSecond: r.PerSecond + other.PerSecond, Known: true}
}

// Rates are the group's sums over all partitions, unknown while any partition's is.
func (g Group) Rates() (produced, consumed Rate) {
	known := len(g.Topics) > 0 && g.unlisted() == 0
	produced, consumed = Rate{Known: known}, Rate{Known: known}
	g.partitions(func(p *Partition) {
		produced, consumed = produced.plus(p.Produced), consumed.plus(p.Consumed)
	})
	return produced, consumed
}

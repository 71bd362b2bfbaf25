package target

import "time"

// effect is whether more workers have handled more. Where they have not, what holds
// the group up is elsewhere: a database, a quota, one lock.
type effect struct {
	// asked and consumed are the workers before the last time that more were asked
	// for, and what they handled then; from is 0 when that has been judged.
	asked, from, to int32
	consumed        float64
	// settled is since when the workers asked for have been ready and the group stable.
	settled time.Time
	// back is the count to go back to, 0 for none.
	back int32
	// until is how long none are added, after failed trials in a row.
	until  time.Time
	failed int
}

const (
	// leastEffect is the part of the expected gain that must have come. Flink's
	// autoscaler takes as much (scaling.effectiveness.threshold, 0.1).
	leastEffect = 0.1
	// judgedAfter is how long the workers must have been at work: rates are means of a minute.
	judgedAfter = rateSpan + time.Minute
	// triedAgainAfter doubles with each trial that fails, up to triedAtLeast.
	triedAgainAfter, triedAtLeast = 10 * time.Minute, 2 * time.Hour
)

// take takes in a change of the count, and judges the last one when it is time. k tells
// since when the members have had their partitions: rates are means of a minute.
func (e effect) take(c Config, o Observation, k capacity, now time.Time) effect {
	consumed, full := handled(c, o, k.waiting)
	if o.Replicas != e.asked {
		e.from, e.back = 0, 0
		if e.asked > 0 && o.Replicas > e.asked && consumed > 0 && now.Sub(k.since) >= rateSpan {
			e.from, e.to, e.consumed, e.settled = e.asked, o.Replicas, consumed, time.Time{}
		}
	}
	e.asked = o.Replicas
	if e.from == 0 {
		return e
	}
	switch {
	case !o.Steady || o.Ready < o.Replicas || o.members() < int(o.Replicas):
		e.settled = time.Time{}
	case e.settled.IsZero():
		e.settled = now
	case now.Sub(e.settled) >= judgedAfter:
		return e.judge(consumed, full, now)
	}
	return e
}

// judge: without a backlog that keeps all members busy nothing can be told.
func (e effect) judge(consumed float64, full bool, now time.Time) effect {
	expected := e.consumed * float64(e.to-e.from) / float64(e.from)
	if full && consumed-e.consumed < leastEffect*expected {
		wait := min(triedAgainAfter<<min(e.failed, 8), triedAtLeast)
		e.failed, e.until, e.back = e.failed+1, now.Add(wait), e.from
	} else {
		e.failed, e.until = 0, time.Time{}
	}
	e.from = 0
	return e
}

// forbids: more workers have not handled more, and it is too early to try again.
func (e effect) forbids(now time.Time) bool { return now.Before(e.until) }

// handled is what all members handle, and whether all of them have more to do.
func handled(c Config, o Observation, waited waiting) (consumed float64, full bool) {
	full = true
	least := waited.least(o)
	for i, m := range loadsOf(o) {
		consumed += m.consumed
		full = full && m.full(least[i], c.CommitInterval)
	}
	return consumed, full
}

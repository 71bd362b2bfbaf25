package lag

import (
	"cmp"
	"slices"
)

// Health is the verdict on one partition over a window of samples, or the worst
// of a group's partitions.
type Health string

// The verdicts.
const (
	// HealthUnknown is said of unknown lag, and without a History.
	HealthUnknown Health = ""
	// HealthOK is caught up, or working. It is also the verdict before enough was
	// seen for another one.
	HealthOK Health = "OK"
	// HealthSlow is a partition whose commits move, and that no commit brought
	// nearer to its end through the whole window.
	HealthSlow Health = "Slow"
	// HealthRewound is a commit that went back and has not yet reached where it was.
	HealthRewound Health = "Rewound"
	// HealthStalled is a partition that a member has: there was lag through the
	// whole window, and the commit did not move.
	HealthStalled Health = "Stalled"
	// HealthStopped is the same of a partition that no member has. A group with
	// lag and no workers is Stopped, also where that is wanted.
	HealthStopped Health = "Stopped"
)

// verdict is a Health in one byte, the better the lower. Unknown is worse than
// OK, since it may be anything, and better than what is known to be bad.
type verdict uint8

const (
	verdictOK verdict = iota
	verdictUnknown
	verdictSlow
	verdictRewound
	verdictStalled
	verdictStopped
)

var bySeverity = []Health{
	verdictOK: HealthOK, verdictUnknown: HealthUnknown, verdictSlow: HealthSlow,
	verdictRewound: HealthRewound, verdictStalled: HealthStalled, verdictStopped: HealthStopped,
}

func (h Health) severity() verdict { return verdict(slices.Index(bySeverity, h)) }

// Stuck tells whether the commit stands still with work behind it: Stopped or
// Stalled. Rewound is not: its commits move, be it through a replay on purpose.
func (h Health) Stuck() bool { return h.severity() >= verdictStalled }

// judge gives the record its verdict, by the first rule that holds.
func (r *record) judge(l *look, now *current) {
	verdict := r.byRules(l, now)
	if verdict != r.verdict {
		r.verdict, r.since, l.changed = verdict, l.now, true
	}
}

// byRules is Burrow's idea, rules over a window, with what Burrow can't know:
// which member has the partition, and whether there is a record left to read.
// Unknown lag comes before all rules: it leaves the record as it was.
func (r *record) byRules(l *look, now *current) verdict {
	switch {
	case now.messages == 0: // 1: nothing to do; a residue without records is nothing
		return verdictOK
	case !l.steady: // 2: partitions change hands, or nobody knows whose they are: no new verdict
		return r.verdict
	case r.unowned.full(l.window): // 3, void once a member has it
		return verdictStopped
	case r.owned.full(l.window): // 4
		return verdictStalled
	case r.rewound >= twice: // 5
		return verdictRewound
	case r.moved && r.growing.full(l.window) && r.grows(l): // 6
		return verdictSlow
	default: // 7: working, or too little seen
		return verdictOK
	}
}

// grows tells whether more was produced than consumed since the oldest slot.
func (r *record) grows(l *look) bool {
	produced, consumed := r.rates(l.slots)
	return produced.PerSecond > consumed.PerSecond
}

// Health is the worst verdict over the partitions.
func (g Group) Health() Health {
	worst := verdictOK
	if len(g.Topics) == 0 || g.unlisted() > 0 {
		worst = verdictUnknown
	}
	g.partitions(func(p *Partition) { worst = max(worst, p.Health.severity()) })
	return bySeverity[worst]
}

// Stuck are the partitions that are Stopped or Stalled, in this order, and those
// with the most lag first.
func (g Group) Stuck() []Partition {
	stuck := g.where(func(p *Partition) bool { return p.Health.Stuck() })
	slices.SortFunc(stuck, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(b.Health.severity(), a.Health.severity()), byMessages(a, b))
	})
	return stuck
}

package target

import "time"

// outlook is what a decision is made by.
type outlook struct {
	s          State
	c          Config
	o          Observation
	now        time.Time
	perReplica float64
	sure       bool
	reaction   float64
	// limit is how old a message may get.
	limit float64
	// most is what is planned for, over all partitions.
	most float64
	// present is the group under what is planned for on the way up, with who pauses;
	// fewer under what is on the way down, expected under what is likely.
	present         crew
	pausing         []bool
	fewer, expected []float64
}

func (s State) outlook(c Config, o Observation, rate float64, now time.Time) outlook {
	risk := c.Risk
	if risk <= 0 || risk >= 1 {
		risk = DefaultRisk
	}
	v := outlook{s: s, c: c, o: o, now: now, reaction: s.reaction.horizon().Seconds(), limit: planned * c.Target.Seconds()}
	if c.Prefer == Freshness {
		v.limit *= fresher
	}
	v.perReplica, v.sure = s.capacity.perReplica(c.Hint, now)
	shares := s.shares(o)
	v.most = s.errors.bound(rate, 1-risk, firstUp)
	v.fewer = scaled(shares, s.errors.bound(rate, 1-risk/2, firstDown))
	long, _ := s.arrivals.rate(slowRates)
	now60, _ := s.arrivals.current()
	v.expected = scaled(shares, max(min(long, 1.5*now60), rate))
	v.present = foreseen(c, o, scaled(shares, v.most), v.perReplica, s.reaction.pause())
	v.present.curve = s.arrivals.curve()
	v.markHot()
	if workers := int(o.Replicas) + o.Foreign; o.members() != workers && o.Replicas > 0 {
		v.present, v.pausing = v.present.after(s.reaction.coming(now).Seconds(), nil).dealt(workers)
	}
	return v
}

// shares are the partitions' parts of what arrives: half by the last minute, half by the
// last minutes.
func (s State) shares(o Observation) []float64 {
	shares, fast, slow := make([]float64, len(s.slow)), 0.0, 0.0
	for i := range s.slow {
		fast, slow = fast+o.Partitions[i].Produced, slow+s.slow[i]
	}
	for i := range shares {
		even := 1 / float64(len(shares))
		a, b := even, even
		if fast > 0 {
			a = o.Partitions[i].Produced / fast
		}
		if slow > 0 {
			b = s.slow[i] / slow
		}
		shares[i] = (a + b) / 2
	}
	return shares
}

func scaled(shares []float64, total float64) []float64 {
	all := make([]float64, len(shares))
	for i, share := range shares {
		all[i] = share * total
	}
	return all
}

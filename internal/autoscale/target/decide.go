package target

import (
	"slices"
	"time"
)

const (
	// planned is the share of the target that is planned to be used.
	planned = 0.8
	// fresher is the share of that where no backlog is to stand.
	fresher = 0.5
	// settled is how long more workers work until they are looked at.
	settled = 120.0
	// firstUp and firstDown are by how much more may arrive than is forecast while no
	// forecast's time is over.
	firstUp, firstDown = 1.2, 1.5
)

// Decide says how many workers hold the target now, and why: as few as do. It is
// asked at each sample, also while what it says is not used.
//
// More are asked for as late as can be: when with as many as there are, and with as
// many as there can be after the time that those need, some message would get too old.
// Fewer are asked for when they hold the target as well, and are expected to for a while.
func Decide(c Config, s State, o Observation, now time.Time) (State, Demand) {
	o = o.clean()
	s = s.observe(c, o, now)
	d := Demand{Replicas: o.Replicas, Reason: Learning, Hot: -1, Reaction: s.reaction.horizon()}
	rate, known := s.arrivals.forecast(d.Reaction)
	if !known || len(c.Counts) == 0 {
		return s, d
	}
	s.errors = s.errors.take(rate, d.Reaction, s.arrivals.points[len(s.arrivals.points)-1])
	v := s.outlook(c, o, rate, now)
	d.Arriving, d.Bound, d.PerReplica = rate, v.most, v.perReplica
	if v.perReplica <= 0 {
		d.Replicas, d.Reason = v.unasked()
		return s, d
	}
	d.Oldest = seconds(v.present.after(d.Reaction.Seconds(), v.pausing).oldestOfAll())
	d.Hot = slices.Index(v.present.hot, true)
	d.Replicas, d.Reason = v.wanted()
	return s, d
}

func (v outlook) wanted() (int32, Reason) {
	if back := v.s.effect.back; back > 0 && v.o.Steady && v.s.effect.forbids(v.now) {
		return back, Ineffective
	}
	if !v.holds(v.present, v.pausing, v.present.arriving, v.reaction, 1) {
		if v.s.effect.forbids(v.now) {
			return v.o.Replicas, Ineffective
		}
		if n := v.more(); n > v.o.Replicas {
			return n, TooOld
		}
		return v.o.Replicas, Holds
	}
	if !v.mayFall() {
		return v.o.Replicas, Settling
	}
	if n := v.less(); n < v.o.Replicas {
		return n, Fewer
	}
	return v.o.Replicas, Holds
}

// mayFall: the group is at rest, with no worker that ends, known for long enough, and
// was not changed just now.
func (v outlook) mayFall() bool {
	return v.o.Steady && v.o.members() <= int(v.o.Replicas)+v.o.Foreign && v.now.Sub(v.s.began) >= v.c.SeenFor && v.s.changes.mayFall(v.now)
}

// unasked is of a group that has handled nothing while it was seen, so that nobody can
// tell what a worker handles. Where nothing arrives and nothing waits, as few as there
// may be do.
func (v outlook) unasked() (int32, Reason) {
	waits := slices.ContainsFunc(v.o.Partitions, func(p Partition) bool { return p.Lag > 0 })
	if fewest := v.c.Counts[0]; fewest < v.o.Replicas && !waits && v.s.arrivals.quiet(max(v.c.SeenFor, slowRates)) && v.mayFall() {
		return fewest, Fewer
	}
	return v.o.Replicas, Learning
}

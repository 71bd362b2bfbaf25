package sim

import "time"

// eyes is what an observer of the group remembers from tick to tick.
type eyes struct {
	partitions []Partition
	// seen are end offsets and committed offsets at the last ticks of rateWindow, the
	// eldest at tick modulo their number.
	seen []offsets
	tick int
	// served are messages handled since the last tick, power as many as could have been
	// by ready pods if nothing had slowed them.
	served, power float64
}

type offsets struct{ end, committed []float64 }

func newEyes(c Config) eyes {
	e := eyes{
		partitions: make([]Partition, c.Partitions),
		seen:       make([]offsets, max(1, rateWindow/seconds(c.Tick))),
	}
	for i := range e.seen {
		e.seen[i] = offsets{make([]float64, c.Partitions), make([]float64, c.Partitions)}
	}
	return e
}

// view is what a policy sees now. Its partitions are written anew at each tick.
func (s *simulation) view() View {
	s.look()
	v := View{
		Now: time.Duration(s.now) * time.Second, Tick: s.config.Tick,
		Replicas: int32(s.fleet.asked()), Status: int32(s.fleet.asked()), Ready: int32(s.fleet.ready()),
		Steady:     s.joinBy == 0 && s.fleet.draining == 0 && s.group.resumes <= float64(s.now),
		Partitions: s.eyes.partitions,
	}
	// A worker that waits for what it writes to is not busy: in a brown-out CPU falls.
	if s.eyes.power > 0 {
		v.CPU = s.eyes.served / s.eyes.power
	}
	return v
}

// look reads the offsets, and rates off those of a minute ago.
func (s *simulation) look() {
	e, t := &s.eyes, &s.topic
	ago := e.seen[e.tick%len(e.seen)]
	over := float64(len(e.seen) * seconds(s.config.Tick))
	for p := range e.partitions {
		end, committed := t.end[p], t.committed[p].at
		e.partitions[p] = Partition{
			End: int64(end), Committed: int64(committed),
			HeadAge:  time.Duration(t.waited(p, &t.committed[p], s.now) * float64(time.Second)),
			Produced: (end - ago.end[p]) / over, Consumed: (committed - ago.committed[p]) / over,
			Rates: e.tick >= len(e.seen),
			Owner: s.group.owner[p],
		}
		ago.end[p], ago.committed[p] = end, committed
	}
	e.tick++
}

package sim

// meter adds up a run's Result.
type meter struct {
	Result
	target float64
	// ages counts seconds by the eldest message's age, rounded up.
	ages []int
	// violation is how many seconds the present one lasts.
	violation float64
	// late is how many messages were handled after the target.
	late float64
	// oldest is the most since the last tick.
	oldest float64
}

func newMeter(c Config) meter { return meter{target: c.Target.Seconds()} }

// measure takes stock at the end of a second.
func (s *simulation) measure() {
	m := &s.meter
	m.ReplicaSeconds += float64(s.fleet.paid())
	if s.group.resumes > float64(s.now) {
		for p := range s.group.owner {
			m.PausedPartitionSeconds += 1 - s.group.open(p, s.now)
		}
	}
	oldest := 0.0
	for p := range s.topic.age {
		oldest = max(oldest, s.measurePartition(p))
	}
	m.second(oldest)
}

// measurePartition is how old a partition's eldest message is at the end of the second.
// Those that were handled in it had ages from the one at its begin to this one.
func (s *simulation) measurePartition(p int) float64 {
	before, after := s.topic.age[p], s.topic.waited(p, &s.topic.done[p], s.now+1)
	s.topic.age[p] = after
	if before > s.meter.target || after > s.meter.target {
		s.meter.late += s.want[p] * above(before, after, s.meter.target)
	}
	return after
}

// above is which part of the way from one age to another is above a limit.
func above(from, to, limit float64) float64 {
	low, high := min(from, to), max(from, to)
	if low >= limit {
		return 1
	}
	return (high - limit) / (high - low)
}

// second counts a second by the age of the eldest message.
func (m *meter) second(oldest float64) {
	m.MaxAge, m.oldest = max(m.MaxAge, oldest), max(m.oldest, oldest)
	age := int(oldest)
	if float64(age) < oldest {
		age++
	}
	for len(m.ages) <= age {
		m.ages = append(m.ages, 0)
	}
	m.ages[age]++
	if oldest > m.target {
		m.OutOfTarget++
		m.violation++
	} else {
		m.recover()
	}
}

func (m *meter) recover() {
	if m.violation > 0 {
		m.Recoveries = append(m.Recoveries, m.violation)
	}
	m.violation = 0
}

// p99 is the age below which 99 % of the seconds are.
func (m *meter) p99() float64 {
	count := 0
	for age := len(m.ages) - 1; age >= 0; age-- {
		if count += m.ages[age]; float64(count) > m.Seconds/100 {
			return float64(age)
		}
	}
	return 0
}

// result is the run's, at its end.
func (s *simulation) result(arrivals []float64) Result {
	m := &s.meter
	m.recover()
	m.Seconds = float64(len(arrivals))
	m.Arrivals, m.Backlog = s.topic.total[len(arrivals)], s.topic.backlog()
	m.P99Age = m.p99()
	for second, messages := range arrivals {
		m.Work += messages / (s.config.Mu * s.config.slow(second, s.lasts))
	}
	m.Within = 1
	waitsLate := s.topic.late(s.lasts - seconds(s.config.Target))
	if counted := m.Served + waitsLate; counted > 0 {
		m.Within = 1 - (m.late+waitsLate)/counted
	}
	return m.Result
}

// trace adds a point for the tick that ends, if one does.
func (s *simulation) trace() {
	tick := seconds(s.config.Tick)
	if !s.config.Trace || s.now == 0 || s.now%tick != 0 {
		return
	}
	s.meter.Trace = append(s.meter.Trace, Point{
		Second:   s.now,
		Arrivals: (s.topic.total[s.now] - s.topic.total[s.now-tick]) / float64(tick),
		Replicas: int32(s.fleet.asked()), Ready: int32(s.fleet.ready()),
		Oldest: s.meter.oldest, Lag: s.topic.backlog(),
	})
	s.meter.oldest = 0
}

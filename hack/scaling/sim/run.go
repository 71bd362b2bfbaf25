package sim

// simulation is a run at one second.
type simulation struct {
	config Config
	topic  topic
	fleet  fleet
	group  group
	meter  meter
	eyes   eyes
	// now is the second that begins, of as many as the run lasts.
	now, lasts int
	// joinBy is when the next rebalance is, 0 for none.
	joinBy int
	// want is how many messages of each partition are handled in the second.
	want []float64
}

// Run simulates a group that gets arrivals, messages a second over all partitions, one
// for each second. Two runs of the same arguments are the same.
//
// Messages are a fluid: a second brings its arrivals evenly, and a worker shares what it
// can handle among its partitions, those that have little to handle first. A decision
// takes no time (Landau measured less than a second, n = 1,345). What a partition's
// worker has handled is committed before another goes on, so nothing is handled twice.
func Run(c Config, arrivals []float64, policy Policy) Result {
	c = c.withDefaults()
	s := simulation{
		config: c, topic: newTopic(c, arrivals), fleet: newFleet(c), group: newGroup(c),
		meter: newMeter(c), eyes: newEyes(c), lasts: len(arrivals), want: make([]float64, c.Partitions),
	}
	for s.now = range arrivals {
		s.change()
		s.commit()
		if s.now%seconds(c.Tick) == 0 {
			s.decide(policy)
		}
		s.topic.produce(s.now + 1)
		s.handle()
		s.measure()
	}
	s.now = s.lasts
	s.trace()
	return s.result(arrivals)
}

// change lets pods come and go, and rebalances when it is time.
func (s *simulation) change() {
	if s.fleet.arrive(s.now) && s.joinBy == 0 {
		s.joinBy = s.now + joinWindow
	}
	leaves := s.fleet.draining > 0 && s.now >= s.fleet.leave
	joins := s.joinBy > 0 && s.now >= s.joinBy
	if leaves || joins {
		s.rebalance()
	}
}

// commit commits what is handled, when it is time.
func (s *simulation) commit() {
	if s.now%seconds(s.config.CommitInterval) != commitPhase%seconds(s.config.CommitInterval) {
		return
	}
	for p, owner := range s.group.owner {
		if owner >= 0 {
			s.topic.commit(p)
		}
	}
}

// decide asks the policy.
func (s *simulation) decide(policy Policy) {
	s.trace()
	s.renumber()
	before := s.fleet.asked()
	workers := int(s.config.clamp(policy.Decide(s.view())))
	if workers != before {
		s.meter.ScaleChanges++
		s.fleet.scale(workers, s.now)
	}
	s.eyes.served, s.eyes.power = 0, 0
}

// handle lets each member work for a second.
func (s *simulation) handle() {
	slow := s.config.slow(s.now, s.lasts)
	for m, worker := range s.fleet.members {
		s.work(s.group.partitions(m), worker.mu*slow)
	}
	s.eyes.power += s.fleet.power()
}

// work handles the partitions of a member that handles so many messages a second.
func (s *simulation) work(partitions []int, mu float64) {
	paused := s.group.resumes > float64(s.now)
	total, room := 0.0, mu
	if paused {
		room = 0
	}
	for _, p := range partitions {
		s.want[p] = s.topic.lag(p)
		if paused {
			open := s.group.open(p, s.now)
			s.want[p] = min(s.want[p], open*mu)
			room = max(room, open*mu)
		}
		total += s.want[p]
	}
	if total > room {
		share(s.want, partitions, room)
	}
	for _, p := range partitions {
		s.topic.handle(p, s.want[p])
		s.eyes.served += s.want[p]
		s.meter.Served += s.want[p]
	}
}

// share cuts what partitions want to room: all get the same, but none more than it
// wants. Of wants 1, 5, 9 and room 9 they get 1, 4, 4.
func share(want []float64, partitions []int, room float64) {
	level, small := room/float64(len(partitions)), -1
	for {
		sum, n := 0.0, 0
		for _, p := range partitions {
			if want[p] <= level {
				sum, n = sum+want[p], n+1
			}
		}
		if n == small || n == len(partitions) {
			break
		}
		small, level = n, (room-sum)/float64(len(partitions)-n)
	}
	for _, p := range partitions {
		want[p] = min(want[p], level)
	}
}

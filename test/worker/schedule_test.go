package worker_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// schedule is made from a seed: the same one is the same group of workers, with
// the same done to it in the same order. What it meets on its way is not the
// same: that depends on how fast everything is.
type schedule struct {
	seed       uint64
	kind       string
	settings   settings
	partitions int32
	topics     []string
	compacted  bool
	keys       int
	steps      []step
}

// step is one thing that is done to the group. The numbers choose among what
// there is when it is done.
type step struct {
	do    action
	which uint32
	count int
}

type action string

const (
	produce      action = "produce"
	abort        action = "abort a transaction"
	commitTxn    action = "commit a transaction"
	join         action = "join"
	joinProcess  action = "join as a process"
	leave        action = "leave"
	kill         action = "kill -9"
	freeze       action = "freeze"
	thaw         action = "thaw"
	expel        action = "expel"
	coordinators action = "move coordinators"
	leaders      action = "move leaders"
	restart      action = "restart a broker"
	grow         action = "grow a topic"
	deleteOldest action = "delete the oldest records"
	compact      action = "compact"
	refuse       action = "refuse commits"
	disturb      action = "disturb"
	cut          action = "cut connections"
)

// weights are how often something is done, and onlyFake what Apache Kafka does
// not do when it is told.
var (
	weights = []struct {
		do     action
		weight int
	}{
		{produce, 8}, {abort, 2}, {commitTxn, 1}, {join, 3}, {joinProcess, 4}, {leave, 3}, {kill, 4}, {freeze, 2}, {thaw, 2},
		{expel, 2}, {coordinators, 2}, {leaders, 2}, {restart, 2}, {grow, 2}, {deleteOldest, 3}, {compact, 1},
		{refuse, 4}, {disturb, 4}, {cut, 2},
	}
	onlyFake = map[action]bool{compact: true, refuse: true, disturb: true, cut: true}
)

func newSchedule(seed uint64, kind string) schedule {
	random := rand.New(rand.NewPCG(seed, uint64(len(kind))))
	s := schedule{
		seed: seed, kind: kind, settings: newSettings(random),
		partitions: 1 + random.Int32N(6), keys: 1 + random.IntN(20), compacted: random.IntN(4) == 0,
	}
	name := fmt.Sprintf("%s-%d", strings.ToLower(kind), seed)
	s.settings.Group, s.settings.Letters = name, name+"-letters"
	for i := range 1 + random.IntN(2) {
		s.topics = append(s.topics, fmt.Sprintf("%s-%c", name, 'a'+i))
	}
	s.settings.Topics = s.topics
	for range 12 + random.IntN(8) {
		do := oneOf(random, kind)
		s.steps = append(s.steps, step{do: do, which: random.Uint32(), count: 1 + random.IntN(200)})
	}
	return s
}

func oneOf(random *rand.Rand, kind string) action {
	for {
		left := 0
		for _, w := range weights {
			left += w.weight
		}
		left = random.IntN(left)
		for _, w := range weights {
			if left -= w.weight; left < 0 {
				if kind != onFake && onlyFake[w.do] {
					break
				}
				return w.do
			}
		}
	}
}

// settings are a group's; a worker process is given them as JSON.
type settings struct {
	Servers, Topics []string
	Group, Letters  string
	Ordering        worker.Ordering
	Assignments     []worker.Assignment // of the members in turn
	Isolation       worker.IsolationLevel
	Initial         worker.InitialOffset
	OutOfRange      worker.OutOfRange
	Concurrency     int
	InFlight        int
	// Batch is 0 for messages one by one. Partial says that a failed batch
	// tells how far it came.
	Batch     int
	BatchWait time.Duration
	Partial   bool
	// Attempts is 0 without an end. Bury is whether there are dead letters.
	Attempts int
	Bury     bool
	// Static members come back under the name of one that is gone.
	Static                            bool
	Commit, Session, Rebalance, Grace time.Duration
}

func choice[T any](random *rand.Rand, among ...T) T { return among[random.IntN(len(among))] }

func newSettings(random *rand.Rand) settings {
	s := settings{
		Ordering:    choice(random, worker.OrderByPartition, worker.OrderByKey, worker.OrderByKey, worker.OrderNone),
		Isolation:   choice(random, worker.ReadUncommitted, worker.ReadCommitted),
		Initial:     choice(random, worker.Earliest, worker.Latest),
		OutOfRange:  choice(random, worker.RangeEarliest, worker.RangeEarliest, worker.RangeLatest, worker.RangeFail),
		Concurrency: choice(random, 0, 1, 3, 16),
		InFlight:    choice(random, 2, 8, 50, 0),
		Batch:       choice(random, 0, 0, 1, 7, 40),
		BatchWait:   choice(random, 0, 30*time.Millisecond),
		Partial:     random.IntN(2) == 0,
		Attempts:    choice(random, 0, 2, 4),
		Bury:        random.IntN(3) > 0,
		Static:      random.IntN(5) == 0,
		Commit:      choice(random, 20*time.Millisecond, 200*time.Millisecond, time.Second),
		Session:     choice(random, 3*time.Second, 6*time.Second),
		Rebalance:   choice(random, 2*time.Second, 4*time.Second, 10*time.Second),
		Grace:       choice(random, 100*time.Millisecond, 3*time.Second),
	}
	if s.InFlight > 0 {
		s.InFlight = max(s.InFlight, s.Concurrency)
	}
	all := []worker.Assignment{
		worker.Range, worker.RoundRobin, worker.Sticky, worker.Stable, worker.StableConsistent, worker.CooperativeSticky,
	}
	s.Assignments = []worker.Assignment{choice(random, all...)}
	if random.IntN(4) == 0 { // as in a rollout that changes it
		s.Assignments = append(s.Assignments, choice(random, all...))
	}
	return s
}

// String is what a failed test prints, with how to run it again.
func (s schedule) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "again: go test ./test/worker -race -run %s -seed %d -schedules 1 -v\n", runName[s.kind], s.seed)
	fmt.Fprintf(&text, "%d topics of %d partitions, compacted %t, %d keys, %+v\n",
		len(s.topics), s.partitions, s.compacted, s.keys, s.settings)
	for i, step := range s.steps {
		fmt.Fprintf(&text, "  %2d %s (%d of %d)\n", i, step.do, step.count, step.which)
	}
	return text.String()
}

var runName = map[string]string{onFake: "OnKfake", onApache: "OnApacheKafka"}

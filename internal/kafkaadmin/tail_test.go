package kafkaadmin

import (
	"cmp"
	"math/rand/v2"
	"testing"
	"time"
)

// noon is when each test's cycles begin, 5 seconds apart.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func cycleAt(n int) time.Time { return noon.Add(time.Duration(n) * 5 * time.Second) }

// watched is a tail at which a group has stood long enough.
func watched(position, end int64) *tail {
	t := &tail{}
	for i := range lookAfter {
		t.sight(position, end, cycleAt(i))
	}
	return t
}

func TestTailIsDueOnceAllStandsStill(t *testing.T) {
	type sight struct {
		position, end int64
		cycle         int
	}
	cases := map[string]struct {
		reason string
		sights []sight
		want   bool
		from   int64 // where the look begins, if that is not at 5
	}{
		"Still": {
			reason: "the same three times",
			sights: []sight{{5, 9, 0}, {5, 9, 1}, {5, 9, 2}}, want: true,
		},
		"TwoGroups": {
			reason: "two groups at one position in one cycle are one sight",
			sights: []sight{{5, 9, 0}, {5, 9, 0}, {5, 9, 0}},
		},
		"Consuming": {
			reason: "a group that goes on finds records by itself",
			sights: []sight{{5, 9, 0}, {6, 9, 1}, {7, 9, 2}, {8, 9, 3}},
		},
		"Producing": {
			reason: "an end that goes on is nobody's residue",
			sights: []sight{{5, 9, 0}, {5, 10, 1}, {5, 11, 2}, {5, 12, 3}},
		},
		"LowerBesides": {
			reason: "the highest position is watched, in whatever order the groups come",
			sights: []sight{{5, 9, 0}, {8, 9, 0}, {5, 9, 1}, {8, 9, 1}, {8, 9, 2}, {5, 9, 2}}, want: true, from: 8,
		},
		"LowerAfterwards": {
			reason: "the higher one left: its watch ends, and three sights later the lower one is due",
			sights: []sight{{8, 9, 0}, {5, 9, 1}, {5, 9, 8}, {5, 9, 9}, {5, 9, 10}}, want: true,
		},
		"LowerTooSoon": {
			reason: "the higher one may be back in the next cycle",
			sights: []sight{{8, 9, 0}, {5, 9, 1}, {5, 9, 2}, {5, 9, 3}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var tail tail
			for _, s := range c.sights {
				tail.sight(s.position, s.end, cycleAt(s.cycle))
			}
			if got := tail.due(cycleAt(20)); got != c.want {
				t.Errorf("%s: due is %v", c.reason, got)
			}
			if from := tail.next(); c.want && from != cmp.Or(c.from, 5) {
				t.Errorf("%s: the look begins at %d", c.reason, from)
			}
		})
	}
}

func TestTailLearns(t *testing.T) {
	tail := watched(90, 100)
	if from := tail.next(); from != 90 {
		t.Fatalf("the first fetch is from %d, want 90", from)
	}
	tail.learn(90, 95, false, noon)
	if tail.isEmpty(90, 100) || tail.next() != 95 {
		t.Fatalf("a fetch that ended at 95 goes on from %d, empty is %v", tail.next(), tail.isEmpty(90, 100))
	}
	tail.learn(95, 100, false, noon)
	for position, want := range map[int64]bool{89: false, 90: true, 99: true} {
		if got := tail.isEmpty(position, 100); got != want {
			t.Errorf("empty from %d is %v", position, got)
		}
	}
	if tail.isEmpty(90, 101) {
		t.Error("empty up to an end that nobody looked at")
	}
	grown := *tail
	grown.sight(90, 105, noon)
	if from := grown.next(); from != 100 {
		t.Errorf("after the end grew the look goes on from %d, want 100", from)
	}

	for i := range lookAfter { // a group further back, when the one at 90 has left
		tail.sight(50, 100, cycleAt(20+i))
	}
	tail.learn(50, 70, true, cycleAt(30))
	if tail.isEmpty(50, 100) || !tail.isEmpty(90, 100) {
		t.Error("a record at 70 is none above 90, and one above 50")
	}
	if tail.due(cycleAt(31)) {
		t.Error("looks again for what it found")
	}
	for i := range lookAfter {
		tail.sight(80, 100, cycleAt(40+i))
	}
	if !tail.due(cycleAt(50)) {
		t.Error("a record at 70 is taken to answer for 80")
	}
	for i := range lookAfter {
		tail.sight(50, 100, cycleAt(2000+i)) // hours later
	}
	if !tail.due(cycleAt(2010)) {
		t.Error("a record is not there for good: compaction may remove it")
	}
}

// TestTailOfALaggingLane has a lane look up to an end that another lane has seen
// pass.
func TestTailOfALaggingLane(t *testing.T) {
	tail := watched(100, 150)
	tail.learn(100, 150, false, noon)
	for i := range lookAfter {
		tail.sight(10, 60, cycleAt(20+i))
	}
	tail.learn(10, 60, false, noon)
	if !tail.isEmpty(10, 60) || tail.isEmpty(10, 150) {
		t.Errorf("between 60 and 100 nobody looked: %+v", tail)
	}
}

// TestTailIsNeverWrong has groups come and go at a log of which every third
// offset at most holds a record, lets the tail look a few offsets at a time, and
// compares what it says with the log.
func TestTailIsNeverWrong(t *testing.T) {
	for seed := range uint64(2000) {
		var (
			random = rand.New(rand.NewPCG(seed, 1))
			tail   tail
			log    = make([]bool, 0, 60) // true: a record
			looked int
		)
		for cycle := range 200 {
			if cycle%20 == 0 {
				for range random.IntN(4) {
					log = append(log, random.IntN(3) == 0)
				}
			}
			end := int64(len(log))
			for range 3 {
				if end == 0 {
					continue
				}
				position := random.Int64N(end)
				tail.sight(position, end, cycleAt(cycle*3))
				if tail.isEmpty(position, end) && hasRecord(log, position, end) {
					t.Fatalf("seed %d: said to be empty from %d to %d: %v", seed, position, end, log[position:])
				}
			}
			if tail.sightings > 0 && tail.position < end && !tail.known(tail.position, tail.end, cycleAt(cycle*3)) {
				looked++
				from := tail.next()
				to := min(from+random.Int64N(5)+1, end)
				at, found := from, false
				for ; at < to && !found; at++ {
					if log[at] {
						found = true
						break
					}
				}
				tail.learn(from, at, found, cycleAt(cycle*3))
			}
		}
		if looked == 0 && len(log) > 3 {
			t.Fatalf("seed %d: nobody looked", seed)
		}
	}
}

func hasRecord(log []bool, from, to int64) bool {
	for _, record := range log[from:to] {
		if record {
			return true
		}
	}
	return false
}

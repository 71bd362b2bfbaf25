package lag_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// ten is when each test's day begins.
var ten = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return ten.Add(time.Duration(seconds) * time.Second) }

// step is one call on a timeline.
type step struct {
	seed bool
	end  int64
	at   int // seconds after ten
}

func built(steps []step) *lag.Timeline {
	var t lag.Timeline
	for _, s := range steps {
		if s.seed {
			t.Seed(s.end, after(s.at))
		} else {
			t.Add(s.end, after(s.at))
		}
	}
	return &t
}

func TestTimelineWhen(t *testing.T) {
	exactly := func(seconds int) kafka.AppendTime { return kafka.AppendTime{At: after(seconds)} }
	orEarlier := func(seconds int) kafka.AppendTime {
		return kafka.AppendTime{At: after(seconds), OrEarlier: true}
	}
	cases := map[string]struct {
		reason string
		steps  []step
		offset int64
		want   kafka.AppendTime
	}{
		"Nothing": {
			reason: "a timeline without an end knows nothing",
			offset: 5,
		},
		"Between": {
			reason: "the log is taken to grow evenly between two reads",
			steps:  []step{{end: 100}, {end: 200, at: 10}},
			offset: 150, want: exactly(5),
		},
		"AtAMark": {
			reason: "the record at an end is the first that came after it",
			steps:  []step{{end: 100}, {end: 200, at: 10}, {end: 300, at: 11}},
			offset: 200, want: exactly(10),
		},
		"BelowTheOldest": {
			reason: "it was there when the log was first read",
			steps:  []step{{end: 100}, {end: 200, at: 10}},
			offset: 99, want: orEarlier(0),
		},
		"AtTheEnd": {
			reason: "the next record does not exist",
			steps:  []step{{end: 100}, {end: 200, at: 10}},
			offset: 200,
		},
		"AfterAPause": {
			reason: "a record after a quiet time came at its end, not in its middle",
			steps:  []step{{end: 100}, {end: 100, at: 5}, {end: 100, at: 3000}, {end: 102, at: 3010}},
			offset: 101, want: exactly(3005),
		},
		"BeforeAPause": {
			reason: "a record before a quiet time came before its beginning",
			steps:  []step{{end: 90}, {end: 100, at: 10}, {end: 100, at: 3000}},
			offset: 95, want: exactly(5),
		},
		"TruncatedBetween": {
			reason: "what is left after a truncation came when it came",
			steps:  []step{{end: 100}, {end: 200, at: 10}, {end: 150, at: 20}, {end: 160, at: 30}},
			offset: 125, want: exactly(2), // half of the 5 s that it took to 150, in whole seconds
		},
		"AppendedAfterTruncation": {
			reason: "what was dropped and written anew is new",
			steps:  []step{{end: 100}, {end: 200, at: 10}, {end: 150, at: 20}, {end: 160, at: 30}},
			offset: 150, want: exactly(20),
		},
		"TruncatedBelowAll": {
			reason: "a log that shrank below all that is remembered may be another one",
			steps:  []step{{end: 100}, {end: 200, at: 10}, {end: 7, at: 20}},
			offset: 6, want: orEarlier(20),
		},
		"Seeded": {
			reason: "between the seed and the first read the growth is taken to be even",
			steps:  []step{{end: 200, at: 600}, {seed: true, end: 100}},
			offset: 150, want: exactly(300),
		},
		"BelowTheSeed": {
			reason: "older than the look-up reached",
			steps:  []step{{end: 200, at: 600}, {seed: true, end: 100}},
			offset: 99, want: orEarlier(0),
		},
		"SeededWithoutGrowth": {
			reason: "no record is as young as the look-up asked: all are older",
			steps:  []step{{end: 200, at: 600}, {seed: true, end: 200}},
			offset: 199, want: orEarlier(0),
		},
		"SeededBeyondTheEnd": {
			reason: "a timestamp that lies changes nothing of what was seen",
			steps:  []step{{end: 200, at: 600}, {seed: true, end: 5000}, {end: 300, at: 610}},
			offset: 250, want: exactly(605),
		},
		"SeededFromTheFuture": {
			reason: "a timestamp that lies does not make a record younger than its first sight",
			steps:  []step{{end: 200, at: 600}, {seed: true, end: 100, at: 9000}},
			offset: 99, want: orEarlier(600),
		},
		"SeededTwice": {
			reason: "the end stood still from the time asked for to the record that was found",
			steps:  []step{{end: 200, at: 600}, {seed: true, end: 100, at: 500}, {seed: true, end: 100}},
			offset: 150, want: exactly(550),
		},
		"ClockSetBack": {
			reason: "no record comes from the future",
			steps:  []step{{end: 100, at: 3600}, {end: 200, at: 3610}, {end: 300, at: 10}},
			offset: 150, want: exactly(10),
		},
		"NoEnd": {
			reason: "a negative number is no end",
			steps:  []step{{end: 100}, {end: -1, at: 5}, {end: 200, at: 10}},
			offset: 150, want: exactly(5),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := built(c.steps).When(c.offset)
			if !got.At.IsZero() {
				got.At = got.At.UTC().Truncate(time.Second)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestTimelineIsPrecise produces in bursts of all sizes for two hours, reads the
// end every 5 seconds, and asks for the age of records old and young.
func TestTimelineIsPrecise(t *testing.T) {
	var (
		timeline lag.Timeline
		end      int64
		ends     []int64 // by 5 seconds
		random   = rand.New(rand.NewPCG(1, 2))
	)
	for i := range 2 * 720 {
		end += 1 << random.IntN(12)
		ends = append(ends, end)
		timeline.Add(end, after(5*i))
	}
	now := after(5 * (len(ends) - 1))
	for back := 1; back < 720; back++ {
		at := after(5 * (len(ends) - 1 - back))
		got := timeline.When(ends[len(ends)-1-back])
		wrong, allowed := got.At.Sub(at).Abs(), 2*time.Second+now.Sub(at)/10
		if got.OrEarlier || wrong > allowed {
			t.Fatalf("the record of %v ago is off by %v (or earlier: %v), allowed are %v", now.Sub(at), wrong, got.OrEarlier, allowed)
		}
	}
	if old := timeline.When(ends[0]); !old.OrEarlier {
		t.Errorf("the record of two hours ago is said to be of %v sharp", old.At)
	}
}

// FuzzTimeline drives a timeline by any calls in any order and checks what must
// hold of every answer.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte{0, 100, 1, 0, 200, 5, 1, 50, 3, 0, 150, 5})
	f.Add([]byte{0, 1, 1, 0, 0, 255, 2, 9, 9, 0, 255, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var (
			timeline lag.Timeline
			now, end = 100_000, int64(0)
		)
		for ; len(data) >= 3; data = data[3:] {
			value, pace := int64(data[1]), int(data[2])
			switch data[0] % 4 {
			case 0: // the log grows
				end, now = end+value, now+pace
				timeline.Add(end, after(now))
			case 1:
				timeline.Seed(value*7, after(now-pace*10))
			case 2: // it is truncated
				end, now = max(0, end-value), now+pace
				timeline.Add(end, after(now))
			case 3: // the clock is set back
				now -= pace
				timeline.Add(end, after(now))
			}
			holds(t, &timeline, end, after(now))
		}
	})
}

func holds(t *testing.T, timeline *lag.Timeline, end int64, now time.Time) {
	t.Helper()
	var last kafka.AppendTime
	for offset := int64(0); offset < end; offset += 1 + end/50 {
		got := timeline.When(offset)
		switch {
		case got.At.After(now):
			t.Fatalf("the record at %d of %d comes from the future: %v, now is %v", offset, end, got.At, now)
		case got.At.Before(last.At):
			t.Fatalf("the record at %d came at %v, one before it at %v", offset, got.At, last.At)
		case got.OrEarlier && offset > 0 && !last.OrEarlier:
			t.Fatalf("the record at %d is older than all, one before it is not", offset)
		}
		last = got
	}
	if got := timeline.When(end); !got.At.IsZero() {
		t.Fatalf("the record at the end %d, which does not exist, came at %v", end, got.At)
	}
}

// TestTimelineIsBounded is the memory of a partition that never rests.
func TestTimelineIsBounded(t *testing.T) {
	var timeline lag.Timeline
	end := 0
	allocations := testing.AllocsPerRun(1, func() { // after a first run, which is not counted
		for range 3000 {
			end++
			timeline.Add(int64(end), after(end))
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations for 3,000 more ends, want none", allocations)
	}
}

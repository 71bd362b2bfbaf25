package autoscale

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// TestCoolDown walks a group through a burst and its end.
func TestCoolDown(t *testing.T) {
	c, replicas, state := config(), int32(1), State{}
	step := func(at time.Duration, lag int64) Decision {
		var d Decision
		state, d = Decide(c, state, observed(replicas, lag), start.Add(at))
		replicas = d.Replicas
		return d
	}
	steps := []struct {
		at      time.Duration
		lag     int64
		want    int32
		recheck time.Duration
		reason  string
	}{
		{0, 0, 1, 0, "quiet"},
		{5 * time.Second, 11500, 12, 0, "a burst, at once"},
		{60 * time.Second, 11500, 12, 0, "no sample said anything new for a while"},
		{65 * time.Second, 5500, 12, window, "twelve were wanted until now: hold for the window from now"},
		{125 * time.Second, 3500, 12, time.Minute, "still within the window"},
		{185 * time.Second, 0, 6, time.Minute, "12 have left the window: down to the highest wanted since, which held until 125 s"},
		{245 * time.Second, 0, 4, time.Minute, "six left the window at 245 s, four were wanted until 185 s"},
		{305 * time.Second, 0, 1, 0, "one was wanted for the whole window"},
	}
	for _, s := range steps {
		held := replicas
		d := step(s.at, s.lag)
		if d.Replicas < held && strings.Contains(d.Message, "held") {
			t.Errorf("at %s the count goes down and the sentence says it is held: %s", s.at, d.Message)
		}
		if d.Replicas != s.want || d.RecheckAfter != s.recheck {
			t.Fatalf("at %s with lag %d: %s, again after %s; want %d after %s: %s",
				s.at, s.lag, d.Message, d.RecheckAfter, s.want, s.recheck, s.reason)
		}
	}
}

// TestClockGoesBack: a clock that jumps back delays a scale-down and does nothing else.
func TestClockGoesBack(t *testing.T) {
	state, _ := Decide(config(), State{}, observed(6, 0), start)
	state, d := Decide(config(), state, observed(6, 0), start.Add(-24*time.Hour))
	if d.Replicas != 6 || !state.Last.Equal(start.Add(-24*time.Hour)) {
		t.Fatalf("after the jump: %+v, want 6 held and the state at the new time", d)
	}
	_, d = Decide(config(), state, observed(6, 0), start.Add(-24*time.Hour).Add(window))
	if d.Replicas != 1 {
		t.Fatalf("one window after the jump: %s, want 1", d.Message)
	}
	_, d = Decide(config(), state, observed(1, 8000), start.Add(24*time.Hour))
	if d.Replicas != 12 {
		t.Fatalf("after a jump forward with lag: %s, want 12", d.Message)
	}
}

// TestUnknownRestartsTheWindow: a time in which lag was unknown does not count as quiet.
func TestUnknownRestartsTheWindow(t *testing.T) {
	state, _ := Decide(config(), State{}, observed(6, 0), start)
	state, _ = Decide(config(), state, observed(6, 0, lagUnknown), start.Add(window/2))
	state, d := Decide(config(), state, observed(6, 0), start.Add(window))
	if d.Replicas != 6 {
		t.Fatalf("right after lag became known again: %s, want 6", d.Message)
	}
	if _, d = Decide(config(), state, observed(6, 0), start.Add(2*window)); d.Replicas != 1 {
		t.Fatalf("a whole window later: %s, want 1", d.Message)
	}
}

// TestProperties tries random configurations, states and observations.
func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		c, s, o := randomConfig(r), randomState(r), randomObservation(r)
		now := start.Add(time.Duration(r.Int64N(int64(4 * window))))
		before := slices.Clone(s.Window)
		next, d := Decide(c, s, o, now)
		check := func(ok bool, what string) {
			if !ok {
				t.Fatalf("%s:\nconfig %+v\nstate %+v\nseen %+v\ngot %+v", what, c, s, o, d)
			}
		}
		check(slices.Equal(before, s.Window), "an input was changed")
		check(d.Replicas >= 0 && d.Message != "" && d.RecheckAfter >= 0, "no such decision")
		again, same := Decide(c, s, o, now)
		check(reflect.DeepEqual(d, same) && reflect.DeepEqual(next, again), "not deterministic")
		check(len(next.Window) <= 64, "the state grows")
		if c.Pause.At(now) != PauseNone || c.Manual {
			continue
		}
		check(d.Replicas >= 1, "no workers in Auto without a pause")
		check(c.MaxReplicas == 0 || d.Replicas <= c.MaxReplicas, "above maxReplicas")
		group := layout.Group{Assignor: c.Assignor, Partitions: o.Partitions}
		if o.lagKnown() {
			check(d.Replicas <= group.UsefulMembers(), "more members than the assignor gives a partition")
			check(o.unsettled() || slices.Contains(group.Counts(), d.Replicas), "a smaller count would serve as well")
			more := o
			more.Lag = o.Lag + 1 + r.Int64N(5000)
			_, busier := Decide(c, s, more, now)
			check(busier.Replicas >= d.Replicas, "fewer workers for more lag")
			continue
		}
		check(d.Replicas >= o.Replicas || d.Limit == LimitMaxReplicas, "down while the lag is unknown")
		raises := c.OnUnknown.MinReplicas > o.Replicas || o.Replicas == 0
		check(o.Sampled || !o.Exists || raises || d.Replicas <= o.Replicas, "up with nothing known")
	}
}

func randomConfig(r *rand.Rand) Config {
	c := Config{
		MinReplicas:        1 + r.Int32N(20),
		MessagesPerReplica: 1 + r.Int64N(3000),
		Assignor:           []layout.Assignor{layout.Range, layout.RoundRobin, layout.Sticky}[r.IntN(3)],
		ScaleDownAfter:     window,
		Manual:             r.IntN(10) == 0, Replicas: 1 + r.Int32N(20),
	}
	if r.IntN(2) == 0 {
		c.MaxReplicas = c.MinReplicas + r.Int32N(20)
	}
	if r.IntN(2) == 0 {
		c.OnUnknown = OnUnknown{After: time.Duration(r.Int64N(int64(window))), MinReplicas: 1 + r.Int32N(20)}
	}
	if r.IntN(5) == 0 {
		c.Pause = Pause{Mode: []PauseMode{PauseHoldReplicas, PauseScaleToZero}[r.IntN(2)], Until: start.Add(window)}
	}
	return c
}

func randomState(r *rand.Rand) State {
	s := State{Last: start.Add(time.Duration(r.Int64N(int64(window))))}
	if r.IntN(2) == 0 {
		s.UnknownSince = start
		return s
	}
	s.WindowSince = start.Add(-time.Duration(r.Int64N(int64(2 * window))))
	for n := 1 + r.Int32N(24); n > 0; n -= 1 + r.Int32N(6) {
		s.Window = append(s.Window, Wanted{At: start, Replicas: n})
	}
	return s
}

func randomObservation(r *rand.Rand) Observation {
	o := Observation{
		Exists: r.IntN(8) != 0, Sampled: r.IntN(8) != 0, AllTopics: true,
		Rebalancing: r.IntN(6) == 0, StateUnknown: []string{"", "", "", "", "denied"}[r.IntN(5)], NeverJoined: r.IntN(6) == 0,
	}
	if o.Exists {
		o.Replicas = r.Int32N(30)
	}
	if !o.Sampled {
		return o
	}
	for range 1 + r.IntN(3) {
		o.Partitions = append(o.Partitions, 1+r.Int32N(24))
	}
	o.Lag = []int64{0, r.Int64N(100), r.Int64N(50_000), math.MaxInt64 - 10_000}[r.IntN(4)]
	if r.IntN(3) == 0 {
		o.Unknown, o.AllTopics = 1, r.IntN(2) == 0
	}
	return o
}

func BenchmarkDecide(b *testing.B) {
	state := State{}
	o := observed(50, 5_000_000, partitions(1000))
	b.ReportAllocs()
	for i := range b.N {
		o.Lag = int64(i % 100_000)
		state, _ = Decide(config(), state, o, start.Add(time.Duration(i)*time.Second))
	}
}

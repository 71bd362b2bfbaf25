package target

import (
	"math"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// arriving are arrivals seen each 15 s, at these rates in between.
func arriving(rates ...float64) arrivals {
	a, end := arrivals{}.take(0, noon), 0.0
	for i, rate := range rates {
		end += rate * 15
		a = a.take(int64(end), noon.Add(time.Duration(i+1)*15*time.Second))
	}
	return a
}

func TestForecast(t *testing.T) {
	rising := make([]float64, 20)
	for i := range rising {
		rising[i] = 1000 + float64(i)*15 // a second more each second
	}
	cases := map[string]struct {
		reason string
		seen   arrivals
		want   float64
		known  bool
	}{
		"Nothing":  {"one look tells no rate", arriving(), 0, false},
		"Flat":     {"as it was", arriving(100, 100, 100, 100, 100, 100, 100, 100), 100, true},
		"Chance":   {"a little more in the last seconds may be chance: 110 of 100 in 15 s is less than 2 sd", arriving(100, 100, 100, 104, 100, 100, 100, 104), 101, true},
		"Burst":    {"900 of 100 is not: 900 - 2*sqrt(900/15)", arriving(100, 100, 100, 100, 100, 100, 100, 900), 900 - 2*math.Sqrt(60), true},
		"Ramp":     {"the last 15 s beyond chance, and half of a minute's 60 more", arriving(rising...), 1285 - 2*math.Sqrt(1285.0/15) + 30, true},
		"OneStep":  {"one step up is no trend", arriving(100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 1100, 1100, 1100, 1100, 1100), 1100, true},
		"Steeper":  {"of a ramp with a step in it the median pair tells: 2 a second each second, of which half a minute is 60", arriving(100, 130, 160, 190, 220, 250, 280, 310, 340, 370, 400, 430, 1460, 1490, 1520, 1550), 1550 - 2*math.Sqrt(1550.0/15) + 60, true},
		"Falling":  {"never less than 40 %", arriving(3000, 2600, 2200, 1800, 1400, 1000, 600, 200), 0.4 * 800, true},
		"WentBack": {"the topic is another one", arriving(100, 100).take(0, noon.Add(time.Minute)), 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, known := tc.seen.forecast(time.Minute); math.Abs(got-tc.want) > 1e-6 || known != tc.known {
				t.Errorf("%s: %f, %t, want %f", tc.reason, got, known, tc.want)
			}
		})
	}
}

// TestArrivalsAreForgotten: the ring stays as long as it is needed for.
func TestArrivalsAreForgotten(t *testing.T) {
	if a := arriving(make([]float64, 1000)...); len(a.points) != int(remembered/(15*time.Second))+1 {
		t.Errorf("%d points", len(a.points))
	}
}

// TestBound: a forecast of 100 that was too low by 0 to 31 in turn.
func TestBound(t *testing.T) {
	var f forecastErrors
	if got := f.bound(100, 0.8, 1.5); got != 150 {
		t.Errorf("without errors: %f", got)
	}
	for i := range 32 {
		f.past = append(f.past, forecastError{100, float64(i)})
	}
	for q, want := range map[float64]float64{0.8: 125, 0.5: 116, 0.99: 131} {
		if got := f.bound(100, q, 1.5); got != want {
			t.Errorf("%f: %f, want %f", q, got, want)
		}
	}
	if got := f.bound(1000, 0.8, 1.5); got != 1250 {
		t.Errorf("at another level it is the proportion: %f", got)
	}
	f.past = f.past[:10]
	if got := f.bound(100, 0.8, 1.5); got != 150 {
		t.Errorf("ten errors are no quantile: %f", got)
	}
}

// TestForecastsAreCompared: with what came in their time, and no more are kept than needed.
func TestForecastsAreCompared(t *testing.T) {
	var f forecastErrors
	for i := range 600 {
		f = f.take(100, time.Minute, point{noon.Add(time.Duration(i) * 15 * time.Second), int64(i) * 15 * 130})
	}
	if len(f.past) != maxErrors || f.past[0] != (forecastError{100, 30}) || len(f.open) != 4 {
		t.Errorf("%d errors, the first %+v, %d open", len(f.past), f.past[0], len(f.open))
	}
	if f = f.take(100, time.Minute, point{noon.Add(4 * time.Hour), 0}); len(f.open) != 1 {
		t.Errorf("%d are open after the offsets went back", len(f.open))
	}
}

// member has one partition of a rate, with what waits.
func member(owner int, lag int64, produced, consumed float64) Partition {
	return Partition{Owner: owner, Lag: lag, Produced: produced, Consumed: consumed, Rates: true}
}

func TestCapacity(t *testing.T) {
	c := Config{CommitInterval: 5 * time.Second}
	cases := map[string]struct {
		reason string
		member Partition
		steady bool
		hint   float64
		want   float64
		sure   bool
	}{
		"Full":      {"it has 10,000 to do and handles 100 a second", member(0, 10000, 100, 100), true, 0, 100, true},
		"Idle":      {"it may be able to handle more", member(0, 0, 80, 80), true, 0, 100, false},
		"Hint":      {"somebody knows", member(0, 0, 80, 80), true, 400, 400, true},
		"WrongHint": {"it handles more than somebody thought", member(0, 0, 80, 80), true, 50, 100, false},
		"JustFull":  {"as much waits as lies between commits of what arrives", member(0, 1400, 150, 100), true, 0, 125, false},
		"Commits":   {"between two commits as much waits", member(0, 1000, 100, 100), true, 0, 125, false},
		"Shaking":   {"it reads only at times", member(0, 10000, 100, 100), false, 0, 0, false},
		"Unknown":   {"its rate is not known", Partition{Lag: 10000}, true, 0, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var k capacity
			o := Observation{Steady: tc.steady, Partitions: []Partition{tc.member}}
			for i := range 12 {
				k = k.take(c, o, noon.Add(time.Duration(i)*15*time.Second))
			}
			if got, sure := k.perReplica(tc.hint, noon.Add(3*time.Minute)); got != tc.want || sure != tc.sure {
				t.Errorf("%s: %f, %t, want %f, %t", tc.reason, got, sure, tc.want, tc.sure)
			}
		})
	}
}

// TestCapacityFollows: what is downstream became half as fast.
func TestCapacityFollows(t *testing.T) {
	var k capacity
	for i := range 100 {
		rate := 100.0
		if i >= 60 {
			rate = 50
		}
		k = k.take(Config{}, Observation{Steady: true, Partitions: []Partition{member(0, 10000, rate, rate)}}, noon.Add(time.Duration(i)*15*time.Second))
	}
	if got, _ := k.perReplica(0, noon.Add(25*time.Minute)); got != 50 {
		t.Errorf("%f", got)
	}
}

// TestMostIsKept: a group that has little to do for long is not thought to handle less.
func TestMostIsKept(t *testing.T) {
	var k capacity
	for i := range 120 {
		rate := 80.0
		if i >= 20 {
			rate = 1
		}
		k = k.take(Config{}, Observation{Steady: true, Partitions: []Partition{member(0, 0, rate, rate)}}, noon.Add(time.Duration(i)*15*time.Second))
	}
	if got, _ := k.perReplica(0, noon.Add(time.Hour)); got != 100 {
		t.Errorf("%f", got)
	}
}

// TestCapacityRecovers: what was learned in a brown-out is not believed when members
// have handled more since.
func TestCapacityRecovers(t *testing.T) {
	var k capacity
	look := func(i int, rate float64, lag int64) {
		k = k.take(Config{}, Observation{Steady: true, Partitions: []Partition{member(0, lag, rate, rate)}}, noon.Add(time.Duration(i)*15*time.Second))
	}
	for i := range 40 {
		look(i, 50, 10000)
	}
	for i := range 60 {
		look(40+i, 120, 0)
	}
	if got, _ := k.perReplica(0, noon.Add(25*time.Minute)); got != 120 {
		t.Errorf("%f", got)
	}
	for i := range 60 {
		look(100+i, 80, 0)
	}
	if got, _ := k.perReplica(0, noon.Add(40*time.Minute)); got != 80 {
		t.Errorf("%f, though none has handled so many for long", got)
	}
}

// TestOtherTopics: what they hold has not arrived now.
func TestOtherTopics(t *testing.T) {
	st := standing(4, 10, 0, 0)
	st.look(20)
	st.o.Topics = 7
	for i := range st.o.Partitions {
		st.o.Partitions[i].End += 1e6
	}
	if d := st.look(8); d.Bound > 100 {
		t.Errorf("%+v", d)
	}
}

// TestReaction: how long workers took to be ready is what is reckoned with.
func TestReaction(t *testing.T) {
	var r reaction
	if r = r.take(Observation{Replicas: 1, Ready: 1, Steady: true}, 15*time.Second, noon); r.horizon() != 50*time.Second {
		t.Errorf("in the beginning it is %s, want 15 + 30 + 5 s", r.horizon())
	}
	now := noon
	for n := range int32(4) {
		for wait := range 5 { // asked for at a tick, seen at the next, ready four later
			now = now.Add(15 * time.Second)
			ready := n + 1
			if wait == 3 {
				ready = n + 1 // none yet
			}
			if wait == 4 {
				ready = n + 2
			}
			r = r.take(Observation{Replicas: n + 2, Ready: ready, Steady: wait != 4}, 15*time.Second, now)
		}
	}
	if r.start() != 75*time.Second {
		t.Errorf("%s, measured %v", r.start(), r.starts)
	}
}

// TestFlapping: an up soon after a down has the next down wait longer, for a while.
func TestFlapping(t *testing.T) {
	var h changes
	at := func(replicas int32, after time.Duration) {
		h = h.take(Observation{Replicas: replicas}, noon.Add(after))
	}
	at(3, 0)
	at(2, time.Minute)
	at(3, 2*time.Minute)
	for after, want := range map[time.Duration]bool{31 * time.Second: false, 55 * time.Second: false, 60 * time.Second: true} {
		if got := h.mayFall(noon.Add(2*time.Minute + after)); got != want {
			t.Errorf("%s after the up: %t", after, got)
		}
	}
	at(2, 30*time.Minute)
	at(3, 50*time.Minute)
	if got := h.flapping(noon.Add(50 * time.Minute)); got > 0.5 {
		t.Errorf("20 minutes between are no flap: %f", got)
	}
}

// TestPause: rebalances of 10 s are seen at two of three looks each 15 s.
func TestPause(t *testing.T) {
	var r reaction
	for i := range 90 {
		owner := i / 3 % 2 // a rebalance each 45 s
		r = r.take(Observation{Replicas: 2, Ready: 2, Steady: i%9 != 0 && i%9 != 3, Moving: i%9 == 0 || i%9 == 3, Partitions: []Partition{{Owner: 0}, {Owner: owner}}}, 15*time.Second, noon.Add(time.Duration(i)*15*time.Second))
	}
	if got := r.pause(); got < 8*time.Second || got > 11*time.Second {
		t.Errorf("%s, %f s in %f rebalances", got, r.shaken, r.dealt)
	}
}

// TestSeenAllTheTime: however often it is looked, points are 5 s apart, but for the newest.
func TestSeenAllTheTime(t *testing.T) {
	a, f := arrivals{}, forecastErrors{}
	for i := range 601 {
		a = a.take(int64(i*10), noon.Add(time.Duration(i)*100*time.Millisecond))
		f = f.take(100, time.Minute, a.points[len(a.points)-1])
	}
	if len(a.points) > 14 || len(f.open) > 13 {
		t.Errorf("%d points and %d open forecasts in a minute", len(a.points), len(f.open))
	}
	if got, _ := a.rate(time.Minute); math.Abs(got-100) > 1e-6 {
		t.Errorf("%f a second", got)
	}
}

// TestLeastWaited: a member that had nothing to do at one of the looks was not full.
func TestLeastWaited(t *testing.T) {
	var k capacity
	for i := range 12 {
		m := member(0, 10000, 100, 100)
		if i%4 == 0 {
			m.Lag = 0
		}
		k = k.take(Config{}, Observation{Steady: true, Partitions: []Partition{m}}, noon.Add(time.Duration(i)*15*time.Second))
	}
	if len(k.full) > 0 {
		t.Errorf("%+v", k.full)
	}
}

// TestClockWentBack: nothing that is remembered means anything then.
func TestClockWentBack(t *testing.T) {
	st := standing(4, 100, 1333, 40*time.Second)
	st.look(30)
	st.tick = -1000
	want(t, st.look(1), 4, Learning)
	if len(st.s.arrivals.points) != 1 || !st.s.began.Before(noon) {
		t.Errorf("%+v", st.s)
	}
}

// TestNotWaitedFor: workers that were not waited for tell nothing of a start.
func TestNotWaitedFor(t *testing.T) {
	var r reaction
	at := func(replicas, ready int32, second int) {
		r = r.take(Observation{Replicas: replicas, Ready: ready, Steady: true}, 15*time.Second, noon.Add(time.Duration(second)*time.Second))
	}
	at(2, 2, 0)
	at(6, 2, 15)
	if got := r.coming(noon.Add(10 * time.Second)); got != 20*time.Second {
		t.Errorf("the others come in %s, want 30 s after they were asked for, which was at 0", got)
	}
	at(4, 2, 30)
	at(4, 4, 600)
	at(2, 2, 615)
	if len(r.starts) != 0 {
		t.Errorf("%v", r.starts)
	}
	at(4, 2, 630)
	at(4, 3, 675) // half of them
	if len(r.starts) != 1 || r.starts[0] != 60 {
		t.Errorf("%v", r.starts)
	}
}

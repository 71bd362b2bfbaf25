package baselines

import (
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

func flinkOf12() sim.Policy { return newFlink(sim.Knowledge{Partitions: 12, Max: 12}) }

func TestFlinkOnceSettled(t *testing.T) {
	cases := map[string]struct {
		reason                  string
		from                    int32
		lag                     int64
		arriving, handled, busy float64
		want                    int32
	}{
		// Needed at 0.7 are 1000*300/1800 + 1000/0.7 = 1595.
		"enough":              {"1000/0.5 = 2000: ceil(4*0.798) = 4", 4, 0, 1000, 1000, 0.5, 4},
		"within the bounds":   {"1000 is not below 1000/1.0, though 7 would be right", 4, 0, 1000, 1000, 1, 4},
		"a lag makes it more": {"1000 is below 1000 + 3000/1800; ceil(4*1.597) = 7, aligned to 12", 4, 3000, 1000, 1000, 1, 12},
		"aligned to 4 of 12":  {"800 is below 1000; ceil(2*1.994) = 4", 2, 0, 1000, 800, 1, 4},
		"aligned to 6 of 12":  {"720 is below 1000; ceil(2*2.215) = 5: 12/5 is 2, 6 divides", 2, 0, 1000, 720, 1, 6},
		"nothing handled yet": {"no rate", 4, 100, 1000, 0, 0, 4},
		"down waits":          {"100/0.1 = 1000 is above 100*300/1800 + 100/0.4", 8, 0, 100, 100, 0.1, 8},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			view := func(s int, n int32) sim.View {
				return flowing(at(s, n, tc.lag, 12), tc.arriving, tc.handled, tc.busy)
			}
			asked := play(flinkOf12(), tc.from, view, 5)
			same(t, "before it is settled for a minute", changes(asked[:4]), []int32{tc.from})
			if asked[4] != tc.want {
				t.Errorf("%d, want %d: %s", asked[4], tc.want, tc.reason)
			}
		})
	}
}

func TestFlinkGoesDownToTheMostOfAnHour(t *testing.T) {
	// 200/s ask for ceil(8*0.4) = 4 (at most 60 % less), aligned to 4. In minute 30
	// 300/s of 500 make ceil(8*0.957) = 8 of 8: the hour begins anew.
	quiet := func(s int, n int32) sim.View { return flowing(at(s, n, 0, 12), 200, 200, 0.1) }
	asked := play(flinkOf12(), 8, quiet, 4*65)
	same(t, "quiet", changes(asked), []int32{8, 4})
	if asked[4*61-1] != 8 || asked[4*61] != 4 {
		t.Errorf("%d a tick before an hour after the first minute, then %d", asked[4*61-1], asked[4*61])
	}
	interrupted := func(s int, n int32) sim.View {
		if s == 1800 {
			return flowing(at(s, n, 0, 12), 300, 300, 0.6)
		}
		return quiet(s, n)
	}
	same(t, "interrupted", changes(play(flinkOf12(), 8, interrupted, 4*65)), []int32{8})
}

func TestFlinkHoldsWithABacklogAndWhileWorkersStart(t *testing.T) {
	// 61,000 are more than 300 s of 200/s: nothing is too much, for an hour and more.
	backlog := func(s int, n int32) sim.View { return flowing(at(s, n, 61_000, 12), 200, 2000, 1) }
	same(t, "backlog", changes(play(flinkOf12(), 8, backlog, 4*70)), []int32{8})
	// Enough for three minutes, then too little, but with one worker not ready.
	starting := func(s int, n int32) sim.View {
		if s < 180 {
			return flowing(at(s, n, 0, 12), 1000, 1000, 0.5)
		}
		v := flowing(at(s, n, 3000, 12), 1000, 1000, 1)
		v.Ready = n - 1
		return v
	}
	same(t, "starting", changes(play(flinkOf12(), 4, starting, 30)), []int32{4})
	// 2 handle 800/s of 1000, and so do the 4 it takes them for: rates are of 4 alone a
	// minute after the next tick, and then ceil(4*1.994) = 8 is aligned to 12.
	short := func(s int, n int32) sim.View { return flowing(at(s, n, 0, 12), 1000, 800, 1) }
	same(t, "short", play(flinkOf12(), 2, short, 10), []int32{2, 2, 2, 2, 4, 4, 4, 4, 4, 12})
}

// Busy 0.5 promises 2000/s, but with 40 s of backlog only 1000 were handled.
func TestFlinkBelievesWhatItSawUnderABacklog(t *testing.T) {
	f := flinkOf12().(*flink)
	for range 3 {
		if got, _ := f.capacity(input{1000, 30_000}, 1000, 0.5); got != 2000 {
			t.Errorf("%g with 30 s of backlog, which is too little", got)
		}
	}
	in := input{1000, 40_000}
	if got, _ := f.capacity(in, 1000, 0.5); got != 2000 {
		t.Errorf("%g after one observation", got)
	}
	if got, _ := f.capacity(in, 1000, 0.5); got != 1000 {
		t.Errorf("%g after two", got)
	}
	if got, _ := f.capacity(in, 1000, 0.9); got != 1000/0.9 {
		t.Errorf("%g where both agree to 15 %%", got)
	}
}

func TestFlinkAligns(t *testing.T) {
	for _, tc := range []struct {
		partitions, now, n, want int32
		reason                   string
	}{
		{12, 1, 5, 6, "6 divides 12"},
		{10, 1, 3, 4, "10/4 is 2, 10/3 is 3"},
		{10, 1, 6, 10, "up to all of them"},
		{10, 8, 6, 6, "nothing from 6 to 8 divides 10 or makes it less"},
		{12, 8, 5, 6, "6 divides 12, and is below 8"},
		{10, 7, 7, 7, "no change is not aligned"},
	} {
		f := newFlink(sim.Knowledge{Partitions: int(tc.partitions), Max: 100}).(*flink)
		if got := f.align(tc.now, tc.n); got != tc.want {
			t.Errorf("%d of %d partitions, from %d: %d, want %d: %s", tc.n, tc.partitions, tc.now, got, tc.want, tc.reason)
		}
	}
}

func TestFlinkDownTakesTheMostRecommendedOfTheLastHour(t *testing.T) {
	f := flinkOf12().(*flink)
	steps := []struct {
		minute   int
		replicas int32
		outside  bool
		want     int32
	}{{0, 6, true, 8}, {30, 4, true, 8}, {60, 2, true, 6}, {61, 3, true, 4}, {91, 2, true, 3}, {122, 2, false, 8}}
	for _, s := range steps {
		now := time.Duration(s.minute) * time.Minute
		if got := f.delay(sim.View{Now: now, Replicas: 8}, lowering{now, s.replicas, s.outside}); got != s.want {
			t.Errorf("minute %d: %d, want %d", s.minute, got, s.want)
		}
	}
}

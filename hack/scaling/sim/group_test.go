package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// 12 partitions on 3 workers, and a fourth is asked for at 60 s: it is ready at 90 s and
// joins at 93 s. Cooperative moves 3 of them for 5 s, eager stops 12 for 15 s.
func TestRebalanceStops(t *testing.T) {
	for _, test := range []struct {
		name   string
		eager  bool
		paused float64
		oldest float64
	}{
		{"cooperative: what moves", false, 3 * 5, 5},
		{"eager: all", true, 12 * 15, 15},
	} {
		c := sim.Config{Mu: 100, Assignor: layout.Sticky, Eager: test.eager, Initial: 3, NoTail: true, Trace: true}
		r := sim.Run(c, constant(60, 200), from(3, time.Minute, 4))
		near(t, test.name+": paused", r.PausedPartitionSeconds, test.paused)
		near(t, test.name+": oldest", r.MaxAge, test.oldest)
		if r.Rebalances != 1 || r.ScaleChanges != 1 {
			t.Errorf("%s: %d rebalances, %d changes", test.name, r.Rebalances, r.ScaleChanges)
		}
		near(t, test.name+": waits before the rebalance", r.Trace[5].Oldest, 0)
		near(t, test.name+": paid", r.ReplicaSeconds, 3*200+140)
		if at := r.Trace[6]; at.Second != 105 || at.Oldest == 0 || at.Ready != 4 {
			t.Errorf("%s: tick of the rebalance: %+v", test.name, at)
		}
	}
}

// 6 of 12 partitions move and stop for half a second, and are caught up at its end.
func TestPauseMayBePartOfASecond(t *testing.T) {
	c := sim.Config{Mu: 1000, Initial: 1, Pause: 500 * time.Millisecond, NoTail: true}
	r := sim.Run(c, constant(120, 200), from(1, time.Minute, 2))
	near(t, "paused", r.PausedPartitionSeconds, 3)
	near(t, "oldest", r.MaxAge, 0)
}

// Pods whose starts end within 3 s join by one rebalance; others have their own.
func TestStartsHaveATail(t *testing.T) {
	c := sim.Config{Mu: 100, Initial: 1, Partitions: 200, Seed: 3}
	r := sim.Run(c, constant(0, 600), from(1, 0, 200))
	// 199 starts, of which about 24 take 50 to 300 s: 199*47.4 s.
	asked := 199.0*600 + 600
	near(t, "paid", r.ReplicaSeconds, asked)
	if r.Rebalances < 10 || r.Rebalances > 30 {
		t.Errorf("%d rebalances, want the first and one for most of about 24 late ones", r.Rebalances)
	}
	c.NoTail = true
	if r := sim.Run(c, constant(0, 600), from(1, 0, 200)); r.Rebalances != 1 {
		t.Errorf("%d rebalances without a tail, want 1", r.Rebalances)
	}
}

// Of 4 workers 2 are told to stop at 60 s. They go on for 2 s, and are paid for it.
func TestFewerDrainFirst(t *testing.T) {
	c := sim.Config{Mu: 100, Assignor: layout.Sticky, Initial: 4, Trace: true}
	r := sim.Run(c, constant(120, 200), from(4, time.Minute, 2))
	near(t, "paid", r.ReplicaSeconds, 4*62+2*138)
	near(t, "paused", r.PausedPartitionSeconds, 6*5)
	near(t, "oldest", r.MaxAge, 5)
	near(t, "left", r.Backlog, 0)
	if r.Rebalances != 1 {
		t.Errorf("%d rebalances, want 1", r.Rebalances)
	}
}

// Of 6 workers 2 are told to stop at 60 s and one more at 75 s. A drain takes 20 s, and
// the rebalance at the end of the first ends all.
func TestRebalanceEndsAllDrains(t *testing.T) {
	c := sim.Config{Mu: 100, Assignor: layout.Sticky, Initial: 6, DrainTime: 20 * time.Second}
	r := sim.Run(c, constant(120, 200), policy(func(v sim.View) int32 {
		return from(from(6, time.Minute, 4)(v), 75*time.Second, 3)(v)
	}))
	near(t, "paid", r.ReplicaSeconds, 6*80+3*120)
	if r.Rebalances != 1 {
		t.Errorf("%d rebalances, want 1", r.Rebalances)
	}
}

// A pod that starts is ended before one that works, and nobody rebalances for it.
func TestStartingPodIsEndedFirst(t *testing.T) {
	c := sim.Config{Mu: 100, Initial: 2, NoTail: true}
	up := policy(func(v sim.View) int32 {
		if v.Now == 15*time.Second {
			return 5
		}
		return 2
	})
	r := sim.Run(c, constant(10, 100), up)
	near(t, "paid", r.ReplicaSeconds, 2*100+3*15)
	if r.Rebalances != 0 || r.ScaleChanges != 2 {
		t.Errorf("%d rebalances, %d changes, want 0 and 2", r.Rebalances, r.ScaleChanges)
	}
}

// The group goes to none and comes back: what was committed is where it goes on.
func TestToNoneAndBack(t *testing.T) {
	there := policy(func(v sim.View) int32 {
		if v.Now < time.Minute || v.Now >= 2*time.Minute {
			return 1
		}
		// Nobody works from 62 s on, and what was handled until then is committed.
		if p := v.Partitions[0]; v.Now > 62*time.Second && p.End-p.Committed != int64(v.Now/time.Second)-62 {
			t.Errorf("at %v: %d of a message a second wait, want those since 62 s", v.Now, p.End-p.Committed)
		}
		return 0
	})
	r := sim.Run(sim.Config{Mu: 100, Initial: 1, NoTail: true}, constant(12, 400), there)
	near(t, "paid", r.ReplicaSeconds, 62+280)
	// Nobody from 62 s until the start at 120 s, 30 s, the join and the pause: 158 s.
	near(t, "oldest", r.MaxAge, 96)
	near(t, "left", r.Backlog, 0)
	// 100 a second are handled then, of 12 a second: in s seconds those of 100/12*s, which
	// makes the eldest 96 - (100/12 - 1)*s old: 60 after 4.909 s.
	near(t, "within", r.Within, 1-100*36/(100.0/12-1)/4800)
	if r.Rebalances != 1 {
		t.Errorf("%d rebalances, want the one by which it comes back", r.Rebalances)
	}
}

// What a rebalance stops is committed first: a tick at its second sees no lag of it.
func TestHandOverCommits(t *testing.T) {
	for eager, want := range map[bool]int{false: 3, true: 12} {
		up := policy(func(v sim.View) int32 {
			committed := 0
			for _, p := range v.Partitions {
				if p.End == p.Committed {
					committed++
				}
			}
			if v.Now == 90*time.Second && committed != want {
				t.Errorf("eager %v: %d partitions are committed, want %d", eager, committed, want)
			}
			return from(3, time.Minute, 4)(v)
		})
		c := sim.Config{Mu: 100, Assignor: layout.Sticky, Eager: eager, Initial: 3, Start: 27 * time.Second, NoTail: true}
		sim.Run(c, constant(60, 100), up)
	}
}

// Members with the least lag have the highest numbers, and go first.
func TestWhoGoesFirst(t *testing.T) {
	lag := func(v sim.View, member int) (sum int64) {
		for _, p := range v.Partitions {
			if p.Owner == member {
				sum += p.End - p.Committed
			}
		}
		return sum
	}
	look := policy(func(v sim.View) int32 {
		for m := 1; m < 4 && v.Steady; m++ {
			if lag(v, m-1) < lag(v, m) {
				t.Errorf("at %v member %d has less lag than member %d: %+v", v.Now, m-1, m, v.Partitions)
			}
		}
		return 4
	})
	sim.Run(sim.Config{Mu: 100, Skew: 0.8, Initial: 4, Seed: 2, Assignor: layout.Sticky}, noise(2, 600, 600), look)
}

// A policy sees offsets as of the last commit, 3 s before, and rates after a minute.
func TestViewIsOfCommits(t *testing.T) {
	var views []sim.View
	look := policy(func(v sim.View) int32 {
		v.Partitions = slices.Clone(v.Partitions)
		views = append(views, v)
		return 2
	})
	c := sim.Config{Partitions: 2, Mu: 100, Initial: 2, MuChange: sim.Change{At: 0.5, Factor: 0.5}}
	sim.Run(c, constant(80, 300), look)
	for i, v := range views {
		p := v.Partitions[1]
		if i == 0 {
			continue
		}
		if p.End-p.Committed != 3*40 || p.HeadAge.Round(time.Millisecond) != 3*time.Second {
			t.Errorf("at %v: %d messages, %v old, want 120 and 3 s", v.Now, p.End-p.Committed, p.HeadAge)
		}
		if p.Rates != (v.Now >= time.Minute) {
			t.Errorf("at %v: rates known: %v", v.Now, p.Rates)
		}
		if v.Now > time.Minute {
			near(t, "produced", p.Produced, 40)
			near(t, "consumed", p.Consumed, 40)
		}
		near(t, "CPU", v.CPU, 0.4)
		if !v.Steady || v.Ready != 2 || v.Status != 2 || v.Replicas != 2 {
			t.Errorf("at %v: %+v", v.Now, v)
		}
	}
}

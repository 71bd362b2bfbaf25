package autoscale

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// backlog is a configuration that gives the backlog of a group of four an hour.
func backlog(c *Config) { c.CatchUp = CatchUp{Until: start.Add(time.Hour), Replicas: 4} }

// replay is a backlog of that many messages, with what is measured of the rates.
func replay(messages int64, produced, perReplica float64) func(*Observation) {
	return func(o *Observation) { o.Backlog, o.Produced, o.PerReplica = messages, produced, perReplica }
}

func TestCatchUp(t *testing.T) {
	warm := State{WindowSince: start.Add(-time.Hour), Last: start, Window: []Wanted{{start, 4}}}
	quiet := State{WindowSince: start.Add(-time.Hour), Last: start, Window: []Wanted{{start.Add(-time.Hour), 1}}}
	ended := func(c *Config) { backlog(c); c.CatchUp.Until = start }
	most := func(n int32) func(*Config) { return func(c *Config) { c.MaxReplicas = n } }
	cases := map[string]struct {
		reason string
		config Config
		state  State
		seen   Observation
		want   int32
		why    Reason
		limit  Limit
		says   string
	}{
		"InTime": {
			reason: "3,600,000 in an hour and 500 a second more, at 250 each", config: config(backlog), state: warm,
			seen: observed(4, 3_600_000, replay(3_600_000, 500, 250)), want: 6, why: ReasonCatchUp,
			says: "6: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 500 a second produced and 250 a second handled by a replica needs 6",
		},
		"NotMeasured": {
			reason: "any other count would be a guess", config: config(backlog), state: warm,
			seen: observed(4, 3_600_000, replay(3_600_000, 500, 0)), want: 4, why: ReasonCatchUp,
			says: "4: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z; held until it is measured what a replica handles",
		},
		"NotMeasuredAfterAStep": {
			reason: "the workers that were added are not taken away while they start", config: config(backlog), state: quiet,
			seen: observed(6, 3_000_000, replay(3_000_000, 500, 0)), want: 6, why: ReasonCatchUp,
			says: "6: 12 partitions, a backlog of 3,000,000 to be worked off until 2026-03-01T13:00:00Z; held until it is measured what a replica handles",
		},
		"FewerThanBefore": {
			reason: "two would do it in time, and the group had four", config: config(backlog), state: quiet,
			seen: observed(4, 3_600_000, replay(3_600_000, 0, 500)), want: 4, why: ReasonCatchUp,
			says: "4: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 0 a second produced and 500 a second handled by a replica needs 4",
		},
		"RestByTheLagTarget": {
			reason: "11,500 of another topic are no backlog and want twelve", config: config(backlog), state: warm,
			seen: observed(4, 3_611_500, replay(3_600_000, 0, 500)), want: 12, why: ReasonCatchUp,
			says: "12: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 0 a second produced and 500 a second handled by a replica needs 12",
		},
		"NextUsefulCount": {
			reason: "1,000 and 250 a second at 250 are five, and five serve as four do", config: config(backlog), state: warm,
			seen: observed(4, 3_600_000, replay(3_600_000, 250, 250)), want: 6, why: ReasonCatchUp,
			says: "6: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 250 a second produced and 250 a second handled by a replica needs 5, and 6 is the next count that helps",
		},
		"MaxReplicas": {
			reason: "the user's bound holds always", config: config(backlog, most(4)), state: warm,
			seen: observed(4, 3_600_000, replay(3_600_000, 5000, 250)), want: 4, why: ReasonCatchUp, limit: LimitMaxReplicas,
			says: "4: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 5,000 a second produced and 250 a second handled by a replica needs 24, and maxReplicas is 4",
		},
		"UsefulMembers": {
			reason: "a worker that handles a message in four seconds", config: config(backlog), state: warm,
			seen: observed(4, 3_600_000, replay(3_600_000, 0, 0.25)), want: 12, why: ReasonCatchUp, limit: LimitUsefulMembers,
			says: "12: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 0 a second produced and 0.25 a second handled by a replica needs 4000, and the partitions can use 12",
		},
		"TooLate": {
			reason: "when the time is over the backlog is lag as any other", config: config(ended), state: warm,
			seen: observed(4, 3_600_000, replay(3_600_000, 500, 250)), want: 12, why: ReasonLagTarget, limit: LimitUsefulMembers,
			says: "12: 12 partitions, lag 3,600,000 at 1,000 a replica needs 3600, and the partitions can use 12",
		},
		"WorkedOff": {
			reason: "without backlog the lag target counts alone", config: config(backlog), state: quiet,
			seen: observed(4, 100, replay(0, 500, 250)), want: 1, why: ReasonLagTarget,
			says: "1: 12 partitions, lag 100 at 1,000 a replica needs 1",
		},
		"SomeLagUnknown": {
			reason: "the partitions that are not known make it no jump", config: config(backlog), state: State{},
			seen: observed(4, 3_600_000, lagUnknown, replay(3_600_000, 0, 0)), want: 4, why: ReasonLagUnknown,
			says: `4: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"Rebalancing": {
			reason: "it is held as ever", config: config(backlog), state: warm,
			seen: observed(4, 3_600_000, rebalancing, replay(3_600_000, 500, 250)), want: 4, why: ReasonRebalancing,
			says: "4: held while the group rebalances; 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 500 a second produced and 250 a second handled by a replica needs 6",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, got := Decide(tc.config, tc.state, tc.seen, start)
			if got.Replicas != tc.want || got.Reason != tc.why || got.Limit != tc.limit || got.Message != tc.says {
				t.Errorf("%s:\n got %d %s %q %q\nwant %d %s %q %q", tc.reason,
					got.Replicas, got.Reason, got.Limit, got.Message, tc.want, tc.why, tc.limit, tc.says)
			}
		})
	}
}

// TestResetStopsAll: while a reset has the group it has no workers, whatever else is asked for.
func TestResetStopsAll(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		c, s, o := randomConfig(r), randomState(r), randomObservation(r)
		c.Reset = "replay-monday"
		_, d := Decide(c, s, o, start.Add(time.Duration(r.Int64N(int64(4*window)))))
		if d.Replicas != 0 || d.Reason != ReasonOffsetReset || d.RecheckAfter != 0 ||
			d.Message != `0: stopped while KafkaOffsetReset "replay-monday" moves the group's offsets` {
			t.Fatalf("config %+v\nstate %+v\nseen %+v\ngot %+v", c, s, o, d)
		}
	}
}

// TestCatchUpProperties tries random backlogs: the count is never below what the
// rest of the lag wants nor, while there is backlog, below what the group had, is
// enough to be in time where it can be, and never a jump that nothing measured asks for.
func TestCatchUpProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200_000 {
		c, s, o := randomConfig(r), randomState(r), randomObservation(r)
		c.Manual, c.Pause, c.Reset = false, Pause{}, ""
		c.CatchUp = CatchUp{Until: start.Add(time.Duration(r.Int64N(int64(100 * time.Hour)))), Replicas: r.Int32N(30)}
		o.Unknown, o.AllTopics, o.Rebalancing, o.StateUnknown, o.NeverJoined = 0, true, false, "", false
		if o.Lag == 0 || !o.Sampled {
			continue
		}
		o.Backlog = 1 + r.Int64N(o.Lag)
		o.Produced, o.PerReplica = r.Float64()*10_000, []float64{0, 1e-9, r.Float64() * 1000}[r.IntN(3)]
		now := start.Add(time.Duration(r.Int64N(int64(4 * window))))
		_, d := Decide(c, s, o, now)
		check := func(ok bool, what string) {
			if !ok {
				t.Fatalf("%s:\nconfig %+v\nstate %+v\nseen %+v\nat %s got %+v", what, c, s, o, now, d)
			}
		}
		group := layout.Group{Assignor: c.Assignor, Partitions: o.Partitions}
		most := group.UsefulMembers()
		check(d.Replicas <= most && (c.MaxReplicas == 0 || d.Replicas <= c.MaxReplicas), "above what is allowed or useful")
		check(slices.Contains(group.Counts(), d.Replicas), "a smaller count would serve as well")
		if c.MaxReplicas > 0 {
			most = min(most, boundsOf(c, o).ceiling)
		}
		if !now.Before(c.CatchUp.Until) {
			plain := c
			plain.CatchUp = CatchUp{}
			_, as := Decide(plain, s, o, now)
			check(d == as, "another count than the lag target's when the time is over")
			continue
		}
		check(d.Replicas >= min(most, c.CatchUp.Replicas), "fewer than before the backlog")
		rest := o
		rest.Lag, rest.Backlog = o.Lag-o.Backlog, 0
		check(d.Replicas >= min(most, needed(c, rest.Lag)), "less than the lag target wants for the rest")
		if o.PerReplica > 0 {
			left := c.CatchUp.Until.Sub(now).Seconds()
			handled := float64(d.Replicas) * o.PerReplica * left
			check(d.Replicas == most || handled >= (float64(o.Backlog)+o.Produced*left)*0.999, "not in time, and more would help")
			continue
		}
		step := max(needed(c, rest.Lag), c.CatchUp.Replicas, o.Replicas, c.MinReplicas, highestOf(s))
		check(d.Replicas <= boundsOf(c, o).roundUp(step), "up with nothing measured")
	}
}

// highestOf is the highest count that a state remembers.
func highestOf(s State) int32 {
	var highest int32
	for _, w := range s.Window {
		highest = max(highest, w.Replicas)
	}
	return highest
}

// TestCatchUpComesToAnEnd walks a group of four through a replay of 3,600,000
// messages for which it has an hour: workers do 200 a second each, 400 a second
// are produced, and a rate is measured only two minutes after each step.
func TestCatchUpComesToAnEnd(t *testing.T) {
	const perReplica, produced, tick = 200.0, 400.0, 10
	c, s, replicas := config(backlog), State{}, int32(4)
	left, measured := 3_600_000.0, -120
	var highest int32
	for at := 0; left > 0 && at < 3600; at += tick {
		o := observed(replicas, int64(left), replay(int64(left), produced, 0), partitions(60))
		if at-measured >= 120 && at > 120 {
			o.PerReplica = perReplica
		}
		var d Decision
		if s, d = Decide(c, s, o, start.Add(time.Duration(at)*time.Second)); d.Replicas != replicas {
			replicas, measured = d.Replicas, at
		}
		highest = max(highest, replicas)
		left += (produced - float64(replicas)*perReplica) * tick
	}
	// 1,000 and 400 a second, at 200 each, are seven; the steps it waits for cost it another. 60 could be used.
	if left > 0 || highest > 8 {
		t.Errorf("%.0f messages left after the hour, with at most %d workers; want none, with no more than 8", left, highest)
	}
}

package autoscale

import (
	"reflect"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// aMinute is a configuration with a lag target of 60 s.
func aMinute(mods ...func(*Config)) Config {
	c := config(mods...)
	c.MessagesPerReplica, c.Target.Target = 0, time.Minute
	return c
}

// asked is a demand with the numbers of a busy group.
func asked(replicas int32, reason target.Reason, oldest time.Duration) target.Demand {
	return target.Demand{
		Replicas: replicas, Reason: reason, Arriving: 1234, Bound: 1481, PerReplica: 423.4,
		Reaction: 45400 * time.Millisecond, Oldest: oldest, Hot: -1,
	}
}

const busy = "12 partitions, 1,200 messages a second arriving (planned for 1,500), a replica handles 420; "

func TestDecideInSeconds(t *testing.T) {
	warm := State{WindowSince: start.Add(-time.Hour), Last: start, Window: []Wanted{{start, 12}}}
	minMax := func(lo, hi int32) func(*Config) {
		return func(c *Config) { c.MinReplicas, c.MaxReplicas = lo, hi }
	}
	learning := target.Demand{Reason: target.Learning, Hot: -1}
	hot := asked(3, target.Holds, 75*time.Second)
	hot.Hot = 14
	unmeasured := asked(3, target.Holds, 20*time.Second)
	unmeasured.PerReplica = 0
	twoTopics := func(o *Observation) { o.Partitions, o.Topics = []int32{12, 4}, []string{"orders", "returns"} }
	cases := map[string]struct {
		reason string
		config Config
		seen   Observation
		demand target.Demand
		want   int32
		why    Reason
		limit  Limit
		says   string
	}{
		"Up": {
			reason: "a message would wait too long", config: aMinute(), seen: observed(3, 5000),
			demand: asked(4, target.TooOld, 75*time.Second), want: 4, why: ReasonLagTarget,
			says: "4: " + busy + "with 3 the oldest would be 75 s old in 45 s, the target is 60 s",
		},
		"Holds": {
			reason: "the target is held", config: aMinute(), seen: observed(4, 5000),
			demand: asked(4, target.Holds, 31400*time.Millisecond), want: 4, why: ReasonLagTarget,
			says: "4: " + busy + "with 4 the oldest would be 31 s old in 45 s, the target is 60 s",
		},
		"DownAtOnce": {
			reason: "twelve were wanted a moment ago by the window, which is not asked", config: aMinute(), seen: observed(12, 0),
			demand: asked(3, target.Fewer, 0), want: 3, why: ReasonLagTarget,
			says: "3: " + busy + "3 would do, the target is 60 s",
		},
		"Settling": {
			reason: "workers start", config: aMinute(), seen: observed(6, 5000),
			demand: asked(6, target.Settling, time.Second), want: 6, why: ReasonLagTarget,
			says: "6: " + busy + "held while workers start or partitions move, the target is 60 s",
		},
		"Ineffective": {
			reason: "the bottleneck is elsewhere", config: aMinute(), seen: observed(6, 5000),
			demand: asked(6, target.Ineffective, 2*time.Hour), want: 6, why: ReasonLagTarget,
			says: "6: " + busy + "more workers have not handled more, the target is 60 s",
		},
		"Learning": {
			reason: "right after a restart nothing is known of rates", config: aMinute(), seen: observed(6, 90_000),
			demand: target.Demand{Replicas: 6, Reason: target.Learning, Hot: -1}, want: 6, why: ReasonLagTarget,
			says: "6: 12 partitions, held until rates are known, the target is 60 s",
		},
		"LearningWorkers": {
			reason: "messages arrive, and no worker has handled any", config: aMinute(), seen: observed(6, 90_000),
			demand: target.Demand{Replicas: 6, Reason: target.Learning, Arriving: 1234, Hot: -1}, want: 6, why: ReasonLagTarget,
			says: "6: 12 partitions, held until it is known what a replica handles, the target is 60 s",
		},
		"FirstWorkers": {
			reason: "nothing is known, and somebody has to begin; minReplicas limits no demand", config: aMinute(), seen: observed(0, 90_000, notExisting),
			demand: learning, want: 1, why: ReasonLagTarget,
			says: "1: 12 partitions, as few as allowed until rates are known, the target is 60 s",
		},
		"FirstWorkersKnown": {
			reason: "what a worker handles is known from before a pause", config: aMinute(), seen: observed(0, 90_000),
			demand: asked(6, target.TooOld, 25*time.Hour), want: 6, why: ReasonLagTarget,
			says: "6: " + busy + "with 0 the oldest would be more than a day old in 45 s, the target is 60 s",
		},
		"NotMeasured": {
			reason: "no worker was ever full", config: aMinute(), seen: observed(3, 10),
			demand: unmeasured, want: 3, why: ReasonLagTarget,
			says: "3: 12 partitions, 1,200 messages a second arriving (planned for 1,500), what a replica handles is not known; with 3 the oldest would be 20 s old in 45 s, the target is 60 s",
		},
		"HotPartition": {
			reason: "it is named", config: aMinute(), seen: observed(3, 5000, twoTopics), demand: hot, want: 3, why: ReasonLagTarget,
			says: `3: 16 partitions, 1,200 messages a second arriving (planned for 1,500), a replica handles 420, partition 2 of topic "returns" gets more than that; with 3 the oldest would be 75 s old in 45 s, the target is 60 s`,
		},
		"AtMaxReplicas": {
			reason: "as many as are allowed don't hold it", config: aMinute(minMax(1, 5)), seen: observed(4, 90_000),
			demand: asked(4, target.Holds, 75*time.Second), want: 4, why: ReasonLagTarget, limit: LimitMaxReplicas,
			says: "4: " + busy + "with 4 the oldest would be 75 s old in 45 s, the target is 60 s, and maxReplicas is 5",
		},
		"AtUsefulMembers": {
			reason: "as many as the partitions can use don't hold it", config: aMinute(), seen: observed(12, 90_000),
			demand: asked(12, target.Holds, 75*time.Second), want: 12, why: ReasonLagTarget, limit: LimitUsefulMembers,
			says: "12: " + busy + "with 12 the oldest would be 75 s old in 45 s, the target is 60 s, and the partitions can use 12",
		},
		"AtMaxReplicasAndWell": {
			reason: "as many as are allowed hold it", config: aMinute(minMax(1, 4)), seen: observed(4, 100),
			demand: asked(4, target.Holds, 20*time.Second), want: 4, why: ReasonLagTarget,
			says: "4: " + busy + "with 4 the oldest would be 20 s old in 45 s, the target is 60 s",
		},
		"ToMaxReplicas": {
			reason: "that may be enough", config: aMinute(minMax(1, 4)), seen: observed(2, 90_000),
			demand: asked(4, target.TooOld, 75*time.Second), want: 4, why: ReasonLagTarget,
			says: "4: " + busy + "with 2 the oldest would be 75 s old in 45 s, the target is 60 s",
		},
		"MaxReplicasLowered": {
			reason: "the user's bound holds at once, whatever was asked for", config: aMinute(minMax(1, 4)), seen: observed(12, 0),
			demand: asked(12, target.Settling, 0), want: 4, why: ReasonLagTarget,
			says: "4: " + busy + "held while workers start or partitions move, the target is 60 s",
		},
		"MinReplicasRaised": {
			reason: "so does the lower one", config: aMinute(minMax(3, 0)), seen: observed(2, 0),
			demand: asked(2, target.Holds, 0), want: 3, why: ReasonLagTarget, limit: LimitMinReplicas,
			says: "3: " + busy + "with 2 the oldest would be 0 s old in 45 s, the target is 60 s, and minReplicas is 3",
		},
		"UselessCount": {
			reason: "five do no more than four", config: aMinute(), seen: observed(5, 100),
			demand: asked(5, target.Holds, 20*time.Second), want: 4, why: ReasonLagTarget,
			says: "4: " + busy + "with 5 the oldest would be 20 s old in 45 s, the target is 60 s",
		},
		"Rebalancing": {
			reason: "partitions are on the move", config: aMinute(), seen: observed(3, 5000, rebalancing),
			demand: asked(6, target.TooOld, 75*time.Second), want: 3, why: ReasonRebalancing,
			says: "3: held while the group rebalances; " + busy + "with 3 the oldest would be 75 s old in 45 s, the target is 60 s",
		},
		"GroupUnknown": {
			reason: "they may be", config: aMinute(), seen: observed(6, 0, func(o *Observation) { o.StateUnknown = "denied" }),
			demand: asked(1, target.Fewer, 0), want: 6, why: ReasonGroupUnknown,
			says: "6: held while the state of the group is unknown: denied; " + busy + "1 would do, the target is 60 s",
		},
		"NeverJoined": {
			reason: "more would not join either", config: aMinute(), seen: observed(1, 9000, neverJoined),
			demand: asked(12, target.TooOld, 75*time.Second), want: 1, why: ReasonNeverJoined,
			says: "1: held: the workers are ready, and the group has neither members nor commits",
		},
		"LagUnknown": {
			reason: "it never goes down", config: aMinute(), seen: observed(6, 0, lagUnknown),
			demand: asked(1, target.Fewer, 0), want: 6, why: ReasonLagUnknown,
			says: `6: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"LagUnknownMuch": {
			reason: "the lag that is known sets no number", config: aMinute(), seen: observed(2, 90_000, lagUnknown),
			demand: asked(12, target.TooOld, 0), want: 2, why: ReasonLagUnknown,
			says: `2: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"Paused": {
			reason: "a pause comes first", config: aMinute(pause(PauseHoldReplicas, time.Time{})), seen: observed(6, 0),
			demand: asked(1, target.Fewer, 0), want: 6, why: ReasonPaused, says: "6: held by a pause: database upgrade",
		},
		"Manual": {
			reason: "the user's number", config: aMinute(func(c *Config) { c.Manual, c.Replicas = true, 5 }), seen: observed(6, 0),
			demand: asked(1, target.Fewer, 0), want: 5, why: ReasonManual, says: "5: set by hand (scaling.mode Manual)",
		},
		"Reset": {
			reason: "a reset comes before all", config: aMinute(func(c *Config) { c.Reset = "replay" }), seen: observed(6, 0),
			demand: asked(6, target.Holds, 0), want: 0, why: ReasonOffsetReset, says: `0: stopped while KafkaOffsetReset "replay" moves the group's offsets`,
		},
		"CatchUp": {
			reason: "a backlog has a time of its own: 1,000 and 500 a second at 250 each", config: aMinute(backlog), seen: observed(4, 3_600_000, replay(3_600_000, 500, 250)),
			demand: asked(12, target.TooOld, time.Hour), want: 6, why: ReasonCatchUp,
			says: "6: 12 partitions, a backlog of 3,600,000 to be worked off until 2026-03-01T13:00:00Z, 500 a second produced and 250 a second handled by a replica needs 6",
		},
		"CaughtUp": {
			reason: "without backlog the target counts alone", config: aMinute(backlog), seen: observed(6, 100),
			demand: asked(3, target.Fewer, 0), want: 3, why: ReasonLagTarget, says: "3: " + busy + "3 would do, the target is 60 s",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.seen.demand = tc.demand
			_, got := decide(tc.config, warm, tc.seen, boundsOf(tc.config, tc.seen), start)
			if got.Replicas != tc.want || got.Reason != tc.why || got.Limit != tc.limit || got.Message != tc.says {
				t.Errorf("%s:\n got %d %s %q %q\nwant %d %s %q %q", tc.reason,
					got.Replicas, got.Reason, got.Limit, got.Message, tc.want, tc.why, tc.limit, tc.says)
			}
		})
	}
}

// TestAskedAgain: messages grow old without news, and fewer may suffice.
func TestAskedAgain(t *testing.T) {
	cases := map[string]struct {
		seen Observation
		want time.Duration
	}{
		"Lag":     {observed(1, 5), askAgain},
		"TooMany": {observed(3, 0), askAgain},
		"AtRest":  {observed(1, 0), 0},
	}
	for name, tc := range cases {
		tc.seen.demand = asked(tc.seen.Replicas, target.Holds, 0)
		if got := byTarget(aMinute(), tc.seen, boundsOf(aMinute(), tc.seen)).RecheckAfter; got != tc.want {
			t.Errorf("%s: asked again after %s, want %s", name, got, tc.want)
		}
	}
}

// TestWithin: what the target may choose from.
func TestWithin(t *testing.T) {
	cases := map[string]struct {
		reason   string
		min, max int32
		seen     Observation
		want     []int32
	}{
		"All":      {"no bounds", 1, 0, observed(1, 0), []int32{1, 2, 3, 4, 6, 12}},
		"Between":  {"5 rounds up, 9 down", 2, 9, observed(1, 0), []int32{2, 3, 4, 6}},
		"One":      {"minReplicas rounds to 6, maxReplicas to 4 and wins", 5, 5, observed(1, 0), []int32{4}},
		"MinAbove": {"the partitions win over minReplicas", 20, 0, observed(1, 0), []int32{12}},
		"Nothing":  {"no partition is known", 2, 3, notSampledYet(), nil},
	}
	for name, tc := range cases {
		c := aMinute(func(c *Config) { c.MinReplicas, c.MaxReplicas = tc.min, tc.max })
		if got := boundsOf(c, tc.seen).within(); !reflect.DeepEqual(append([]int32(nil), got...), tc.want) {
			t.Errorf("%s: %s: %v, want %v", name, tc.reason, got, tc.want)
		}
	}
}

func notSampledYet() Observation {
	o := observed(1, 0)
	notSampled(&o)
	return o
}

// sampled are twelve partitions of three members at a time, each with that many
// messages since the start, all of them handled.
func sampled(at time.Duration, messages int64) func(*Observation) {
	return func(o *Observation) {
		o.At = start.Add(at)
		o.Target = target.Observation{Ready: 3, Steady: !o.Rebalancing}
		for i := range 12 {
			o.Target.Partitions = append(o.Target.Partitions, target.Partition{End: messages, Committed: messages, Owner: i / 4})
		}
	}
}

// TestTargetRemembers: it learns from each sample once, also while its answer decides
// nothing, and not from one in which lag is unknown. Without a target in seconds it forgets.
func TestTargetRemembers(t *testing.T) {
	c := aMinute()
	s, d := Decide(c, State{}, observed(3, 0, sampled(0, 0)), start)
	if d.Replicas != 3 || d.Message != "3: 12 partitions, held until rates are known, the target is 60 s" {
		t.Fatalf("right after a restart: %s", d.Message)
	}
	first := s.Target
	if s, _ = Decide(c, s, observed(3, 0, sampled(0, 0)), start.Add(2*time.Second)); !reflect.DeepEqual(s.Target, first) {
		t.Error("the same sample was taken in twice")
	}
	if s, _ = Decide(c, s, observed(3, 0, sampled(5*time.Second, 10), lagUnknown), start.Add(5*time.Second)); !reflect.DeepEqual(s.Target, first) {
		t.Error("a sample was taken in that is not known in full")
	}
	for name, o := range map[string]struct {
		c Config
		o Observation
	}{
		"Paused":      {aMinute(pause(PauseHoldReplicas, time.Time{})), observed(3, 0, sampled(5*time.Second, 10))},
		"Manual":      {aMinute(func(c *Config) { c.Manual, c.Replicas = true, 5 }), observed(3, 0, sampled(5*time.Second, 10))},
		"Rebalancing": {c, observed(3, 0, rebalancing, sampled(5*time.Second, 10))},
		"CatchUp":     {aMinute(backlog), observed(3, 0, replay(5, 0, 0), sampled(5*time.Second, 10))},
	} {
		next, d := Decide(o.c, s, o.o, start.Add(5*time.Second))
		if reflect.DeepEqual(next.Target, first) || !next.TargetAt.Equal(start.Add(5*time.Second)) {
			t.Errorf("%s (%s): nothing was learned", name, d.Message)
		}
	}
	if s, _ = Decide(config(), s, observed(3, 0), start.Add(6*time.Second)); !reflect.DeepEqual(s.Target, target.State{}) || !s.TargetAt.IsZero() {
		t.Error("it remembers without a target in seconds")
	}
}

// TestHandledByAReplica: a backlog counts with what the target has learned of workers.
func TestHandledByAReplica(t *testing.T) {
	c := aMinute(backlog)
	c.Target.Hint = 400
	s, _ := Decide(c, State{}, observed(3, 0, sampled(0, 0)), start)
	_, d := Decide(c, s, observed(4, 3_600_000, replay(3_600_000, 1000, 0), sampled(5*time.Second, 100)), start)
	if d.Replicas != 6 || d.Reason != ReasonCatchUp { // (1,000 + 1,000) / 400 are five, and six is the next that helps
		t.Errorf("%s %s, want 6", d.Reason, d.Message)
	}
}

// TestAssignorReachesTarget: it deals as the group does. Of two topics of four
// partitions range gives one of three members two of each, sticky three at most.
func TestAssignorReachesTarget(t *testing.T) {
	oldest := map[layout.Assignor]time.Duration{}
	for _, assignor := range []layout.Assignor{layout.Range, layout.Sticky} {
		c, s := aMinute(), State{}
		c.Assignor, c.Target.Hint = assignor, 10
		for i := range int64(3) {
			o := observed(3, 8000, partitions(4, 4))
			o.At, o.Target = start.Add(time.Duration(i)*5*time.Second), target.Observation{Ready: 2, Steady: true}
			for p := range 8 {
				o.Target.Partitions = append(o.Target.Partitions, target.Partition{Topic: p / 4, Lag: 1000, Age: time.Minute, End: 1000 + 10*i, Committed: 10 * i, Rates: true, Owner: p % 2})
			}
			s, o = s.ask(c, o, boundsOf(c, o))
			oldest[assignor] = o.demand.Oldest
		}
	}
	if oldest[layout.Range] <= oldest[layout.Sticky] {
		t.Errorf("oldest %v, want the older one with range", oldest)
	}
}

package autoscale

import (
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const window = 2 * time.Minute

func config(mods ...func(*Config)) Config {
	c := Config{MinReplicas: 1, MessagesPerReplica: 1000, Assignor: layout.Range, ScaleDownAfter: window}
	for _, mod := range mods {
		mod(&c)
	}
	return c
}

func observed(replicas int32, lag int64, mods ...func(*Observation)) Observation {
	o := Observation{
		Exists: true, Replicas: replicas, Sampled: true, Lag: lag,
		Partitions: []int32{12}, AllTopics: true,
	}
	for _, mod := range mods {
		mod(&o)
	}
	return o
}

func lagUnknown(o *Observation) {
	o.Unknown, o.WhyUnknown = 1, `topic "orders": topic does not exist`
}
func notSampled(o *Observation)  { *o = Observation{Exists: o.Exists, Replicas: o.Replicas} }
func rebalancing(o *Observation) { o.Rebalancing = true }
func neverJoined(o *Observation) { o.NeverJoined = true }
func notExisting(o *Observation) { o.Exists, o.Replicas = false, 0 }
func partitions(p ...int32) func(*Observation) {
	return func(o *Observation) { o.Partitions = p }
}

func pause(mode PauseMode, until time.Time) func(*Config) {
	return func(c *Config) { c.Pause = Pause{Mode: mode, Until: until, Reason: "database upgrade"} }
}

func TestDecideOnce(t *testing.T) {
	// The state of a group whose lag has been known for long and wanted 12 just now.
	warm := State{WindowSince: start.Add(-time.Hour), Last: start, Window: []Wanted{{start, 12}}}
	// The same, having wanted no more than one for long.
	quiet := State{WindowSince: start.Add(-time.Hour), Last: start, Window: []Wanted{{start.Add(-time.Hour), 1}}}
	unknown := State{UnknownSince: start.Add(-10 * time.Minute), Last: start}
	minMax := func(lo, hi int32) func(*Config) {
		return func(c *Config) { c.MinReplicas, c.MaxReplicas = lo, hi }
	}
	manual := func(c *Config) { c.Manual, c.Replicas = true, 5 }
	recommend := func(c *Config) { c.Recommend = true }
	onUnknown := func(c *Config) { c.OnUnknown = OnUnknown{After: 5 * time.Minute, MinReplicas: 3} }

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
		"UpAtOnce": {
			reason: "5,200 messages at 1,000 a worker are six",
			config: config(), state: warm, seen: observed(2, 5200), want: 6, why: ReasonLagTarget,
			says: "6: 12 partitions, lag 5,200 at 1,000 a replica needs 6",
		},
		"NextUsefulCount": {
			reason: "five workers leave the busiest as much as four do",
			config: config(), state: warm, seen: observed(2, 4100), want: 6, why: ReasonLagTarget,
			says: "6: 12 partitions, lag 4,100 at 1,000 a replica needs 5, and 6 is the next count that helps",
		},
		"UsefulMembers": {
			reason: "a thirteenth worker would get no partition",
			config: config(), state: warm, seen: observed(6, 90000), want: 12, why: ReasonLagTarget, limit: LimitUsefulMembers,
			says: "12: 12 partitions, lag 90,000 at 1,000 a replica needs 90, and the partitions can use 12",
		},
		"RangeOfTwoTopics": {
			reason: "range uses 12 members for two topics of 12",
			config: config(), state: warm, seen: observed(6, 90000, partitions(12, 12)), want: 12, why: ReasonLagTarget, limit: LimitUsefulMembers,
			says: "12: 24 partitions, lag 90,000 at 1,000 a replica needs 90, and the partitions can use 12",
		},
		"MaxReplicasRoundsDown": {
			reason: "five of twelve partitions' workers serve no better than four",
			config: config(minMax(1, 5)), state: warm, seen: observed(1, 90000), want: 4, why: ReasonLagTarget, limit: LimitMaxReplicas,
			says: "4: 12 partitions, lag 90,000 at 1,000 a replica needs 90, and maxReplicas is 5",
		},
		"MinReplicasRoundsUp": {
			reason: "min 5 of 12 partitions is 6, also when that is above the present count in the cool-down",
			config: config(minMax(5, 0)), state: warm, seen: observed(4, 0), want: 6, why: ReasonLagTarget, limit: LimitMinReplicas,
			says: "6: 12 partitions, lag 0 at 1,000 a replica needs 1, and minReplicas is 5",
		},
		"MaxWinsOverRoundedMin": {
			reason: "min 5 rounds to 6, max 5 rounds to 4 and wins",
			config: config(minMax(5, 5)), state: warm, seen: observed(4, 0), want: 4, why: ReasonLagTarget, limit: LimitMinReplicas,
			says: "4: 12 partitions, lag 0 at 1,000 a replica needs 1, and minReplicas is 5",
		},
		"MinAboveUseful": {
			reason: "a topic of one partition uses one worker whatever minReplicas says",
			config: config(minMax(3, 0)), state: warm, seen: observed(3, 0, partitions(1)), want: 1, why: ReasonLagTarget,
			says: "1: 1 partition, lag 0 at 1,000 a replica needs 1",
		},
		"DownAfterTheWindow": {
			reason: "nothing above one was wanted for an hour",
			config: config(), state: quiet, seen: observed(12, 0), want: 1, why: ReasonLagTarget,
			says: "1: 12 partitions, lag 0 at 1,000 a replica needs 1",
		},
		"CoolingDown": {
			reason: "twelve were wanted a moment ago",
			config: config(), state: warm, seen: observed(12, 300), want: 12, why: ReasonCoolingDown,
			says: "12: 12 partitions, lag 300 at 1,000 a replica needs 1; held until that has been so for 2m0s",
		},
		"AfterRestartNoScaleDown": {
			reason: "an empty state has not watched for long enough",
			config: config(), state: State{}, seen: observed(12, 0), want: 12, why: ReasonCoolingDown,
			says: "12: 12 partitions, lag 0 at 1,000 a replica needs 1; held until that has been so for 2m0s",
		},
		"AfterRestartUp": {
			reason: "scaling up needs no history",
			config: config(), state: State{}, seen: observed(1, 3000), want: 3, why: ReasonLagTarget,
			says: "3: 12 partitions, lag 3,000 at 1,000 a replica needs 3",
		},
		"Rebalancing": {
			reason: "lag during a rebalance is of our own making",
			config: config(), state: warm, seen: observed(2, 9000, rebalancing), want: 2, why: ReasonRebalancing,
			says: "2: held while the group rebalances; 12 partitions, lag 9,000 at 1,000 a replica needs 9",
		},
		"RebalancingBelowMin": {
			reason: "the user's bounds hold during a rebalance too",
			config: config(minMax(3, 0)), state: warm, seen: observed(2, 0, rebalancing), want: 3, why: ReasonLagTarget, limit: LimitMinReplicas,
			says: "3: 12 partitions, lag 0 at 1,000 a replica needs 1, and minReplicas is 3",
		},
		"GroupUnknown": {
			reason: "a group whose state can't be read may be rebalancing",
			config: config(), state: warm, seen: observed(2, 9000, func(o *Observation) { o.StateUnknown = "describe group: not authorized" }), want: 2, why: ReasonGroupUnknown,
			says: "2: held while the state of the group is unknown: describe group: not authorized; 12 partitions, lag 9,000 at 1,000 a replica needs 9",
		},
		"NeverJoined": {
			reason: "workers that don't join can't be helped by more of them",
			config: config(), state: warm, seen: observed(1, 9000, neverJoined), want: 1, why: ReasonNeverJoined,
			says: "1: held: the workers are ready, and the group has neither members nor commits",
		},
		"FirstWorkersByLag": {
			reason: "a new object starts with what its lag wants",
			config: config(), state: State{}, seen: observed(0, 3500, notExisting), want: 4, why: ReasonLagTarget,
			says: "4: 12 partitions, lag 3,500 at 1,000 a replica needs 4",
		},
		"FirstWorkersUnknown": {
			reason: "a new object whose broker is away starts with minReplicas",
			config: config(minMax(2, 0)), state: State{}, seen: observed(0, 0, notExisting, notSampled), want: 2, why: ReasonLagUnknown,
			says: "2: the first workers; the lag is unknown: ",
		},
		"UnknownHolds": {
			reason: "unknown is never zero",
			config: config(), state: unknown, seen: observed(6, 0, lagUnknown), want: 6, why: ReasonLagUnknown,
			says: `6: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"UnknownUpByKnownPart": {
			reason: "the known partitions alone want four",
			config: config(), state: unknown, seen: observed(2, 3500, lagUnknown), want: 4, why: ReasonLagTarget,
			says: "4: 12 partitions, the known lag alone, 3,500 at 1,000 a replica needs 4",
		},
		"UnknownAboveUseful": {
			reason: "a count above what the known topics can use is not lowered while another topic is unknown",
			config: config(), state: unknown, seen: observed(12, 0, lagUnknown, partitions(4)), want: 12, why: ReasonLagUnknown,
			says: `12: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"UnknownBelowMin": {
			reason: "minReplicas 20 are 12 while 12 partitions are known; nothing known must not raise them",
			config: config(minMax(20, 0)), state: unknown, seen: observed(12, 0, notSampled), want: 12, why: ReasonLagUnknown,
			says: "12: held while the lag is unknown: ",
		},
		"UnknownAtZero": {
			reason: "after a pause with the broker away the user's minimum runs",
			config: config(), state: unknown, seen: observed(0, 0, notSampled), want: 1, why: ReasonLagUnknown,
			says: "1: held while the lag is unknown: ",
		},
		"OnUnknownRaises": {
			reason: "unknown for ten minutes, five were allowed",
			config: config(onUnknown), state: unknown, seen: observed(1, 0, lagUnknown), want: 3, why: ReasonOnUnknown,
			says: `3: the lag has been unknown for 5m0s, and onUnknown asks for at least 3: topic "orders": topic does not exist`,
		},
		"OnUnknownNeverLowers": {
			reason: "it is a floor",
			config: config(onUnknown), state: unknown, seen: observed(6, 0, lagUnknown), want: 6, why: ReasonLagUnknown,
			says: `6: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"OnUnknownTooEarly": {
			reason: "five minutes have not passed",
			config: config(onUnknown), state: State{}, seen: observed(1, 0, lagUnknown), want: 1, why: ReasonLagUnknown,
			says: `1: held while the lag is unknown: topic "orders": topic does not exist`,
		},
		"MaxWinsWhileUnknown": {
			reason: "a maximum that the user lowered is obeyed, known lag or not",
			config: config(minMax(1, 3)), state: unknown, seen: observed(6, 0, lagUnknown), want: 3, why: ReasonLagUnknown, limit: LimitMaxReplicas,
			says: `3: held while the lag is unknown: topic "orders": topic does not exist, and maxReplicas is 3`,
		},
		"Manual": {
			reason: "literal: five of twelve, and no bounds",
			config: config(manual, minMax(6, 6)), state: warm, seen: observed(2, 90000), want: 5, why: ReasonManual,
			says: "5: set by hand (scaling.mode Manual)",
		},
		"Recommend": {
			reason: "the count is held, and six are told",
			config: config(recommend), state: warm, seen: observed(2, 5200), want: 2, why: ReasonRecommend,
			says: "2: held (scaling.mode Recommend), Auto would be 6: 12 partitions, lag 5,200 at 1,000 a replica needs 6",
		},
		"RecommendLimited": {
			reason: "what would limit it is told too",
			config: config(recommend, minMax(1, 4)), state: warm, seen: observed(5, 9000), want: 5, why: ReasonRecommend, limit: LimitMaxReplicas,
			says: "5: held (scaling.mode Recommend), Auto would be 4: 12 partitions, lag 9,000 at 1,000 a replica needs 9, and maxReplicas is 4",
		},
		"RecommendFirst": {
			reason: "where there are none it is what they begin with",
			config: config(recommend), state: State{}, seen: observed(0, 1500, notExisting), want: 2, why: ReasonRecommend,
			says: "2: held (scaling.mode Recommend), Auto would be 2: 12 partitions, lag 1,500 at 1,000 a replica needs 2",
		},
		"RecommendPaused": {
			reason: "a pause comes first",
			config: config(recommend, pause(PauseScaleToZero, time.Time{})), state: warm, seen: observed(5, 1500), want: 0, why: ReasonPaused,
			says: "0: stopped by a pause: database upgrade",
		},
		"PauseHold": {
			reason: "a pause holds the literal count",
			config: config(pause(PauseHoldReplicas, time.Time{})), state: warm, seen: observed(5, 90000), want: 5, why: ReasonPaused,
			says: "5: held by a pause: database upgrade",
		},
		"PauseHoldNothingYet": {
			reason: "an object created paused gets its minimum",
			config: config(pause(PauseHoldReplicas, time.Time{}), minMax(2, 0)), state: State{}, seen: observed(0, 90000, notExisting), want: 2, why: ReasonPaused,
			says: "2: held by a pause: database upgrade",
		},
		"PauseZero": {
			reason: "stops the workers, also in Manual",
			config: config(pause(PauseScaleToZero, start.Add(time.Hour)), manual), state: warm, seen: observed(5, 90000), want: 0, why: ReasonPaused,
			says: "0: stopped by a pause until 2026-03-01T13:00:00Z: database upgrade",
		},
		"PauseEnded": {
			reason: "at until the pause is over",
			config: config(pause(PauseScaleToZero, start)), state: warm, seen: observed(0, 1500), want: 2, why: ReasonLagTarget,
			says: "2: 12 partitions, lag 1,500 at 1,000 a replica needs 2",
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

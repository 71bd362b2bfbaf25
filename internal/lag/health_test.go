package lag

import (
	"cmp"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// scene is n samples, each after the change; first is done once before them.
type scene struct {
	n      int
	first  func(*film)
	change func(*film)
	every  time.Duration
}

func (s scene) play(f *film) (last Partition) {
	if s.first != nil {
		s.first(f)
	}
	for range s.n {
		if s.change != nil {
			s.change(f)
		}
		last = f.next(cmp.Or(s.every, interval))
	}
	return last
}

func TestHealth(t *testing.T) {
	assign := func(client string) func(*film) { return func(f *film) { f.assign(client) } }
	commit := func(at int64) func(*film) { return func(f *film) { f.partition().Committed = at } }
	state := func(s kafka.GroupState) func(*film) { return func(f *film) { f.sample.State = s } }
	broken := func(f *film) { f.partition().Err = errLeader }
	mended := func(f *film) { f.partition().Err = nil }

	cases := map[string]struct {
		reason            string
		maxProcessingTime time.Duration
		commitInterval    time.Duration
		scenes            []scene
		want              Health
		since             time.Duration // after the first sample
	}{
		"CaughtUp": {
			reason: "no lag is health, whoever has the partition and however long",
			scenes: []scene{{n: 40, first: func(f *film) { f.assign(""); f.partition().Committed = 1000 }}},
			want:   HealthOK,
		},
		"Residue": {
			reason: "a fetch found nothing but markers up to the end: not stuck, idle",
			scenes: []scene{{n: 40, first: func(f *film) { f.partition().Empty = true }}},
			want:   HealthOK,
		},
		"Poison": {
			reason: "the same offsets with a record behind them and a silent producer: the eleventh sample is the tenth step and 50 s",
			scenes: []scene{{n: 11}},
			want:   HealthStalled, since: 50 * time.Second,
		},
		"PoisonTooSoon": {
			reason: "nine steps are not enough",
			scenes: []scene{{n: 10}},
			want:   HealthOK,
		},
		"PoisonTooFast": {
			reason: "a group that is sampled every second needs its 50 s all the same",
			scenes: []scene{{n: 50, every: time.Second}},
			want:   HealthOK,
		},
		"PoisonIdlePace": {
			reason: "ten steps of 15 s",
			scenes: []scene{{n: 11, every: 15 * time.Second}},
			want:   HealthStalled, since: 150 * time.Second,
		},
		"PoisonUnderTraffic": {
			reason: "the producer goes on",
			scenes: []scene{{n: 11, change: moves(100, 0)}},
			want:   HealthStalled, since: 50 * time.Second,
		},
		"LongProcessing": {
			reason:            "a message may take 60 s: nothing is said before 110 s without a commit",
			maxProcessingTime: time.Minute,
			scenes:            []scene{{n: 22}},
			want:              HealthOK,
		},
		"TooLongProcessing": {
			reason:            "110 s without a commit",
			maxProcessingTime: time.Minute,
			scenes:            []scene{{n: 23}},
			want:              HealthStalled, since: 110 * time.Second,
		},
		"RareCommits": {
			reason:         "commits every 2 min, of a worker that handles all the time: nothing is said before 170 s without one",
			commitInterval: 2 * time.Minute,
			scenes:         []scene{{n: 25}, {n: 1, change: moves(0, 50)}, {n: 33}},
			want:           HealthOK,
		},
		"TooRareCommits": {
			reason:         "170 s without a commit",
			commitInterval: 2 * time.Minute,
			scenes:         []scene{{n: 35}},
			want:           HealthStalled, since: 170 * time.Second,
		},
		"RareCommitsAreNotSlow": {
			reason:         "between two commits the lag grows, however fast the worker is",
			commitInterval: 2 * time.Minute,
			scenes: []scene{
				{n: 25, change: moves(10, 0)}, {n: 1, change: moves(10, 250)},
				{n: 24, change: moves(10, 0)}, {n: 1, change: moves(10, 250)}, {n: 24, change: moves(10, 0)},
			},
			want: HealthOK,
		},
		"LongProcessingAndRareCommits": {
			reason:            "a message of 60 s, begun right after a commit, and 60 s until the next",
			maxProcessingTime: time.Minute, commitInterval: time.Minute,
			scenes: []scene{{n: 34}},
			want:   HealthOK,
		},
		"NeverCommitted": {
			reason: "a worker that has the partition and never commits is as stuck as one that stopped to",
			scenes: []scene{{n: 11, first: commit(kafka.NoOffset)}},
			want:   HealthStalled, since: 50 * time.Second,
		},
		"ProgressEndsStalled": {
			reason: "one commit is enough",
			scenes: []scene{{n: 11}, {n: 1, change: moves(0, 1)}},
			want:   HealthOK, since: 55 * time.Second,
		},
		"CaughtUpInBetween": {
			reason: "lag must last through the window",
			scenes: []scene{{n: 8}, {n: 1, change: moves(0, 100)}, {n: 8, first: moves(100, 0)}},
			want:   HealthOK,
		},
		"ResidueInBetween": {
			reason: "also when it ended without a commit",
			scenes: []scene{
				{n: 8},
				{n: 2, first: func(f *film) { f.partition().Empty = true }},
				{n: 6, first: func(f *film) { f.partition().Empty = false; f.partition().End++ }},
			},
			want: HealthOK,
		},
		"Gap": {
			reason: "what nobody saw is no evidence: 45 s, ten minutes without a broker, 45 s make one step short of ten each time",
			scenes: []scene{{n: 5}, {n: 60, first: broken}, {n: 6, first: mended}},
			want:   HealthOK,
		},
		"GapByConnection": {
			reason: "the same when no broker answered at all",
			scenes: []scene{
				{n: 5},
				{n: 60, first: func(f *film) { f.sample.ConnectionErr = kafka.ErrUnreachable }},
				{n: 6, first: func(f *film) { f.sample.ConnectionErr = nil }},
			},
			want: HealthOK,
		},
		"GapBetweenSamples": {
			reason: "and when no sample came: a step longer than three slow intervals counts nothing",
			scenes: []scene{{n: 6}, {n: 1, every: time.Hour}, {n: 4}},
			want:   HealthOK,
		},
		"GapKeepsEvidence": {
			reason: "5 steps before a gap and 5 after it are ten",
			scenes: []scene{{n: 6}, {n: 3, first: broken}, {n: 6, first: mended}},
			want:   HealthStalled, since: 70 * time.Second,
		},
		"UnknownNow": {
			reason: "unknown lag has no verdict",
			scenes: []scene{{n: 20}, {n: 1, first: broken}},
			want:   HealthUnknown,
		},
		"StalledOutlastsUnknown": {
			reason: "an unread partition is not a cured one: the verdict and its beginning come back",
			scenes: []scene{{n: 20}, {n: 1, first: broken}, {n: 1, first: mended}},
			want:   HealthStalled, since: 50 * time.Second,
		},
		"NobodyThere": {
			reason: "lag, and a group without members; wanted or not, Lagrange can't know",
			scenes: []scene{{n: 11, first: assign("")}},
			want:   HealthStopped, since: 50 * time.Second,
		},
		"NobodyHasIt": {
			reason: "members, but none has this partition",
			scenes: []scene{{n: 11, first: func(f *film) { f.sample.Members[0].Assigned = nil }}},
			want:   HealthStopped, since: 50 * time.Second,
		},
		"WorkersComeBack": {
			reason: "new workers on a partition that was Stopped get a whole window",
			scenes: []scene{{n: 11}, {n: 20, first: assign("")}, {n: 10, first: assign("worker-1")}},
			want:   HealthOK, since: 155 * time.Second,
		},
		"CrashLoop": {
			reason: "a worker that has the partition for 20 s and crashes, again and again, adds up to 50 s",
			scenes: []scene{
				{n: 5, first: assign("a")},
				{n: 5, first: assign("")},
				{n: 5, first: assign("a")},
				{n: 5, first: assign("")},
				{n: 5, first: assign("b")},
			},
			want: HealthStalled, since: 110 * time.Second,
		},
		"RebalancingHoldsOK": {
			reason: "while partitions change hands nothing new is said",
			scenes: []scene{{n: 3}, {n: 40, first: state(kafka.StatePreparingRebalance)}},
			want:   HealthOK,
		},
		"RebalancingIsNoEvidence": {
			reason: "nor is anything said of that time afterwards",
			scenes: []scene{{n: 3}, {n: 40, first: state(kafka.StatePreparingRebalance)}, {n: 1, first: state(kafka.StateStable)}},
			want:   HealthOK,
		},
		"RebalancingIsNoSlowness": {
			reason: "commits under way while partitions change hands are no measure of the workers",
			scenes: []scene{{n: 3, change: moves(100, 60)}, {n: 40, first: state(kafka.StateAssigning), change: moves(100, 60)}, {n: 1, first: state(kafka.StateStable), change: moves(100, 60)}},
			want:   HealthOK,
		},
		"RebalancingHoldsStalled": {
			reason: "and nothing old is taken back",
			scenes: []scene{{n: 11}, {n: 4, first: state(kafka.StateReconciling), change: moves(5, 1)}},
			want:   HealthStalled, since: 50 * time.Second,
		},
		"CaughtUpWhileRebalancing": {
			reason: "no lag is no lag",
			scenes: []scene{{n: 11}, {n: 1, first: state(kafka.StateReconciling), change: moves(0, 100)}},
			want:   HealthOK, since: 55 * time.Second,
		},
		"MembersUnread": {
			reason: "Stalled or Stopped can't be told apart: neither is said",
			scenes: []scene{{n: 40, first: func(f *film) { f.sample.StateErr = kafka.ErrTimeout }}},
			want:   HealthOK,
		},
		"Rewound": {
			reason: "the commit went back from 900 to 100 and reads on from there",
			scenes: []scene{{n: 3}, {n: 1, first: commit(100)}, {n: 30, change: moves(0, 10)}},
			want:   HealthRewound, since: 20 * time.Second,
		},
		"RewoundOnce": {
			reason: "in one sample only it is a race between two commits",
			scenes: []scene{{n: 3}, {n: 1, first: commit(100)}, {n: 1, first: commit(901)}},
			want:   HealthOK,
		},
		"RewoundRecovered": {
			reason: "where it was before, it is no replay any more",
			scenes: []scene{{n: 3}, {n: 3, first: commit(100)}, {n: 1, first: commit(900)}},
			want:   HealthOK, since: 30 * time.Second,
		},
		"RewoundTruncated": {
			reason: "a log that lost its tail: at its end there is nothing left to recover",
			scenes: []scene{
				{n: 3},
				{n: 3, first: func(f *film) { f.partition().End = 500 }},
				{n: 3, first: commit(0)},
				{n: 1, first: commit(500)},
				{n: 1, change: moves(10, 5)},
			},
			want: HealthOK, since: 45 * time.Second,
		},
		"RewoundTwice": {
			reason: "back from 900 to 500 and to 100: at 600 it is still not where it was",
			scenes: []scene{{n: 3}, {n: 1, first: commit(500)}, {n: 1, first: commit(100)}, {n: 1, first: commit(600)}},
			want:   HealthRewound, since: 20 * time.Second,
		},
		"RewoundBelowStart": {
			reason: "retention passed both commits: the group reads on from the log start in either case",
			scenes: []scene{{n: 3, first: func(f *film) { f.partition().Start = 950 }}, {n: 3, first: commit(100)}},
			want:   HealthOK,
		},
		"InitialOffsetChanged": {
			reason: "a partition without commit that will be read from another place was not rewound",
			scenes: []scene{
				{n: 3, first: func(f *film) { f.options.Initial = kafka.InitialLatest; f.partition().Committed = kafka.NoOffset }},
				{n: 3, first: func(f *film) { f.options.Initial = kafka.InitialEarliest }},
			},
			want: HealthOK,
		},
		"CommitsDeleted": {
			reason: "without its commit the partition is read again from the log start",
			scenes: []scene{{n: 3}, {n: 2, first: commit(kafka.NoOffset)}},
			want:   HealthRewound, since: 20 * time.Second,
		},
		"RewoundAndStalled": {
			reason: "a replay that does not get on is Stalled, which says more",
			scenes: []scene{{n: 3}, {n: 11, first: commit(100)}},
			want:   HealthStalled, since: 65 * time.Second,
		},
		"Slow": {
			reason: "100 in, 60 out: the lag only grows",
			scenes: []scene{{n: 11, change: moves(100, 60)}},
			want:   HealthSlow, since: 50 * time.Second,
		},
		"SlowOnce": {
			reason: "one step that made it less, and the window is not full of growth",
			scenes: []scene{{n: 8, change: moves(100, 60)}, {n: 1, change: moves(100, 120)}, {n: 8, change: moves(100, 60)}},
			want:   HealthOK,
		},
		"SlowAfterIdle": {
			reason: "time without lag is no evidence against the workers",
			scenes: []scene{{n: 20, first: commit(1000), change: moves(100, 100)}, {n: 3, change: moves(100, 60)}},
			want:   HealthOK,
		},
		"NoCommits": {
			reason: "lag grew, first with an owner, then without: neither for the whole window, and Slow needs commits",
			scenes: []scene{{n: 7, change: moves(100, 0)}, {n: 7, first: assign(""), change: moves(100, 0)}},
			want:   HealthOK,
		},
		"KeepsUp": {
			reason: "lag that neither falls nor grows is the price of batching",
			scenes: []scene{{n: 40, change: moves(100, 100)}},
			want:   HealthOK,
		},
		"SlowBehindRetention": {
			reason: "lag that retention makes less, by deleting what was not read, was not caught up",
			scenes: []scene{
				{n: 5, change: moves(100, 60)},
				{n: 1, change: func(f *film) { f.partition().Start = f.partition().End - 20 }},
				{n: 1, change: func(f *film) { f.partition().End += 100; f.partition().Committed = f.partition().Start + 60 }},
				{n: 4, change: moves(100, 60)},
			},
			want: HealthSlow, since: 50 * time.Second,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFilm()
			f.options.MaxProcessingTime, f.options.CommitInterval = tc.maxProcessingTime, tc.commitInterval
			f.sample.At = noon
			var last Partition
			for _, s := range tc.scenes {
				last = s.play(f)
			}
			var since time.Duration
			if !last.Since.IsZero() {
				since = last.Since.Sub(f.history.began)
			}
			if diff := gocmp.Diff([]any{tc.want, tc.since}, []any{last.Health, since}); diff != "" {
				t.Errorf("%s: verdict and its beginning: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

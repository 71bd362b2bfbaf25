package lag

import (
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// perSecond is a known rate.
func perSecond(n float64) Rate { return Rate{PerSecond: n, Known: true} }

func TestRates(t *testing.T) {
	cases := map[string]struct {
		reason string
		scenes []scene
		want   [2]Rate // produced, consumed
	}{
		"First": {
			reason: "one sample has no rate",
			scenes: []scene{{n: 1}},
		},
		"TooClose": {
			reason: "two samples 2 s apart have none either",
			scenes: []scene{{n: 1}, {n: 1, every: 2 * time.Second, change: moves(100, 10)}},
		},
		"Second": {
			reason: "100 and 60 in 5 s",
			scenes: []scene{{n: 1}, {n: 1, change: moves(100, 60)}},
			want:   [2]Rate{perSecond(20), perSecond(12)},
		},
		"Idle": {
			reason: "nothing in, nothing out, and known to be so",
			scenes: []scene{{n: 20}},
			want:   [2]Rate{perSecond(0), perSecond(0)},
		},
		"Window": {
			reason: "the burst is out of the window of 12 samples",
			scenes: []scene{{n: 2, change: moves(90000, 5000)}, {n: 12, change: moves(50, 25)}},
			want:   [2]Rate{perSecond(10), perSecond(5)},
		},
		"SampledOften": {
			reason: "samples a second apart don't shrink the window to twelve of them: it has all of these 39 s",
			scenes: []scene{{n: 20, every: time.Second, change: moves(100, 100)}, {n: 20, every: time.Second, change: moves(50, 50)}},
			want:   [2]Rate{perSecond(2900.0 / 39), perSecond(2900.0 / 39)},
		},
		"LogEndBack": {
			reason: "a truncated log was not produced to backwards",
			scenes: []scene{{n: 2, change: moves(100, 0)}, {n: 1, first: func(f *film) { f.partition().End -= 500; f.partition().Committed -= 500 }}, {n: 1, change: moves(50, 50)}},
			want:   [2]Rate{perSecond(10), perSecond(50.0 / 15)},
		},
		"LogEndAnywhere": {
			reason: "offsets that jump through their whole range make no rate below 0",
			scenes: []scene{{n: 2}, {n: 1, first: func(f *film) { f.partition().End = math.MaxInt64 }}, {n: 1, first: func(f *film) { f.partition().End = 1000 }}, {n: 1, first: func(f *film) { f.partition().End = math.MaxInt64 }}},
			want:   [2]Rate{perSecond(float64(uint64(math.MaxInt64-1000)*2) / 20), perSecond(0)},
		},
		"CommitBack": {
			reason: "a rewind is no consumption backwards",
			scenes: []scene{{n: 2, change: moves(0, 50)}, {n: 1, change: moves(0, -700)}, {n: 1, change: moves(0, 40)}},
			want:   [2]Rate{perSecond(0), perSecond(6)},
		},
		"RetentionPassed": {
			reason: "start 940: from 900 to 960 the group read 20",
			scenes: []scene{{n: 1}, {n: 1, first: func(f *film) { f.partition().Start = 940; f.partition().Committed = 960 }}},
			want:   [2]Rate{perSecond(0), perSecond(4)},
		},
		"FirstCommit": {
			reason: "a group that starts at 100 and commits 150 has read 50",
			scenes: []scene{
				{n: 1, first: func(f *film) { f.partition().Start = 100; f.partition().Committed = kafka.NoOffset }},
				{n: 1, first: func(f *film) { f.partition().Committed = 150 }},
			},
			want: [2]Rate{perSecond(0), perSecond(10)},
		},
		"NoCommitYet": {
			reason: "with latest the place to start moves with the log end, and nothing is consumed",
			scenes: []scene{
				{n: 1, first: func(f *film) { f.options.Initial = kafka.InitialLatest; f.partition().Committed = kafka.NoOffset }},
				{n: 1, change: func(f *film) { f.partition().End += 100 }},
			},
			want: [2]Rate{perSecond(20), perSecond(0)},
		},
		"ResetWhileStopped": {
			reason: "a commit of a group without members is an administrator's",
			scenes: []scene{{n: 2, first: func(f *film) { f.assign("") }}, {n: 1, change: moves(100, 100)}},
			want:   [2]Rate{perSecond(10), perSecond(0)},
		},
		"LastCommitsBeforeStop": {
			reason: "workers that stop commit what they have done and leave",
			scenes: []scene{{n: 1}, {n: 1, first: func(f *film) { f.assign("") }, change: moves(100, 100)}},
			want:   [2]Rate{perSecond(20), perSecond(20)},
		},
		"OpenTransaction": {
			reason: "the log grows behind an open transaction too",
			scenes: []scene{{n: 1, first: func(f *film) { f.partition().HighWatermark = 1000 }}, {n: 1, first: func(f *film) { f.partition().HighWatermark = 1200 }}},
			want:   [2]Rate{perSecond(40), perSecond(0)},
		},
		"Unread": {
			reason: "unknown now is unknown",
			scenes: []scene{{n: 5, change: moves(100, 60)}, {n: 1, first: func(f *film) { f.partition().Err = errLeader }}},
		},
		"AcrossAGap": {
			reason: "what moved unseen moved all the same: 300 in 15 s",
			scenes: []scene{
				{n: 1},
				{n: 2, first: func(f *film) { f.partition().Err = errLeader }},
				{n: 1, first: func(f *film) { f.partition().Err = nil }, change: moves(300, 150)},
			},
			want: [2]Rate{perSecond(20), perSecond(10)},
		},
		"FirstUnread": {
			reason: "the window of a partition begins where it was first known",
			scenes: []scene{
				{n: 3, first: func(f *film) { f.partition().Err = errLeader }},
				{n: 2, first: func(f *film) { f.partition().Err = nil }, change: moves(100, 50)},
			},
			want: [2]Rate{perSecond(20), perSecond(10)},
		},
		"UnreadOnceInWindow": {
			reason: "the place in the ring that the unread sample left empty is not the one of a round before",
			scenes: []scene{
				{n: 12, change: moves(100, 50)},
				{n: 1, first: func(f *film) { f.partition().Err = errLeader }},
				{n: 11, first: func(f *film) { f.partition().Err = nil }},
			},
			want: [2]Rate{perSecond(0), perSecond(0)},
		},
		"TopicUnreadOnceInWindow": {
			reason: "the same when the whole topic was unread",
			scenes: []scene{
				{n: 12, change: moves(100, 50)},
				{n: 1, first: func(f *film) { f.sample.Topics[0].Err = errLeader }},
				{n: 11, first: func(f *film) { f.sample.Topics[0].Err = nil }},
			},
			want: [2]Rate{perSecond(0), perSecond(0)},
		},
		"UnreachableOnceInWindow": {
			reason: "the same when no broker answered",
			scenes: []scene{
				{n: 12, change: moves(100, 50)},
				{n: 1, first: func(f *film) { f.sample.ConnectionErr = errLeader }},
				{n: 11, first: func(f *film) { f.sample.ConnectionErr = nil }},
			},
			want: [2]Rate{perSecond(0), perSecond(0)},
		},
		"AfterAnOutage": {
			reason: "a mean over an hour is no rate of now",
			scenes: []scene{{n: 3}, {n: 1, every: time.Hour, change: moves(3600, 3600)}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFilm()
			var last Partition
			for _, s := range tc.scenes {
				last = s.play(f)
			}
			if diff := cmp.Diff(tc.want, [2]Rate{last.Produced, last.Consumed}); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestGroupRates(t *testing.T) {
	known := Partition{Produced: perSecond(20), Consumed: perSecond(12)}
	group := Group{Topics: []Topic{{Partitions: []Partition{known, known}}, {Partitions: []Partition{known}}}}
	if produced, consumed := group.Rates(); produced != perSecond(60) || consumed != perSecond(36) {
		t.Errorf("Rates() = %v, %v; want the sums", produced, consumed)
	}
	group.Topics[1].Partitions[0] = Partition{Produced: perSecond(20)}
	if produced, consumed := group.Rates(); produced != perSecond(60) || consumed != (Rate{}) {
		t.Errorf("Rates() = %v, %v; want no sum with a hole", produced, consumed)
	}
	if produced, _ := (Group{}).Rates(); produced.Known {
		t.Error("the rate of no sample is known")
	}
}

func TestHealthOfGroup(t *testing.T) {
	of := func(number int32, messages int64, h Health) Partition {
		return Partition{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: number}, Messages: messages, Health: h}
	}
	group := Group{Topics: []Topic{{Partitions: []Partition{
		of(0, 9, HealthOK), of(1, 9, HealthRewound), of(2, 4, HealthStopped), of(3, 5, HealthStopped), of(4, 6, HealthStalled), of(5, 9, HealthSlow), of(6, 0, HealthUnknown),
	}}}}
	var stuck []int32
	for _, p := range group.Stuck() {
		stuck = append(stuck, p.Partition)
	}
	if diff := cmp.Diff([]int32{3, 2, 4}, stuck); diff != "" {
		t.Errorf("Stopped, Stalled, each by lag, and none that is Rewound: -want +got:\n%s", diff)
	}
	for n, want := range []Health{HealthUnknown, HealthOK, HealthRewound, HealthStopped, HealthStopped, HealthStopped, HealthStopped, HealthStopped} {
		if n == 0 {
			continue
		}
		if got := (Group{Topics: []Topic{{Partitions: group.Topics[0].Partitions[:n]}}}).Health(); got != want {
			t.Errorf("Health() of the first %d = %q, want %q", n, got, want)
		}
	}
	half := Group{Topics: []Topic{{Partitions: []Partition{of(0, 9, HealthOK)}}, {Err: errLeader}}}
	if got := half.Health(); got != HealthUnknown {
		t.Errorf("Health() of a group with an unread topic = %q, want unknown", got)
	}
	if got := (Group{}).Health(); got != HealthUnknown {
		t.Errorf("Health() of no sample = %q, want unknown", got)
	}
}

func TestAboveEnd(t *testing.T) {
	cases := map[string]struct {
		reason string
		scenes []scene
		want   Anomaly
	}{
		"Twice": {
			reason: "a log that was truncated stays so",
			scenes: []scene{{n: 3}, {n: 2, first: func(f *film) { f.partition().End = 800 }}},
			want:   CommittedAboveEnd,
		},
		"Once": {
			reason: "the log end may be the older of the two reads",
			scenes: []scene{{n: 3}, {n: 1, first: func(f *film) { f.partition().End = 800 }}},
		},
		"Racing": {
			reason: "a commit that moves on has something to read: the log end is an old one",
			scenes: []scene{{n: 3}, {n: 5, first: func(f *film) { f.partition().End = 800 }, change: moves(1, 1)}},
		},
		"BelowWatermark": {
			reason: "committed by read_uncommitted before, now the last stable offset is below it",
			scenes: []scene{{n: 5, first: func(f *film) { f.partition().End, f.partition().HighWatermark = 800, 900 }}},
		},
		"Over": {
			reason: "the log grew past the commit",
			scenes: []scene{{n: 3, first: func(f *film) { f.partition().End = 800 }}, {n: 1, first: func(f *film) { f.partition().End = 900 }}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFilm()
			var last Partition
			for _, s := range tc.scenes {
				last = s.play(f)
			}
			if last.Anomaly != tc.want {
				t.Errorf("%s: anomaly %q, want %q", tc.reason, last.Anomaly, tc.want)
			}
			if last.Messages < 0 || last.Health != HealthOK {
				t.Errorf("%d messages, %q; want none, and health", last.Messages, last.Health)
			}
		})
	}
}

// TestRestarts: a stalled partition, then something after which its past means nothing.
func TestRestarts(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*film)
		want   Health
	}{
		"Nothing":         {reason: "the same goes on", want: HealthStalled},
		"ClusterUnknown":  {reason: "a cluster id not learned is not another", change: func(f *film) { f.sample.ClusterID = "" }, want: HealthStalled},
		"Cluster":         {reason: "another cluster behind the address", change: func(f *film) { f.sample.ClusterID = "two" }, want: HealthOK},
		"Topic":           {reason: "deleted and created anew", change: func(f *film) { f.sample.Topics[0].ID = kafka.TopicID{2} }, want: HealthOK},
		"TopicIDUnknown":  {reason: "an id not told is not another", change: func(f *film) { f.sample.Topics[0].ID = kafka.TopicID{} }, want: HealthStalled},
		"TopicGrows":      {reason: "new partitions beside it", change: grow, want: HealthStalled},
		"TopicBesideIt":   {reason: "a new topic before it in the list", change: addTopic("audit"), want: HealthStalled},
		"TopicIsElsewise": {reason: "another topic in its place", change: func(f *film) { f.sample.Topics[0].Name = "audit" }, want: HealthOK},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFilm()
			if p := f.run(12, nil); p.Health != HealthStalled {
				t.Fatalf("the partition to start from is %q", p.Health)
			}
			f.run(1, tc.change)
			var got Health
			f.got.partitions(func(p *Partition) {
				if p.Partition == 0 && (p.Topic == "orders" || len(f.got.Topics) == 1) {
					got = p.Health
				}
			})
			if got != tc.want {
				t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func grow(f *film) {
	f.sample.Topics[0].Partitions = append(f.sample.Topics[0].Partitions, kafka.PartitionSample{Partition: 1, Committed: kafka.NoOffset, End: 5})
}

func addTopic(name string) func(*film) {
	return func(f *film) {
		added := topic([3]int64{0, 0, 9})
		added.Name = name
		f.sample.Topics = append([]kafka.TopicSample{added}, f.sample.Topics...)
	}
}

// TestIDsAreRemembered: an id is compared with the last that was known, and one
// that is learned late is not another one.
func TestIDsAreRemembered(t *testing.T) {
	ids := map[string]func(f *film, id byte){
		"Cluster": func(f *film, id byte) { f.sample.ClusterID = strings.Repeat("x", int(id)) },
		"Topic":   func(f *film, id byte) { f.sample.Topics[0].ID = kafka.TopicID{id} },
	}
	for name, set := range ids {
		t.Run(name, func(t *testing.T) {
			f := newFilm()
			for _, step := range []struct {
				id   byte
				n    int
				want Health
			}{{0, 12, HealthStalled}, {1, 1, HealthStalled}, {0, 1, HealthStalled}, {2, 1, HealthOK}} {
				set(f, step.id)
				if p := f.run(step.n, nil); p.Health != step.want {
					t.Errorf("with id %d (0: not known): %q, want %q", step.id, p.Health, step.want)
				}
			}
		})
	}
}

func TestTopicErrKeepsHistory(t *testing.T) {
	f := newFilm()
	f.run(12, nil)
	f.run(3, func(f *film) { f.sample.Topics[0].Err = errLeader })
	if p := f.run(1, func(f *film) { f.sample.Topics[0].Err = nil }); p.Health != HealthStalled || !p.Produced.Known {
		t.Errorf("after an unread topic: %q, produced %+v; want what was known before", p.Health, p.Produced)
	}
}

// TestOldSample: a sample that is not newer answers from memory and changes nothing.
func TestOldSample(t *testing.T) {
	f := newFilm()
	want := f.run(12, moves(100, 60))
	before := f.history.samples
	for _, back := range []time.Duration{0, -time.Hour} {
		got := f.next(back)
		f.sample.At = f.sample.At.Add(-back)
		if diff := cmp.Diff(want, got); diff != "" || f.history.samples != before {
			t.Errorf("a sample %s older: -first +second:\n%s", -back, diff)
		}
	}
}

// TestOldSampleOfOtherTopics: what memory doesn't know, an old sample can't teach it.
func TestOldSampleOfOtherTopics(t *testing.T) {
	f := newFilm()
	f.partition().Err = errLeader
	f.run(12, nil)
	f.partition().Err = nil
	if p := f.next(0); p.Err != nil || p.Health != HealthUnknown || p.Produced.Known {
		t.Errorf("a partition never known: %+v; want lag alone", p)
	}
	f.run(12, nil)
	f.partition().Err = errLeader
	f.run(1, nil)
	f.partition().Err = nil
	if p := f.next(0); p.Health != HealthStalled || p.Produced.Known {
		t.Errorf("a partition not known in the newest sample: %+v; want the last verdict and no rate", p)
	}
	grow(f)
	if p := f.next(0); p.Health != HealthUnknown {
		t.Errorf("another number of partitions: %q", p.Health)
	}
	f.sample.Topics[0].Partitions = f.sample.Topics[0].Partitions[:1]
	addTopic("audit")(f)
	f.next(0)
	for _, topic := range f.got.Topics {
		if p := topic.Partitions[0]; p.Health != HealthUnknown {
			t.Errorf("topic %q, which is not at this place in memory: %q", topic.Name, p.Health)
		}
	}
}

// TestRecordIsSmall: 96,000 partitions are 28 MB.
func TestRecordIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(record{}); size > 300 {
		t.Errorf("a record has %d bytes", size)
	}
}

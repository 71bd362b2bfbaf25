package kafkaadmin

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestTopicCreatedAnewIsAnother(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	r.produce("orders", 5, time.Time{})
	s := reads("billing", "", "orders")
	before := r.cycle(s)[0]
	r.log("orders").tails[0] = tail{record: 100}
	if _, err := r.admin.DeleteTopics(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if gone := r.cycle(s)[0].Topics[0]; !errors.Is(gone.Err, kafka.ErrTopicMissing) {
		t.Errorf("a deleted topic is %+v", gone)
	}
	if _, err := r.admin.CreateTopic(t.Context(), 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	r.produce("orders", 9, time.Time{})
	after := r.cycle(s)[0]
	if before.Topics[0].ID == after.Topics[0].ID || after.Topics[0].ID == (kafka.TopicID{}) {
		t.Errorf("ids %v and %v of two topics", before.Topics[0].ID, after.Topics[0].ID)
	}
	if p := r.partition(after); p.End != 9 || len(after.Topics[0].Partitions) != 2 {
		t.Errorf("the new topic is sampled as %+v", after.Topics[0])
	}
	if r.log("orders").tails[0].record != 0 {
		t.Error("what was known of the old topic is taken for the new one's")
	}
}

func TestAnotherClusterIsRememberedAnew(t *testing.T) {
	book := newLogBook()
	topics := map[string]topic{"orders": {partitions: make([]partition, 2)}}
	first := book.open(&cluster{id: "north", topics: topics}, noon)["orders"]
	if again := book.open(&cluster{id: "north", topics: topics}, noon)["orders"]; again != first {
		t.Error("the same topic of the same cluster is remembered anew")
	}
	if other := book.open(&cluster{id: "south", topics: topics}, noon)["orders"]; other == first {
		t.Error("another cluster's topic is taken for this one")
	}
}

func TestTopicsThatNobodyAsksForAreForgotten(t *testing.T) {
	book := newLogBook()
	of := func(name string) *cluster {
		return &cluster{topics: map[string]topic{name: {partitions: make([]partition, 1)}}}
	}
	orders := book.open(of("orders"), noon)["orders"]
	book.open(of("returns"), noon.Add(forgetAfter/2))
	if book.open(of("orders"), noon.Add(forgetAfter))["orders"] != orders {
		t.Error("forgotten while another lane sampled other topics")
	}
	book.open(of("returns"), noon.Add(3*forgetAfter))
	if len(book.topics) != 1 {
		t.Errorf("%d topics are remembered, one is in use", len(book.topics))
	}
}

func TestTopicOf(t *testing.T) {
	id := kafka.TopicID{1}
	log := &topicLog{id: id, partitions: make([]partitionLog, 3)}
	cases := map[string]struct {
		reason string
		topic  topic
		want   bool
	}{
		"Same":     {"nothing changed", topic{id: id, partitions: make([]partition, 3)}, true},
		"Grown":    {"a topic only grows", topic{id: id, partitions: make([]partition, 4)}, true},
		"Unsaid":   {"this broker says no ids", topic{partitions: make([]partition, 3)}, true},
		"OtherID":  {"created anew", topic{id: kafka.TopicID{2}, partitions: make([]partition, 3)}, false},
		"Shrunken": {"created anew, by brokers that say no ids", topic{partitions: make([]partition, 2)}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := log.isOf(c.topic); got != c.want {
				t.Errorf("%s: got %v", c.reason, got)
			}
		})
	}
}

func TestNewPartitionsAreSampledAtOnce(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "orders"))
	s := reads("billing", "", "orders")
	r.cycle(s)
	if _, err := r.admin.CreatePartitions(t.Context(), 3, "orders"); err != nil {
		t.Fatal(err)
	}
	got := r.cycle(s)[0].Topics[0].Partitions
	if len(got) != 4 || got[3].Err != nil || got[3].Committed != kafka.NoOffset {
		t.Errorf("with 3 more partitions the sample has %+v", got)
	}
}

// byKind counts what ListOffsets requests asked for.
func byKind(requests []*kmsg.ListOffsetsRequest) map[string]int {
	counts := map[string]int{}
	for _, r := range requests {
		kind := map[int64]string{-1: "end", -2: "start"}[r.Topics[0].Partitions[0].Timestamp]
		switch {
		case kind == "":
			kind = "time"
		case r.IsolationLevel == 1:
			kind = "stable"
		}
		counts[kind]++
	}
	return counts
}

func TestStartsAreReadOnceAMinute(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders", "returns"))
	r.produce("orders", 5, time.Time{})
	orders := reads("billing", "", "orders")
	expect := func(reason string, want int) {
		t.Helper()
		if got := byKind(received[*kmsg.ListOffsetsRequest](r)); got["start"] != want || got["end"] != 1 {
			t.Errorf("%s: asked for %v", reason, got)
		}
	}
	r.cycle(orders)
	expect("a new topic", 1)
	if _, err := r.admin.DeleteRecords(t.Context(), kadm.Offsets{"orders": {0: {Topic: "orders", At: 3}}}); err != nil {
		t.Fatal(err)
	}
	if p := r.partition(r.cycle(orders)[0]); p.Start != 0 || p.End != 5 {
		t.Errorf("an old start is not an error: %+v", p)
	}
	expect("a known one", 0)
	r.log("orders").startDue = time.Now()
	r.cycle(orders)
	if p := r.partition(r.cycle(orders)[0]); p.Start != 3 {
		t.Errorf("the start was due and is still %d", p.Start)
	}
	r.cycle(orders, reads("billing", "", "returns"))
}

func TestStartsDueTogetherAreReadTogether(t *testing.T) {
	log := &topicLog{partitions: make([]partitionLog, 3)}
	led := share{{log: log, ids: []int32{0, 1, 2}}}
	book := newLogBook()
	for id, due := range []time.Duration{0, startsTogether, startsTogether + 1} {
		log.partitions[id].startDue = noon.Add(due)
	}
	if due := book.startsDue(led, noon.Add(-1)); due != nil {
		t.Errorf("none is due, and %v are read", due[0].ids)
	}
	if due := book.startsDue(led, noon); len(due) != 1 || fmt.Sprint(due[0].ids) != "[0 1]" {
		t.Errorf("due are %v, want those of the next half minute with the one", due)
	}
}

func TestNoStartWithoutAnEnd(t *testing.T) {
	var p partitionLog
	p.noteEnds(offset{err: kerr.NotLeaderForPartition}, nil, noon)
	if p.startIsDue(noon) {
		t.Error("a broker that does not tell the end is asked for the start")
	}
	p.noteEnds(offset{at: 1}, nil, noon.Add(time.Second))
	if !p.startIsDue(noon.Add(time.Second)) {
		t.Error("the start waits although the end is told again")
	}
}

func TestNoLagWithoutAStart(t *testing.T) {
	log := &topicLog{partitions: make([]partitionLog, 1)}
	p := &log.partitions[0]
	p.noteEnds(offset{at: 9}, nil, noon)
	if err := log.err(0, kafka.ReadUncommitted, noon); err == nil {
		t.Error("a start that was never asked for is taken for 0")
	}
	p.noteStart(offset{err: kerr.NotLeaderForPartition}, noon)
	if err := log.err(0, kafka.ReadUncommitted, noon); !errors.Is(err, kerr.NotLeaderForPartition) || p.startIsDue(noon) {
		t.Errorf("a start that could not be read: %v, due again at %v", err, p.startDue)
	}
	p.noteStart(offset{at: 3}, noon)
	p.noteStart(offset{err: kerr.NotLeaderForPartition}, noon.Add(time.Minute))
	if err := log.err(0, kafka.ReadUncommitted, noon); err != nil || p.start.offset != 3 {
		t.Errorf("the old start does: %v", err)
	}
}

func TestTruncatedLogIsReadAnew(t *testing.T) {
	p := partitionLog{startDue: noon.Add(time.Hour)}
	p.noteEnds(offset{at: 100}, nil, noon)
	p.start.note(offset{at: 90}, noon)
	p.tails[0].record = 95
	p.noteEnds(offset{at: 40}, nil, noon.Add(time.Second))
	if p.startDue.After(noon.Add(time.Second)) || p.tails[0].record != 0 {
		t.Errorf("what a truncation may have changed is kept: %+v", p)
	}
	s := kafka.PartitionSample{Committed: 50}
	p.fill(&s, kafka.ReadUncommitted, noon)
	if s.Start != 40 || s.End != 40 {
		t.Errorf("the start %d is above the end %d", s.Start, s.End)
	}
}

func TestFailedReadOfOneCycleHidesNothingOfAnother(t *testing.T) {
	var r reading
	began := noon.Add(time.Minute)
	r.note(offset{at: 5}, noon)
	if r.since(began) == nil {
		t.Error("an end of before the cycle is taken for its own")
	}
	r.note(offset{err: kerr.NotLeaderForPartition}, began.Add(1))
	if err := r.since(began); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("the cycle failed to read it, and says %v", err)
	}
	r.note(offset{at: 7}, began.Add(2))
	r.note(offset{err: kerr.NotLeaderForPartition}, began.Add(3))
	if err := r.since(began); err != nil || r.offset != 7 {
		t.Errorf("read once and failed once by two cycles at a time: %d, %v", r.offset, err)
	}
	r.note(offset{at: 6}, began)
	if r.offset != 7 {
		t.Error("an answer that was overtaken counts")
	}
}

func TestHoleInTheReportIsNoOffset(t *testing.T) {
	known := &cluster{topics: map[string]topic{"orders": {ids: []int32{0}, partitions: make([]partition, 1)}}}
	book := newLogBook()
	r := report{
		cluster: known, groups: map[string]group{"billing": {}},
		logs: logs{book: book, topics: book.open(known, noon), began: noon},
	}
	got := r.outcomes([]interest{reads("billing", "", "orders", "returns")}, []error{nil})[0].sample
	if p := got.Topics[0].Partitions[0]; !errors.Is(p.Err, kafka.ErrRejected) || p.Committed != 0 {
		t.Errorf("a partition that nobody answered for is %+v", p)
	}
	if !errors.Is(got.Topics[1].Err, kafka.ErrRejected) {
		t.Errorf("a topic that nobody answered for is %+v", got.Topics[1])
	}
}

func TestReadCommittedEndsAtTheOpenTransaction(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	r.produce("orders", 3, time.Time{})
	open := r.begin("payments-1", "orders", 2)
	committed, uncommitted := reads("careful", kafka.ReadCommitted, "orders"), reads("fast", kafka.ReadUncommitted, "orders")

	samples := r.cycle(committed, uncommitted)
	first := r.partition(samples[0])
	if first.End != 3 || first.HighWatermark != 5 || first.Open == nil {
		t.Errorf("read_committed behind an open transaction: %+v", first)
	}
	if p := r.partition(samples[1]); p.End != 5 || p.HighWatermark != 5 || p.Open != nil {
		t.Errorf("read_uncommitted of the same partition: %+v", p)
	}
	if again := r.partition(r.cycle(committed)[0]); again.Open != first.Open {
		t.Errorf("the same transaction is open since %v, and since %v", first.Open, again.Open)
	}
	r.end(open, kgo.TryCommit)
	if p := r.partition(r.cycle(committed)[0]); p.End != 6 || p.HighWatermark != 6 || p.Open != nil {
		t.Errorf("after the commit with its marker: %+v", p)
	}
	received[*kmsg.ListOffsetsRequest](r)
	r.cycle(uncommitted)
	if got := byKind(received[*kmsg.ListOffsetsRequest](r)); got["stable"] != 0 {
		t.Errorf("nobody reads committed records, and asked is for %v", got)
	}
}

// TestLanesShareTheBook has two lanes sample at the same time, one of groups that
// read committed records.
func TestLanesShareTheBook(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "orders", "returns"))
	r.produce("orders", 3, time.Time{})
	var lanes sync.WaitGroup
	for i, isolation := range []kafka.Isolation{kafka.ReadCommitted, kafka.ReadUncommitted} {
		lanes.Go(func() {
			for range 20 {
				samples := r.cycle(reads(fmt.Sprintf("group-%d", i), isolation, "orders", "returns"))
				for _, topic := range samples[0].Topics {
					for _, p := range topic.Partitions {
						if p.Err != nil {
							t.Errorf("lane %d: %v", i, p.Err)
						}
					}
				}
			}
		})
	}
	lanes.Wait()
}

// TestLeadersAreAskedForOneThingMore has everything be due at once: starts, ages,
// looks. However much there is to find out, a cycle has its bound.
func TestLeadersAreAskedForOneThingMore(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "orders", "returns"))
	r.produce("orders", 3, time.Time{})
	r.produce("returns", 3, time.Time{})
	s := []interest{reads("fast", "", "orders", "returns"), reads("slow", kafka.ReadUncommitted, "orders")}
	var late int
	for n := range 10 {
		if n == 1 { // when the ages are due
			for _, log := range r.client.book.topics {
				for p := range log.partitions {
					log.partitions[p].startDue = time.Now()
				}
			}
		}
		received[kmsg.Request](r)
		r.cycle(s...)
		var asked int
		for _, request := range received[kmsg.Request](r) {
			switch request.(type) {
			case *kmsg.ListOffsetsRequest, *kmsg.FetchRequest:
				asked++
			}
		}
		if asked > 2*3 || asked < 3 {
			t.Errorf("cycle %d asked the 3 leaders %d times, want twice each at most", n, asked)
		}
		late = asked
	}
	if late != 3 {
		t.Errorf("with nothing left to find out a cycle asks %d times, want once a leader", late)
	}
}

func TestUnchangedPartitionsAreHandedOutAgain(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders", "returns"))
	r.produce("returns", 5, time.Time{})
	s := reads("billing", "", "orders", "returns")
	first, second := r.cycle(s)[0].Topics[0].Partitions, r.cycle(s)[0].Topics[0].Partitions
	if &first[0] != &second[0] {
		t.Error("nothing moved, and the sample takes new memory")
	}
	r.produce("orders", 1, time.Time{})
	third := r.cycle(s)[0].Topics
	if first[0].End != 0 || third[0].Partitions[0].End != 1 || third[1].Partitions[0].End != 5 {
		t.Errorf("what was handed out is changed: %+v, %+v", first[0], third)
	}
	log := r.client.book.topics["orders"]
	log.forgetReaders(time.Now().Add(2 * forgetAfter))
	if len(log.handed) != 0 {
		t.Error("a group that is not sampled any more is remembered")
	}
}

func TestErrorsAreNeverTheSame(t *testing.T) {
	failed := kafka.PartitionSample{Err: uncomparable{"boom"}}
	if same(failed, failed) || !same(kafka.PartitionSample{}, kafka.PartitionSample{}) {
		t.Error("a partition with an error is handed out again")
	}
}

// uncomparable is an error that panics when it is compared.
type uncomparable []string

func (uncomparable) Error() string { return "boom" }

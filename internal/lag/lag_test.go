package lag

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

var errLeader = fmt.Errorf("list offsets: %w", kafka.ErrUnavailable)

// topic is a topic whose partitions have the given committed, start and end offsets.
func topic(partitions ...[3]int64) kafka.TopicSample {
	t := kafka.TopicSample{Name: "orders"}
	for i, p := range partitions {
		t.Partitions = append(t.Partitions, kafka.PartitionSample{Partition: int32(i), Committed: p[0], Start: p[1], End: p[2]})
	}
	return t
}

func topicOf(partitions ...kafka.PartitionSample) kafka.TopicSample {
	return kafka.TopicSample{Name: "orders", Partitions: partitions}
}

func unread(t kafka.TopicSample, partition int) kafka.TopicSample {
	t.Partitions[partition] = kafka.PartitionSample{Partition: int32(partition), Err: errLeader}
	return t
}

func TestOf(t *testing.T) {
	const unknown = -999
	cases := map[string]struct {
		reason  string
		topic   kafka.TopicSample
		initial kafka.InitialOffset
		want    []int64
	}{
		"Committed": {
			reason: "log end less committed",
			topic:  topic([3]int64{120, 100, 150}), initial: kafka.InitialEarliest, want: []int64{30},
		},
		"CaughtUp": {
			reason: "committed is the next offset to read",
			topic:  topic([3]int64{150, 100, 150}), initial: kafka.InitialEarliest, want: []int64{0},
		},
		"BelowLogStart": {
			reason: "what retention removed is not work",
			topic:  topic([3]int64{40, 100, 150}), initial: kafka.InitialEarliest, want: []int64{50},
		},
		"AboveLogEnd": {
			reason: "a re-created topic is no negative work",
			topic:  topic([3]int64{900, 0, 150}), initial: kafka.InitialEarliest, want: []int64{0},
		},
		"AboveStableOffset": {
			reason: "a commit of read_uncommitted times, above the last stable offset: nothing to read until the transaction ends",
			topic:  topicOf(kafka.PartitionSample{Committed: 145, Start: 100, End: 140, HighWatermark: 150}), initial: kafka.InitialEarliest, want: []int64{0},
		},
		"Empty": {
			reason: "transaction markers up to the end are no work",
			topic:  topicOf(kafka.PartitionSample{Committed: 147, Start: 100, End: 150, Empty: true}), initial: kafka.InitialEarliest, want: []int64{0},
		},
		"EndBelowStart": {
			reason: "the log lost its tail between two reads: neither 0 nor -40 is known",
			topic:  topic([3]int64{120, 100, 60}), initial: kafka.InitialEarliest, want: []int64{unknown},
		},
		"NegativeStart": {
			reason: "no log has such an offset",
			topic:  topic([3]int64{120, -1, 150}), initial: kafka.InitialEarliest, want: []int64{unknown},
		},
		"NegativeCommit": {
			reason: "-1 is no commit, -2 is nonsense",
			topic:  topic([3]int64{-2, 100, 150}), initial: kafka.InitialEarliest, want: []int64{unknown},
		},
		"NoCommitEarliest": {
			reason: "everything that is there",
			topic:  topic([3]int64{-1, 100, 150}, [3]int64{-1, 0, 7}), initial: kafka.InitialEarliest, want: []int64{50, 7},
		},
		"NoCommitLatest": {
			reason: "the worker will start at the end",
			topic:  topic([3]int64{-1, 100, 150}, [3]int64{-1, 0, 7}), initial: kafka.InitialLatest, want: []int64{0, 0},
		},
		"AddedLaterLatest": {
			reason: "a partition without commit whose sibling has one was added later: from log start",
			topic:  topic([3]int64{150, 100, 150}, [3]int64{-1, 0, 7}), initial: kafka.InitialLatest, want: []int64{0, 7},
		},
		"Unread": {
			reason: "one unread partition doesn't hide the others",
			topic:  unread(topic([3]int64{120, 100, 150}, [3]int64{0, 0, 0}), 1), initial: kafka.InitialEarliest, want: []int64{30, unknown},
		},
		"SiblingsUnreadLatest": {
			reason: "whether 0 or 50 depends on the unread sibling: neither is guessed",
			topic:  unread(topic([3]int64{-1, 100, 150}, [3]int64{0, 0, 0}), 1), initial: kafka.InitialLatest, want: []int64{unknown, unknown},
		},
		"SiblingsUnreadEarliest": {
			reason: "log start in either case",
			topic:  unread(topic([3]int64{-1, 100, 150}, [3]int64{0, 0, 0}), 1), initial: kafka.InitialEarliest, want: []int64{50, unknown},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Of(kafka.GroupSample{Topics: []kafka.TopicSample{tc.topic}}, tc.initial)
			var lags []int64
			for _, p := range got.Topics[0].Partitions {
				if p.Err != nil {
					lags = append(lags, unknown)
					continue
				}
				lags = append(lags, p.Messages)
			}
			if diff := cmp.Diff(tc.want, lags); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestKnown(t *testing.T) {
	missing := kafka.TopicSample{Name: "refunds", Err: fmt.Errorf("topic %q: %w", "refunds", kafka.ErrTopicMissing)}
	sample := kafka.GroupSample{Topics: []kafka.TopicSample{unread(topic([3]int64{120, 100, 150}, [3]int64{0, 0, 0}), 1), missing}}
	group := Of(sample, kafka.InitialEarliest)
	if messages, unknown := group.Known(); messages != 30 || unknown != 2 {
		t.Errorf("Known() = %d, %d; want the 30 of the one partition and two unknowns", messages, unknown)
	}
	if counts, complete := group.PartitionCounts(); complete || !cmp.Equal(counts, []int32{2, 0}) {
		t.Errorf("PartitionCounts() = %v, %t; want 2 and 0, not complete", counts, complete)
	}
	if err := group.FirstErr(); !errors.Is(err, kafka.ErrTopicMissing) {
		t.Errorf("FirstErr() = %v; want the missing topic, which explains more than one partition", err)
	}
	if _, ok := group.Topics[0].Known(); ok {
		t.Error("a topic with an unread partition has a lag")
	}
	if messages, unknown := Of(kafka.GroupSample{ConnectionErr: kafka.ErrUnreachable}, kafka.InitialEarliest).Known(); messages != 0 || unknown != 1 {
		t.Errorf("Known() without a broker = %d, %d; want one unknown", messages, unknown)
	}
	older := kafka.GroupSample{TopicsErr: errLeader, Topics: []kafka.TopicSample{topic([3]int64{120, 100, 150})}}
	if messages, unknown := Of(older, kafka.InitialEarliest).Known(); messages != 30 || unknown != 1 {
		t.Errorf("Known() with an older list of topics = %d, %d; want 30 and one unknown: there may be more topics", messages, unknown)
	}
	if counts, complete := Of(older, kafka.InitialEarliest).PartitionCounts(); complete || !cmp.Equal(counts, []int32{1}) {
		t.Errorf("PartitionCounts() with an older list of topics = %v, %t; want 1, not complete", counts, complete)
	}
	huge := Of(kafka.GroupSample{Topics: []kafka.TopicSample{topic([3]int64{0, 0, math.MaxInt64}, [3]int64{0, 0, math.MaxInt64})}}, kafka.InitialEarliest)
	if messages, _ := huge.Known(); messages != math.MaxInt64 {
		t.Errorf("Known() of two logs of 2^63-1 messages = %d; want no overflow", messages)
	}
	if counts, complete := (Group{}).PartitionCounts(); complete || len(counts) != 0 {
		t.Errorf("PartitionCounts() of no sample = %v, %t; want none, not complete", counts, complete)
	}
}

func TestWorst(t *testing.T) {
	group := Of(kafka.GroupSample{Topics: []kafka.TopicSample{
		topic([3]int64{0, 0, 5}, [3]int64{0, 0, 9}, [3]int64{9, 0, 9}, [3]int64{0, 0, 9}),
	}}, kafka.InitialEarliest)
	var got []int32
	for _, p := range group.Worst(3) {
		got = append(got, p.Partition)
	}
	if diff := cmp.Diff([]int32{1, 3, 0}, got); diff != "" {
		t.Errorf("most lag first, ties by number, caught up left out: -want +got:\n%s", diff)
	}
}

func TestRound(t *testing.T) {
	for in, want := range map[int64]int64{0: 0, 7: 7, 87: 87, 99: 99, 100: 100, 104: 100, 105: 110, 5249: 5200, 5250: 5300, 999: 1000, 123456: 120000} {
		if got := Round(in); got != want {
			t.Errorf("Round(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestOwners(t *testing.T) {
	refunds := topic([3]int64{0, 0, 9})
	refunds.Name = "refunds"
	incomplete := topicOf(kafka.PartitionSample{Partition: 1})
	incomplete.Name = "sales"
	group := Of(kafka.GroupSample{
		Topics: []kafka.TopicSample{topic([3]int64{0, 0, 9}, [3]int64{0, 0, 9}, [3]int64{0, 0, 9}), refunds, incomplete},
		Members: []kafka.Member{
			{ID: "worker-0-f3", ClientID: "worker-0", Assigned: []kafka.TopicPartition{{Topic: "audit"}, {Topic: "orders", Partition: 2}, {Topic: "orders", Partition: 7}, {Topic: "orders", Partition: -1}, {Topic: "refunds"}, {Topic: "sales"}, {Topic: "zebra"}}},
			{ID: "nameless-1", Assigned: []kafka.TopicPartition{{Topic: "orders"}}},
		},
	}, kafka.InitialEarliest)
	var got []string
	group.partitions(func(p *Partition) { got = append(got, p.String()+" "+p.Owner) })
	want := []string{"orders-0 nameless-1", "orders-1 ", "orders-2 worker-0", "refunds-0 worker-0", "sales-1 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("client id, else member id; partitions that are no topic's of ours are passed over: -want +got:\n%s", diff)
	}
}

func TestBelowStart(t *testing.T) {
	group := Of(kafka.GroupSample{Topics: []kafka.TopicSample{
		topic([3]int64{99, 100, 150}, [3]int64{100, 100, 150}, [3]int64{-1, 100, 150}),
	}}, kafka.InitialEarliest)
	var got []kafka.TopicPartition
	for _, p := range group.Anomalies() {
		got = append(got, p.TopicPartition)
		if p.Anomaly != CommittedBelowStart {
			t.Errorf("%s: anomaly %q", p.TopicPartition, p.Anomaly)
		}
	}
	if diff := cmp.Diff([]kafka.TopicPartition{{Topic: "orders"}}, got); diff != "" {
		t.Errorf("99 is below 100; 100 and no commit are not: -want +got:\n%s", diff)
	}
}

package lag

import (
	"errors"
	"fmt"
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

// FuzzPartition: lag is never negative, never more than the log holds, and unknown never becomes a number.
func FuzzPartition(f *testing.F) {
	f.Add(int64(120), int64(100), int64(150), false, true)
	f.Add(int64(-1), int64(0), int64(0), false, false)
	f.Fuzz(func(t *testing.T, committed, start, end int64, broken, latest bool) {
		if start < 0 || end < start {
			return // no such log
		}
		sample := topic([3]int64{max(committed, -1), start, end})
		if broken {
			sample = unread(sample, 0)
		}
		initial := kafka.InitialEarliest
		if latest {
			initial = kafka.InitialLatest
		}
		p := Of(kafka.GroupSample{Topics: []kafka.TopicSample{sample}}, initial).Topics[0].Partitions[0]
		if (p.Err != nil) != broken || p.Messages < 0 || p.Messages > end-start || (broken && p.Messages != 0) {
			t.Fatalf("committed %d, start %d, end %d, broken %t: %+v", committed, start, end, broken, p)
		}
	})
}

package integration

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// wantTopicLag waits for the lag of one topic.
func wantTopicLag(t *testing.T, g *v1alpha1.KafkaConsumerGroup, topic string, want int64) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		for _, each := range s.Topics {
			if each.Name == topic && each.Lag != nil && *each.Lag == want {
				return nil
			}
		}
		return fmt.Errorf("topics %+v, want %s with a lag of %d", s.Topics, topic, want)
	})
}

// TestLagOfOddOffsets: what retention, truncation and new partitions make of
// committed offsets. The number of workers shows the lag at once, the status at
// its next refresh: the offsets are there before the group is.
func TestLagOfOddOffsets(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		initial string
		prepare func(*testing.T, *broker)
		want    int64
	}{
		"BelowLogStart": {
			reason: "100 messages, 10 of them committed and 60 removed: 40 are left to do in each of 2 partitions",
			prepare: func(t *testing.T, b *broker) {
				b.produce(t, "orders", 100)
				b.commit(t, "odd", "orders", 10)
				b.deleteRecords(t, "orders", map[int32]int64{0: 60, 1: 60})
			},
			want: 80,
		},
		"AboveLogEnd": {
			reason: "a topic that was created anew: the old commit is no negative work",
			prepare: func(t *testing.T, b *broker) {
				b.produce(t, "orders", 10)
				b.commit(t, "odd", "orders", 1000)
			},
			want: 0,
		},
		"AddedPartition": {
			reason:  "a partition added later counts from log start although initialOffset is latest: its messages were never skipped on purpose",
			initial: "latest",
			prepare: func(t *testing.T, b *broker) {
				b.produce(t, "orders", 10)
				b.commit(t, "odd", "orders", 10)
				b.grow(t, "orders", 3)
				b.produce(t, "orders", 30)
			},
			want: 90,
		},
		"NoCommitLatest": {
			reason: "nothing is committed: the group starts at the end", initial: "latest",
			prepare: func(t *testing.T, b *broker) { b.produce(t, "orders", 10) },
			want:    0,
		},
		"NoCommitEarliest": {
			reason: "nothing is committed: the group starts at the start", initial: "earliest",
			prepare: func(t *testing.T, b *broker) { b.produce(t, "orders", 10) },
			want:    20,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 2})
			tc.prepare(t, kafka)
			startManager(t, managerOptions{}, ns)
			g := group(ns, "odd", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.InitialOffset = tc.initial })
			create(t, g)
			wantLag(t, g, tc.want)
		})
	}
}

// TestNumbersAreRounded: status has two significant digits, so that it isn't
// written anew for every message.
func TestNumbersAreRounded(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12, "returns": 1})
	kafka.produce(t, "orders", 1234)
	kafka.produce(t, "returns", 87)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "rounded", kafka.address(), consuming("orders", "returns"))
	create(t, g)
	wantLag(t, g, 15_000) // of 14,895
	wantTopicLag(t, g, "orders", 15_000)
	wantTopicLag(t, g, "returns", 87)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.WorstPartitions) != 5 || s.WorstPartitions[0].Lag != 1200 {
			return fmt.Errorf("worst partitions %+v, want 5 of 1,200", s.WorstPartitions)
		}
		return mentions(s.Scaling.Message, "12: ", "13 partitions", "lag 15,000 at 100 a replica needs 149")
	})
}

// deleteRecords moves the log start of partitions.
func (b *broker) deleteRecords(t *testing.T, topic string, starts map[int32]int64) {
	t.Helper()
	if err := b.admin.DeleteRecords(topic, starts); err != nil {
		t.Fatal(err)
	}
	for p, want := range starts {
		if got, err := b.client.GetOffset(topic, p, sarama.OffsetOldest); err != nil || got != want {
			t.Fatalf("log start of %s-%d is %d, %v, want %d", topic, p, got, err, want)
		}
	}
}

package kafkaadmin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

func TestOffsets(t *testing.T) {
	cases := map[string]struct {
		reason  string
		arrange func(*testing.T, broker)
		want    []kafka.PartitionSample
	}{
		"NothingCommitted": {
			reason:  "a group that the cluster has never heard of has no commits; that is known, not an error",
			arrange: func(t *testing.T, b broker) { b.produce(t, "orders", 1, 3) },
			want: []kafka.PartitionSample{
				{Partition: 0, Committed: kafka.NoOffset},
				{Partition: 1, Committed: kafka.NoOffset, End: 3, HighWatermark: 3},
			},
		},
		"CommittedInPart": {
			reason: "a partition without a commit keeps NoOffset beside one that has a commit",
			arrange: func(t *testing.T, b broker) {
				b.produce(t, "orders", 0, 5)
				b.commit(t, "billing", "orders", 0, 2)
			},
			want: []kafka.PartitionSample{
				{Partition: 0, Committed: 2, End: 5, HighWatermark: 5},
				{Partition: 1, Committed: kafka.NoOffset},
			},
		},
		"CommittedBelowStart": {
			reason: "retention overtook the group: all three offsets are handed out as they are",
			arrange: func(t *testing.T, b broker) {
				b.produce(t, "orders", 0, 5)
				b.commit(t, "billing", "orders", 0, 1)
				offsets := kadm.Offsets{}
				offsets.AddOffset("orders", 0, 4, -1)
				if _, err := b.admin(t).DeleteRecords(t.Context(), offsets); err != nil {
					t.Fatal(err)
				}
			},
			want: []kafka.PartitionSample{
				{Partition: 0, Committed: 1, Start: 4, End: 5, HighWatermark: 5},
				{Partition: 1, Committed: kafka.NoOffset},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.SeedTopics(2, "orders"))
			tc.arrange(t, b)
			pool := started(t, kafkaadmin.Options{})
			pool.Watch("a", b.subscription("billing", "orders"))
			sample := sampleOf(t, pool, "a", "a sample", anySample)
			want := []kafka.TopicSample{{Name: "orders", Partitions: tc.want}}
			times := cmpopts.IgnoreFields(kafka.PartitionSample{}, "Appended")
			ids := cmpopts.IgnoreFields(kafka.TopicSample{}, "ID")
			if diff := cmp.Diff(want, sample.Topics, cmpopts.EquateErrors(), times, ids); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSampleNamesGroupAndCluster(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"), kfake.ClusterID("north"))
	pool := started(t, kafkaadmin.Options{})
	before := time.Now()
	pool.Watch("a", b.subscription("billing", "orders"))
	sample := sampleOf(t, pool, "a", "a sample", anySample)
	if sample.GroupID != "billing" || sample.ClusterID != "north" || sample.At.Before(before) {
		t.Errorf("got group %q in cluster %q at %v", sample.GroupID, sample.ClusterID, sample.At)
	}
	if sample.State != kafka.StateDead || sample.StateErr != nil || sample.Members != nil {
		t.Errorf("an unknown group is %q with members %v and error %v, want Dead without either", sample.State, sample.Members, sample.StateErr)
	}
}

func TestTopicAppearsGrowsAndGoes(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(6, "orders"))
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "returns", "orders"))
	count := func(name string, partitions int) func(kafka.GroupSample) bool {
		return func(s kafka.GroupSample) bool {
			topic := topicNamed(t, s, name)
			return topic.Err == nil && len(topic.Partitions) == partitions
		}
	}

	sample := sampleOf(t, pool, "a", "the topic that exists", count("orders", 6))
	if missing := topicNamed(t, sample, "returns"); !errors.Is(missing.Err, kafka.ErrTopicMissing) || missing.Partitions != nil {
		t.Errorf("the missing topic has %+v, want ErrTopicMissing alone", missing)
	}
	if sample.Topics[0].Name != "orders" {
		t.Errorf("topics are not sorted: %+v", sample.Topics)
	}

	b.createTopic(t, "returns", 3)
	sampleOf(t, pool, "a", "the created topic", count("returns", 3))

	if _, err := b.admin(t).UpdatePartitions(t.Context(), 12, "orders"); err != nil {
		t.Fatal(err)
	}
	sample = sampleOf(t, pool, "a", "the added partitions", count("orders", 12))
	if added := topicNamed(t, sample, "orders").Partitions[11]; added != (kafka.PartitionSample{Partition: 11, Committed: kafka.NoOffset}) {
		t.Errorf("the last added partition has %+v", added)
	}

	if _, err := b.admin(t).DeleteTopic(t.Context(), "returns"); err != nil {
		t.Fatal(err)
	}
	sampleOf(t, pool, "a", "the deletion", func(s kafka.GroupSample) bool {
		return errors.Is(topicNamed(t, s, "returns").Err, kafka.ErrTopicMissing)
	})
}

func TestOwnersOfOneGroupGetTheirOwnTopics(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders", "returns"))
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.Watch("b", b.subscription("billing", "returns", "orders", "returns"))
	names := func(owner string) []string {
		var names []string
		for _, topic := range sampleOf(t, pool, owner, "a sample", anySample).Topics {
			names = append(names, topic.Name)
		}
		return names
	}
	if diff := cmp.Diff([]string{"orders"}, names("a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"orders", "returns"}, names("b")); diff != "" {
		t.Error(diff)
	}
}

func TestChangedSubscriptionHasNoOldSample(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders", "returns"))
	pool := kafkaadmin.NewPool(kafkaadmin.Options{Interval: time.Hour})
	pool.Watch("a", b.subscription("billing", "orders"))
	stop := run(t, pool)
	sampleOf(t, pool, "a", "a sample", anySample)
	stop()

	pool.Watch("a", b.subscription("billing", "orders"))
	if _, known := pool.Latest("a"); !known {
		t.Error("watching the same again lost the sample")
	}
	pool.Watch("a", b.subscription("billing", "orders", "returns"))
	if sample, known := pool.Latest("a"); known {
		t.Errorf("the new subscription has the old one's sample %+v", sample)
	}
}

func TestMembers(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(3, "orders"))
	consume(t, b, "billing", "pod-b")
	consume(t, b, "billing", "pod-a")
	pool := started(t, kafkaadmin.Options{})
	pool.Watch("a", b.subscription("billing", "orders"))

	sample := sampleOf(t, pool, "a", "two members with partitions", func(s kafka.GroupSample) bool {
		return s.State == kafka.StateStable && len(s.Members) == 2
	})
	want := []kafka.Member{
		{ClientID: "pod-a", Assigned: sample.Members[0].Assigned},
		{ClientID: "pod-b", Assigned: sample.Members[1].Assigned},
	}
	if diff := cmp.Diff(want, sample.Members, cmpopts.IgnoreFields(kafka.Member{}, "ID", "Host")); diff != "" {
		t.Errorf("members -want +got:\n%s", diff)
	}
	if sample.Protocol != "range" || sample.Members[0].ID == "" || sample.Members[0].Host == "" {
		t.Errorf("protocol %q, first member %+v: want range, with an id and a host", sample.Protocol, sample.Members[0])
	}
	if assigned := len(sample.Members[0].Assigned) + len(sample.Members[1].Assigned); assigned != 3 {
		t.Errorf("%d partitions are assigned, want all 3: %+v", assigned, sample.Members)
	}
}

// consume joins a sarama consumer to the group for the length of the test.
func consume(t *testing.T, b broker, group, clientID string) {
	t.Helper()
	config := sarama.NewConfig()
	config.ClientID = clientID
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	consumers, err := sarama.NewConsumerGroup(b.addresses, group, config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := consumers.Consume(ctx, []string{"orders"}, discard{}); err != nil && ctx.Err() == nil {
				t.Errorf("consume as %q: %v", clientID, err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := consumers.Close(); err != nil {
			t.Errorf("leave as %q: %v", clientID, err)
		}
	})
}

type discard struct{}

func (discard) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (discard) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (discard) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for range claim.Messages() {
		continue // nothing is done with them
	}
	return nil
}

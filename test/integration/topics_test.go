package integration

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func consuming(topics ...v1alpha1.TopicName) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Topics = topics }
}

// TestTopicMissingThenCreated: the workers run, the condition names the topic,
// nobody creates it by asking, and it is followed once it exists.
func TestTopicMissingThenCreated(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, nil, kfake.AllowAutoTopicCreation())
	startManager(t, managerOptions{}, ns)
	g := group(ns, "early", kafka.address())
	create(t, g)
	missing := wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonTopicMissing)
	if lacks := mentions(missing.Message, `topic "orders"`, "does not exist"); lacks != nil {
		t.Error(lacks)
	}
	wantReplicas(t, g, 1)
	kafka.cycles(t, 3)
	if kafka.TopicInfo("orders") != nil {
		t.Fatal("asking for the topic created it")
	}
	if err := kafka.CreateTopic("orders", 12, nil); err != nil {
		t.Fatal(err)
	}
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 3)
}

// TestOneOfTwoTopicsMissing: what is known may raise the count and never lowers
// it. Before somebody has joined it doesn't: workers that wait for the topic
// would only become more.
func TestOneOfTwoTopicsMissing(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "half", kafka.address(), consuming("orders", "returns"))
	create(t, g)
	wantReplicas(t, g, 1)
	missing := wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonTopicMissing)
	if lacks := mentions(missing.Message, `"returns"`); lacks != nil {
		t.Error(lacks)
	}
	kafka.produce(t, "orders", 25)
	wantTopicLag(t, g, "orders", 300)
	kafka.cycles(t, 5)
	wantReplicas(t, g, 1)
	leave := kafka.member(t, "half", "half-0")
	wantReplicas(t, g, 3)
	leave()
	kafka.commit(t, "half", "orders", 25)
	wantTopicLag(t, g, "orders", 0)
	kafka.cycles(t, 20)
	wantReplicas(t, g, 3)
	if err := kafka.CreateTopic("returns", 12, nil); err != nil {
		t.Fatal(err)
	}
	wantReplicas(t, g, 1)
}

// TestTopicOfOnePartition: a second worker would have nothing to do.
func TestTopicOfOnePartition(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 1})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "single", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 3 })
	kafka.produce(t, "orders", 5000)
	create(t, g)
	limited := wantCondition(t, g, v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonAtUsefulMembers)
	if lacks := mentions(limited.Message, "more workers than the partitions can use"); lacks != nil {
		t.Error(lacks)
	}
	wantReplicas(t, g, 1)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		return mentions(s.Scaling.Message, "1 partition,", "the partitions can use 1")
	})
}

// TestTopicGrows: 6 partitions use 6 workers; 12 use 12 as soon as they are there.
func TestTopicGrows(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 6})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "grown", kafka.address())
	create(t, g)
	kafka.produce(t, "orders", 1000)
	wantReplicas(t, g, 6)
	kafka.grow(t, "orders", 12)
	wantReplicas(t, g, 12)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.Partitions != 12 || s.Scaling.UsefulMembers != 12 {
			return fmt.Errorf("%d partitions, %d useful members, want 12 and 12", s.Partitions, s.Scaling.UsefulMembers)
		}
		return nil
	})
}

// TestPartitionUnread: with one partition unknown the count never goes down,
// goes up if the known ones alone ask for it, and follows again afterwards.
func TestPartitionUnread(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		fault  kfake.Fault
	}{
		"LogOffsets": {"its leader is moving", kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition}},
		"Commits":    {"a transaction is open over its commit", kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			startManager(t, managerOptions{}, ns)
			g := group(ns, "unread", kafka.address())
			create(t, g)
			kafka.produce(t, "orders", 50)
			wantReplicas(t, g, 6)
			kafka.commit(t, "unread", "orders", 25) // kfake has faults for the groups it knows
			wantReplicas(t, g, 3)

			tc.fault.Topic, tc.fault.Partitions, tc.fault.Count = "orders", []int32{7}, -1
			fault := kafka.Fault(tc.fault)
			unread := wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonPartitionsUnread)
			if lacks := mentions(unread.Message, `"orders-7"`); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			kafka.commit(t, "unread", "orders", 50)
			kafka.cycles(t, 20)
			wantReplicas(t, g, 3)
			kafka.produce(t, "orders", 50) // 550 known
			wantReplicas(t, g, 6)
			kafka.commit(t, "unread", "orders", 100)
			fault.Remove()
			wantReplicas(t, g, 1)
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
		})
	}
}

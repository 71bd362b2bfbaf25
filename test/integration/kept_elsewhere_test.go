package integration

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestKeptOfAnotherCluster: a group that moves to another Kafka takes nothing with it:
// what was kept is of other logs. What the new one has is kept in its place.
func TestKeptOfAnotherCluster(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	one := startBroker(t, map[string]int32{"orders": 3}, kfake.ClusterID("one"), shortRetention())
	two := startBroker(t, map[string]int32{"orders": 3}, kfake.ClusterID("two"), shortRetention())
	startManager(t, managerOptions{}, ns)
	one.commit(t, "moving", "orders", 7)
	two.commit(t, "moving", "orders", 3)
	expire(t, two, "moving", 2) // a partition that is kept of the other one, and has nothing here
	g := group(ns, "moving", one.address(), toZero)
	create(t, g)
	anyDeployment(t, g)
	if kept := wantKept(t, g, 3); kept.ClusterID != "one" {
		t.Errorf("kept: %+v", kept)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Kafka.BootstrapServers = []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(two.address())}
	})
	if kept := wantKept(t, g, 2); kept.ClusterID != "two" || *kept.Offsets.Items[0].Offset != 3 {
		t.Errorf("kept: %+v", kept)
	}
	wantEvent(t, g, "Warning", "OffsetsNotRestored", `the offsets that were kept are of another Kafka cluster, "one": they are not used`)
	two.cycles(t, 5)
	committed, err := committedOf(t.Context(), two.ListenAddrs(), "moving")
	if err != nil || len(committed) != 2 || committed[kafka.TopicPartition{Topic: "orders"}] != 3 {
		t.Errorf("committed %v, %v", committed, err)
	}
	expire(t, two, "moving", 0)
	eventually(t, func() error {
		committed, err := committedOf(t.Context(), two.ListenAddrs(), "moving")
		if err != nil || committed[kafka.TopicPartition{Topic: "orders"}] != 3 {
			return fmt.Errorf("committed %v, %w", committed, err)
		}
		return nil
	})
}

// TestKeptOfATopicCreatedAnew: an offset of the old topic means nothing in the new one,
// which is consumed from its start. Those of the other topic are committed again.
func TestKeptOfATopicCreatedAnew(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 2, "parcels": 1}, shortRetention())
	startManager(t, managerOptions{}, ns)
	b.produce(t, "orders", 10)
	b.commit(t, "renewed", "orders", 7)
	b.commit(t, "renewed", "parcels", 0)
	g := group(ns, "renewed", b.address(), drainable, toZero, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Topics = []v1alpha1.TopicName{"orders", "parcels"}
	})
	create(t, g)
	workers := playCrew(t, g, b.ListenAddrs())
	wantKept(t, g, 3)
	if err := b.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateTopic("orders", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.client.RefreshMetadata("orders"); err != nil {
		t.Fatal(err)
	}
	b.produce(t, "orders", 5)
	wantEvent(t, g, "Warning", "OffsetsNotRestored", "orders-0, orders-1: not committed again, since the topic was created anew")
	wantKept(t, g, 1)
	unpause(t, g)
	workers.wantExactly(t, 2, "[0 1 2 3 4]")
}

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestStuckPartition: a member that has partitions, with work on them, and does
// nothing is named with its partitions; events tell when that begins and ends.
// It takes a minute: so long must the evidence be.
func TestStuckPartition(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 2})
	registry := prometheus.NewRegistry()
	startManager(t, managerOptions{metrics: registry}, ns)
	kafka.produce(t, "orders", 10)
	kafka.commit(t, "stuck", "orders", 4)
	g := group(ns, "stuck", kafka.address())
	create(t, g)
	work := make(chan struct{})
	kafka.memberWith(t, "stuck", "stuck-0", hesitant{work: work})
	within(t, 3*time.Minute, func() error {
		now, err := seen(g)
		if err != nil {
			return err
		}
		if len(now.Status.StuckPartitions) != 2 {
			return fmt.Errorf("stuck %+v, want both partitions; health %q", now.Status.StuckPartitions, now.Status.Health)
		}
		p := now.Status.StuckPartitions[0]
		if p.Topic != "orders" || p.Health != "Stalled" || p.Owner != "stuck-0" || p.Offset == nil || *p.Offset != 4 || p.Since.IsZero() {
			return fmt.Errorf("stuck %+v, want it stalled at 4 with its owner", p)
		}
		return nil
	})
	wantEvent(t, g, corev1.EventTypeWarning, "PartitionStuck", `orders-0 (Stalled at offset 4, of "stuck-0"), orders-1`)
	wantSeries(t, registry, "lagrange_group_stuck_partitions", 2, ns, "stuck")
	wantSeries(t, registry, "lagrange_group_partitions", 2, ns, "stuck", "Stalled")
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)

	close(work)
	wantEvent(t, g, corev1.EventTypeNormal, "PartitionRecovered", "orders-0")
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("stuck", len(s.StuckPartitions), 0) })
	wantSeries(t, registry, "lagrange_group_stuck_partitions", 0, ns, "stuck")
}

// hesitant is a member that handles nothing until work is closed, and then all.
type hesitant struct {
	idler
	work <-chan struct{}
}

func (h hesitant) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	select {
	case <-s.Context().Done():
		return nil
	case <-h.work:
	}
	for message := range claim.Messages() {
		s.MarkMessage(message, "")
		s.Commit()
	}
	return nil
}

// series is the value of the series with exactly these label values.
func series(registry *prometheus.Registry, name string, labels ...string) (float64, error) {
	families, err := registry.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if f.GetName() == name && slices.Equal(slices.Sorted(slices.Values(values)), slices.Sorted(slices.Values(labels))) {
				return m.GetGauge().GetValue(), nil
			}
		}
	}
	return 0, fmt.Errorf("no %s of %q", name, labels)
}

func wantSeries(t *testing.T, registry *prometheus.Registry, name string, want float64, labels ...string) {
	t.Helper()
	eventually(t, func() error {
		got, err := series(registry, name, labels...)
		if err != nil {
			return err
		}
		return same(name, got, want)
	})
}

// TestMetrics: what a scrape shows is what the newest sample says, partitions
// have series of their own up to the bound, and a group that is gone has none.
func TestMetrics(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	registry := prometheus.NewRegistry()
	startManager(t, managerOptions{metrics: registry}, ns) // with series for 10 partitions
	g := group(ns, "measured", kafka.address())
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	wantSeries(t, registry, "lagrange_group_lag_messages", 300, ns, "measured")
	wantSeries(t, registry, "lagrange_group_desired_replicas", 3, ns, "measured")
	wantSeries(t, registry, "lagrange_group_available_replicas", 0, ns, "measured")
	wantSeries(t, registry, "lagrange_group_useful_members", 12, ns, "measured")
	wantSeries(t, registry, "lagrange_group_members", 0, ns, "measured")
	wantSeries(t, registry, "lagrange_group_lag_unknown", 0, ns, "measured")
	wantSeries(t, registry, "lagrange_group_partitions", 12, ns, "measured", "OK")
	wantSeries(t, registry, "lagrange_group_partition_lag_messages", 25, ns, "measured", "orders", "9")
	wantSeries(t, registry, "lagrange_partition_series_left_out", 2)
	if _, err := series(registry, "lagrange_group_partition_lag_messages", ns, "measured", "orders", "10"); err == nil {
		t.Error("there are series beyond the bound")
	}
	kafka.commit(t, "measured", "orders", 25)
	wantSeries(t, registry, "lagrange_group_lag_messages", 0, ns, "measured")
	wantSeries(t, registry, "lagrange_group_lag_seconds", 0, ns, "measured")
	kafka.commit(t, "measured", "orders", 20)
	wantSeries(t, registry, "lagrange_group_lag_messages", 60, ns, "measured")
	kafka.Close()
	wantSeries(t, registry, "lagrange_group_lag_unknown", 1, ns, "measured")
	wantSeries(t, registry, "lagrange_group_lag_messages", 60, ns, "measured") // the last good value, with its time
	remove(t, g)
	eventually(t, func() error {
		if value, err := series(registry, "lagrange_group_desired_replicas", ns, "measured"); err == nil {
			return fmt.Errorf("there still is %v", value)
		}
		return nil
	})
}

// TestIsolationLevel: records of an open transaction are no work for a group
// that reads what is committed, and are for one that reads all.
func TestIsolationLevel(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	kafka.produce(t, "orders", 10)
	kafka.openTransaction(t, "orders", 40)
	all := group(ns, "all", kafka.address())
	committed := group(ns, "committed", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Consumer.IsolationLevel = "read_committed" })
	create(t, all)
	create(t, committed)
	wantReplicas(t, all, 6) // 600 messages at 100 a replica, 5 would be 6
	wantReplicas(t, committed, 2)
	wantLag(t, committed, 120)
	if got := workerFile(t, committed).Consumer.IsolationLevel; got != "read_committed" {
		t.Errorf("the workers are told %q", got)
	}
	if got := workerFile(t, all).Consumer.IsolationLevel; got != "" {
		t.Errorf("the workers are told %q, want nothing: it is the default", got)
	}
}

// openTransaction writes n messages to each partition and leaves the transaction open.
func (b *broker) openTransaction(t *testing.T, topic string, n int) {
	t.Helper()
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Producer.Idempotent, c.Net.MaxOpenRequests, c.Producer.RequiredAcks = true, 1, sarama.WaitForAll
	c.Producer.Transaction.ID, c.Producer.Transaction.Timeout = "left-open", 10*time.Minute
	c.Producer.Return.Successes, c.Producer.Partitioner = true, sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(b.ListenAddrs(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := producer.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	partitions, err := b.client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*sarama.ProducerMessage
	for _, p := range partitions {
		for range n {
			messages = append(messages, &sarama.ProducerMessage{Topic: topic, Partition: p, Value: sarama.StringEncoder(strings.Repeat("x", 10))})
		}
	}
	if err := producer.SendMessages(messages); err != nil {
		t.Fatal(err)
	}
}

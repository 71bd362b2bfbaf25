package integration

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// TestKeptOnApacheKafka stops a group for longer than the retention of a real
// broker, of one minute, so that its offsets expire; they are committed again,
// and the workers go on where they stood.
func TestKeptOnApacheKafka(t *testing.T) {
	if !*onApache {
		return // the tier kafka runs it
	}
	t.Parallel()
	cluster, err := apache.Start(t.Context(), apache.Options{Progress: os.Stderr, Settings: map[string]string{
		"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "500",
	}})
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })
	at, ns := apachePlace(t, cluster.BootstrapServers(), 2), namespace(t)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "stopped", at.servers[0], drainable, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Topics = []v1alpha1.TopicName{v1alpha1.TopicName(at.orders)}
	})
	create(t, g)
	workers := playCrew(t, g, at.servers)
	workers.wantCommitted(t, 10)
	change(t, g, toZero)
	change(t, g, latest) // which is not where the group goes on
	kept := wantKept(t, g, 2)
	if kept.Retention == nil || kept.Retention.Duration != time.Minute || kept.CountedFrom == nil {
		t.Errorf("kept: %+v", kept)
	}
	workers.handledOf()
	produceMore(t, at, 2, 5)
	within(t, 3*time.Minute, func() error {
		now, err := seen(g)
		if err != nil || now.Status.RestoredOffsets == nil || now.Status.RestoredOffsets.Partitions != 2 {
			return fmt.Errorf("restored: %+v, %w", now.Status.RestoredOffsets, err)
		}
		return nil
	})
	wantEvent(t, g, "Normal", "OffsetsRestored", "2 partitions")
	workers.wantCommitted(t, 10)

	unpause(t, g)
	workers.wantCommitted(t, 15)
	for p, offsets := range workers.handledOf() {
		if fmt.Sprint(offsets) != "[10 11 12 13 14]" {
			t.Errorf("%v: handled %v, want what came while the group was stopped, once each", p, offsets)
		}
	}
	wantNothingKept(t, g)
}

// produceMore adds n messages to each of the partitions.
func produceMore(t *testing.T, at place, partitions int32, n int) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(at.servers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for p := range partitions {
		for range n {
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: at.orders, Partition: p, Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

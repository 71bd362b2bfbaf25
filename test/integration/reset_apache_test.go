package integration

import (
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

var onApache = flag.Bool("apache", false, "run the tests that are for Apache Kafka too (Java 17, Maven)")

// TestResetKilledAnywhereOnApacheKafka is TestResetKilledAnywhere against the real broker.
func TestResetKilledAnywhereOnApacheKafka(t *testing.T) {
	if !*onApache {
		return // the tier kafka runs it
	}
	t.Parallel()
	cluster, err := apache.Start(t.Context(), apache.Options{Progress: os.Stderr})
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })
	killEverywhere(t, "Apache Kafka", func(t *testing.T, partitions int32) place {
		return apachePlace(t, cluster.BootstrapServers(), partitions)
	})
}

// apachePlace makes two topics that no other test has, and fills one of them.
func apachePlace(t *testing.T, servers []string, partitions int32) place {
	t.Helper()
	name := rand.String(8)
	at := place{servers: servers, orders: "orders-" + name, idle: "idle-" + name}
	producer, err := kgo.NewClient(kgo.SeedBrokers(servers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for topic, n := range map[string]int32{at.orders: partitions, at.idle: 1} {
		if _, err := kadm.NewClient(producer).CreateTopic(t.Context(), n, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	var records []*kgo.Record
	for p := range partitions {
		for range 10 {
			records = append(records, &kgo.Record{Topic: at.orders, Partition: p, Value: []byte("x")})
		}
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return at
}

package kafkaadmin_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// clusterOf waits for a look that is as wanted.
func clusterOf(t *testing.T, pool *kafkaadmin.Pool, owner, what string, wanted func(kafka.ClusterSample) bool) kafka.ClusterSample {
	t.Helper()
	var sample kafka.ClusterSample
	eventually(t, what, func() bool {
		latest, known := pool.LatestCluster(owner)
		sample = latest
		return known && wanted(latest)
	})
	return sample
}

func reached(s kafka.ClusterSample) bool { return s.Err == nil }

func TestCluster(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "orders"), kfake.ClusterID("north"), kfake.MaxVersions(kversion.V3_9_0()))
	told := make(chan string, 1000)
	pool := started(t, kafkaadmin.Options{OnCluster: func(owner string) { told <- owner }})
	if _, known := pool.LatestCluster("c"); known {
		t.Error("a cluster that nobody watches has a sample")
	}
	pool.WatchCluster("c", b.connection())
	sample := clusterOf(t, pool, "c", "a look", reached)
	want := kafka.ClusterSample{ID: "north", At: sample.At, Brokers: []kafka.Broker{
		{NodeID: 0, Address: b.addresses[0], Version: "3.9"}, {NodeID: 1, Address: b.addresses[1], Version: "3.9"},
	}}
	if diff := cmp.Diff(want, sample); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if owner := <-told; owner != "c" {
		t.Errorf("told of %q", owner)
	}
	b.Close()
	lost := clusterOf(t, pool, "c", "the loss", func(s kafka.ClusterSample) bool { return s.Err != nil })
	if !errors.Is(lost.Err, kafka.ErrUnreachable) || lost.ID != "north" || !slices.Equal(lost.Brokers, want.Brokers) {
		t.Errorf("got %+v, want what was known with the error", lost)
	}
}

// A look at a cluster asks for one topic: an empty list means all.
func TestLookAsksForNoMoreThanItNeeds(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1))
	asked := make(chan []kmsg.MetadataRequestTopic, 1000)
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		asked <- request.(*kmsg.MetadataRequest).Topics
		return nil, nil, false
	})
	versions := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ApiVersions}, Observe: true, Count: forever})
	pool := started(t, kafkaadmin.Options{})
	pool.WatchCluster("c", b.connection())
	first := clusterOf(t, pool, "c", "a look", reached)
	clusterOf(t, pool, "c", "a later look", func(s kafka.ClusterSample) bool { return s.At.After(first.At) })
	if topics := <-asked; len(topics) != 1 || *topics[0].Topic != "__consumer_offsets" {
		t.Errorf("asked for %+v", topics)
	}
	if got := versions.Hits(); got > 2 {
		t.Errorf("asked %d times for versions, want once to connect and once a minute", got)
	}
}

func TestClusterAndGroupsShareOneClient(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	pool := started(t, kafkaadmin.Options{})
	before := goleak.IgnoreCurrent()
	pool.Watch("a", b.subscription("billing", "orders"))
	pool.WatchCluster("c", b.connection())
	pool.WatchCluster("c", b.connection())
	pool.WatchCluster("d", b.connection())
	sampleOf(t, pool, "a", "a sample", healthy)
	clusterOf(t, pool, "c", "a look", reached)
	if got := b.accepted.Load(); got != 1 {
		t.Errorf("%d connections to one broker", got)
	}
	pool.Forget("a")
	pool.ForgetCluster("d")
	before2, _ := pool.LatestCluster("c")
	clusterOf(t, pool, "c", "a look without groups", func(s kafka.ClusterSample) bool { return s.At.After(before2.At) })
	other := b.connection()
	other.Version = "3.6.0"
	pool.WatchCluster("c", other)
	clusterOf(t, pool, "c", "a look over another connection", reached)
	eventually(t, "the connections that nobody needs to close", func() bool { return b.open.Load() == 1 })
	pool.ForgetCluster("c")
	pool.ForgetCluster("c") // what is not known is forgotten already
	eventually(t, "the last connection to close", func() bool { return b.open.Load() == 0 })
	goleak.VerifyNone(t, before)
}

func TestSampleOutlivesItsSecurity(t *testing.T) {
	b := newBroker(t, kfake.SeedTopics(1, "orders"))
	pool := kafkaadmin.NewPool(kafkaadmin.Options{Interval: time.Hour})
	subscription := b.subscription("billing", "orders")
	pool.Watch("a", subscription)
	stop := run(t, pool)
	old := sampleOf(t, pool, "a", "a sample", healthy)
	stop()

	subscription.Connection.Security = kafkaauth.Security{SASL: kafkaauth.SASL{Mechanism: kafkaauth.Plain, Username: "u", Password: "rotated"}}
	pool.Watch("a", subscription)
	if sample, known := pool.Latest("a"); !known || !sample.At.Equal(old.At) {
		t.Errorf("after a rotation the latest sample is %+v, %t, want the one from before", sample, known)
	}
	subscription.Connection.BootstrapServers = "elsewhere:9092"
	pool.Watch("a", subscription)
	if sample, known := pool.Latest("a"); known {
		t.Errorf("another cluster has the old one's sample %+v", sample)
	}
}

func TestMetrics(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Group: "billing", Err: kerr.GroupAuthorizationFailed, Count: forever})
	registry := prometheus.NewPedanticRegistry()
	pool := started(t, kafkaadmin.Options{MetricsRegisterer: registry})
	pool.Watch("a", b.subscription("billing", "orders"))
	sampleOf(t, pool, "a", "a sample", anySample)
	later(t, pool, "a")
	for _, name := range []string{
		"lagrange_kafka_requests_total OffsetFetch", "lagrange_kafka_requests_total ListOffsets", "lagrange_kafka_requests_total Metadata",
		"lagrange_kafka_errors_total GROUP_AUTHORIZATION_FAILED", "lagrange_kafka_cycle_duration_seconds",
		"lagrange_kafka_received_bytes_total", "lagrange_kafka_sent_bytes_total",
	} {
		if metric(t, registry, name) == 0 {
			t.Errorf("%s counts nothing", name)
		}
	}
	if got := metric(t, registry, "lagrange_kafka_connections"); got != 1 {
		t.Errorf("%v connections to one broker", got)
	}
	pool.Forget("a")
	eventually(t, "no connections", func() bool { return metric(t, registry, "lagrange_kafka_connections") == 0 })
	pool.Watch("dead", kafkaadmin.Subscription{Connection: kafkaadmin.Connection{BootstrapServers: unusedAddress(t)}, GroupID: "billing", Topics: []string{"orders"}})
	eventually(t, "an error without a code", func() bool { return metric(t, registry, "lagrange_kafka_errors_total unreachable") > 0 })
}

// metric is the value of a metric, named with its label's value if it has one;
// of a histogram how often it was observed.
func metric(t *testing.T, registry *prometheus.Registry, want string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			name := family.GetName()
			for _, label := range m.Label {
				name += " " + label.GetValue()
			}
			if name == want {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

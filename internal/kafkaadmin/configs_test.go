package kafkaadmin_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// configsOf reads the settings of topics, which must succeed.
func (b broker) configsOf(t testing.TB, topics ...string) kafka.ConfigSurvey {
	t.Helper()
	survey, err := newAdmin(t, kafkaadmin.Options{}).Configs(t.Context(), b.connection(), topics)
	if err != nil {
		t.Fatal(err)
	}
	return survey
}

// told are settings that a cluster tells; one that is nil has no value.
type told map[string]*string

// answering has the cluster answer every DescribeConfigs with these settings,
// of those that were asked for, after the change. It returns the requests.
func (b broker) answering(settings told, change func(*kmsg.DescribeConfigsResponseResource)) (asked *[]*kmsg.DescribeConfigsRequest) {
	asked = new([]*kmsg.DescribeConfigsRequest)
	b.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		described := request.(*kmsg.DescribeConfigsRequest)
		*asked = append(*asked, described)
		response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, r := range described.Resources {
			resource := kmsg.NewDescribeConfigsResponseResource()
			resource.ResourceName, resource.ResourceType = r.ResourceName, r.ResourceType
			for _, name := range r.ConfigNames {
				if value, known := settings[name]; known {
					entry := kmsg.NewDescribeConfigsResponseResourceConfig()
					entry.Name, entry.Value = name, value
					resource.Configs = append(resource.Configs, entry)
				}
			}
			if change != nil {
				change(&resource)
			}
			response.Resources = append(response.Resources, resource)
		}
		return response, nil, true
	})
	return asked
}

// everything is a value for each setting, none of them a default.
func everything() told {
	return told{
		"min.insync.replicas": new("2"), "max.message.bytes": new("3000000000"), "cleanup.policy": new("compact,delete"),
		"unclean.leader.election.enable": new("true"), "compression.type": new("zstd"), "message.timestamp.type": new("LogAppendTime"),
		"message.timestamp.before.max.ms": new("9223372036854775807"), "message.timestamp.after.max.ms": new("7200000"),
		"retention.ms": new("-1"), "retention.bytes": new("5000000000"),
		"message.max.bytes": new("2000000"), "auto.create.topics.enable": new("false"), "producer.id.expiration.ms": new("600000"),
		"transaction.max.timeout.ms": new("60000"), "transactional.id.expiration.ms": new("120000"),
		"transaction.state.log.replication.factor": new("3"), "transaction.state.log.min.isr": new("2"),
	}
}

// TestConfigs: every field has the value that the cluster told, and no other.
func TestConfigs(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.ClusterID("north"), kfake.SeedTopics(4, "orders"), kfake.MaxVersions(kversion.V4_1_0()))
	b.answering(everything(), nil)
	began := time.Now()
	got := b.configsOf(t, "orders", "ordres", "orders")
	want := kafka.ConfigSurvey{
		ClusterID: "north",
		Topics: map[string]kafka.TopicConfig{
			"orders": {
				Name: "orders", State: kafka.TopicExists, ID: b.TopicInfo("orders").TopicID,
				Partitions: kafka.Known[int32](4), ReplicationFactor: kafka.Known[int32](3), MinInSyncReplicas: kafka.Known[int32](2),
				MaxMessageBytes: kafka.Known[int64](3_000_000_000), CleanupPolicy: kafka.Known[kafka.CleanupPolicy]("compact,delete"),
				UncleanElection: kafka.Known(true), CompressionType: kafka.Known("zstd"), TimestampType: kafka.Known(kafka.LogAppendTime),
				TimestampBeforeMax: kafka.Known(kafka.Forever), TimestampAfterMax: kafka.Known(2 * time.Hour),
				Retention: kafka.Known(kafka.Forever), RetentionBytes: kafka.Known[int64](5_000_000_000),
			},
			"ordres": {Name: "ordres", State: kafka.TopicMissing},
		},
		Brokers: kafka.BrokerConfig{
			Count: kafka.Known[int32](3), MessageMaxBytes: kafka.Known[int64](2_000_000), AutoCreateTopics: kafka.Known(false),
			ProducerIDExpiration: kafka.Known(10 * time.Minute), TransactionMaxTimeout: kafka.Known(time.Minute),
			TransactionalIDExpiration: kafka.Known(2 * time.Minute), TransactionLogReplication: kafka.Known[int32](3),
			TransactionLogMinISR: kafka.Known[int32](2), EligibleLeaders: kafka.Known[int16](1), TransactionVersion: kafka.Known[int16](2),
		},
		Whole: true,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(kafka.ConfigSurvey{}, "At")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.At.Before(began) || got.At.After(time.Now()) {
		t.Errorf("read at %v, asked at %v", got.At, began)
	}
}

// TestConfigsOfNoTopics: the brokers' are read.
func TestConfigsOfNoTopics(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "77"}))
	asked := b.counted(kmsg.DescribeConfigs)
	got := b.configsOf(t)
	if got.Brokers.MessageMaxBytes != kafka.Known[int64](77) || len(got.Topics) != 0 || asked.Load() != 1 {
		t.Errorf("%+v, by %d requests", got, asked.Load())
	}
}

// TestConfigsInForce: a topic has what it has of the brokers, too.
func TestConfigsInForce(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.BrokerConfigs(map[string]string{"min.insync.replicas": "2"}))
	if _, err := b.admin(t).CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": new("compact"), "retention.ms": new("5")}, "states"); err != nil {
		t.Fatal(err)
	}
	got := b.configsOf(t, "states", "orders").Topics
	if s := got["states"]; s.CleanupPolicy.Value != "compact" || s.Retention.Value != 5*time.Millisecond || s.MinInSyncReplicas.Value != 2 {
		t.Errorf("states: %+v", s)
	}
	if o := got["orders"]; o.CleanupPolicy.Value != "delete" || o.MinInSyncReplicas.Value != 2 {
		t.Errorf("orders: %+v", o)
	}
}

// TestConfigsReplication: the replication factor is that of the partition which has least.
func TestConfigsReplication(t *testing.T) {
	cases := map[string]struct {
		replicas [][]int32
		want     kafka.Setting[int32]
	}{
		"First":  {[][]int32{{0}, {0, 1, 2}}, kafka.Known[int32](1)},
		"Last":   {[][]int32{{0, 1, 2}, {0, 1}}, kafka.Known[int32](2)},
		"Untold": {[][]int32{{}, {}}, kafka.Unknown[int32]("the cluster lists no replicas")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
			b.listing(0, tc.replicas)
			if got := b.configsOf(t, "orders").Topics["orders"]; got.ReplicationFactor != tc.want || got.Partitions.Value != 2 {
				t.Errorf("%v of %v partitions, want %v", got.ReplicationFactor, got.Partitions, tc.want)
			}
		})
	}
}

// listing has the cluster list the topic orders so, and nothing else of it.
func (b broker) listing(code int16, replicas [][]int32) {
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		address, _ := net.ResolveTCPAddr("tcp", b.addresses[0])
		response.Brokers = []kmsg.MetadataResponseBroker{{Host: address.IP.String(), Port: int32(address.Port)}}
		orders := kmsg.MetadataResponseTopic{Topic: kmsg.StringPtr("orders"), ErrorCode: code}
		for i, nodes := range replicas {
			orders.Partitions = append(orders.Partitions, kmsg.MetadataResponseTopicPartition{Partition: int32(i), Replicas: nodes})
		}
		response.Topics = append(response.Topics, orders)
		return response, nil, true
	})
}

// TestConfigsTimestampLimits: brokers older than 4.0 have one setting for both
// sides, and those older than 3.6 no other.
func TestConfigsTimestampLimits(t *testing.T) {
	const both, forever = "message.timestamp.difference.max.ms", "9223372036854775807"
	cases := map[string]struct {
		before, both *string
		want         kafka.Setting[time.Duration]
	}{
		"New":      {new("1000"), nil, kafka.Known(time.Second)},
		"Old":      {nil, new("2000"), kafka.Known(2 * time.Second)},
		"BothNew":  {new("1000"), new("2000"), kafka.Known(time.Second)},
		"BothOld":  {new(forever), new("2000"), kafka.Known(2 * time.Second)},
		"Unset":    {new(forever), new(forever), kafka.Known(kafka.Forever)},
		"None":     {nil, nil, kafka.Unknown[time.Duration]("the cluster leaves it out")},
		"Negative": {new("-2"), nil, kafka.Unknown[time.Duration](`the cluster gives the value "-2", which is none`)},
		"Hidden":   {new(""), new("2000"), kafka.Unknown[time.Duration]("the cluster gives no value")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			settings := told{}
			for name, value := range (told{"message.timestamp.before.max.ms": tc.before, both: tc.both}) {
				if value != nil {
					settings[name] = value
				}
			}
			b.answering(settings, nil)
			if got := b.configsOf(t, "orders").Topics["orders"].TimestampBeforeMax; got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestConfigsOfManyTopics: one request for each 1,000 topics, all to one broker,
// for the settings that rules read and no others.
func TestConfigsOfManyTopics(t *testing.T) {
	for topics, requests := range map[int]int{999: 1, 1000: 1, 1001: 2, 2000: 2} {
		t.Run(fmt.Sprint(topics), func(t *testing.T) {
			names := make([]string, topics)
			for i := range names {
				names[i] = fmt.Sprintf("topic-%04d", i)
			}
			b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, names...))
			metadata, versions, asked := b.counted(kmsg.Metadata), b.counted(kmsg.ApiVersions), b.answering(everything(), nil)
			admin := newAdmin(t, kafkaadmin.Options{})
			for range 2 { // the second is on connections that are open
				metadata.Store(0)
				versions.Store(0)
				*asked = nil
				survey, err := admin.Configs(t.Context(), b.connection(), slices.Concat(names, names[:1]))
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					if got := survey.Topics[name].MinInSyncReplicas; got != kafka.Known[int32](2) {
						t.Fatalf("%s: %+v", name, got)
					}
				}
				if survey.Brokers.TransactionLogMinISR != kafka.Known[int32](2) {
					t.Errorf("brokers: %+v", survey.Brokers)
				}
			}
			if len(*asked) != requests || metadata.Load() != 1 || versions.Load() != 1 {
				t.Errorf("%d DescribeConfigs, want %d; %d Metadata, %d ApiVersions", len(*asked), requests, metadata.Load(), versions.Load())
			}
			wantOnce(t, *asked, topics)
		})
	}
}

// wantOnce: each topic is asked for once, and one broker.
func wantOnce(t *testing.T, asked []*kmsg.DescribeConfigsRequest, topics int) {
	t.Helper()
	times := map[string]int{}
	for _, request := range asked {
		if len(request.Resources) > 1001 {
			t.Errorf("%d in one request", len(request.Resources))
		}
		for _, r := range request.Resources {
			times[r.ResourceName]++
			if len(r.ConfigNames) == 0 || len(r.ConfigNames) > 11 || slices.Contains(r.ConfigNames, "segment.bytes") {
				t.Fatalf("asks for %q of %s", r.ConfigNames, r.ResourceName)
			}
		}
	}
	if len(times) != topics+1 || times["0"] != 1 {
		t.Errorf("%d asked for, broker 0 %d times", len(times), times["0"])
	}
	for name, n := range times {
		if n != 1 {
			t.Errorf("%s was asked for %d times", name, n)
		}
	}
}

// TestConfigsWithoutBrokers: they are listed and don't answer.
func TestConfigsWithoutBrokers(t *testing.T) {
	cases := map[string]struct {
		deaf    []int32
		reason  string
		passing error
	}{
		"First": {[]int32{0}, "", nil},
		"All":   {[]int32{0, 1, 2}, ": not reachable: ", kafka.ErrUnreachable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders"))
			address := unusedAddress(t)
			b.moved(address, tc.deaf...)
			if tc.reason != "" {
				tc.reason = fmt.Sprintf("broker %q%s", address, tc.reason)
			}
			survey := b.configsOf(t, "orders")
			wantReason(t, "orders", survey.Topics["orders"].CleanupPolicy, tc.reason)
			wantReason(t, "brokers", survey.Brokers.TransactionMaxTimeout, tc.reason)
			wantReason(t, "levels", survey.Brokers.TransactionVersion, tc.reason)
			if survey.Topics["orders"].ReplicationFactor.Value != 3 || survey.Brokers.Count.Value != 3 {
				t.Errorf("what is listed: %+v", survey)
			}
			wantPassing(t, survey, tc.passing)
		})
	}
}

// moved has the cluster list these brokers at another address.
func (b broker) moved(to string, nodes ...int32) {
	address, _ := net.ResolveTCPAddr("tcp", to)
	b.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		for i, at := range b.addresses {
			own, _ := net.ResolveTCPAddr("tcp", at)
			if slices.Contains(nodes, int32(i)) {
				own = address
			}
			response.Brokers = append(response.Brokers, kmsg.MetadataResponseBroker{NodeID: int32(i), Host: own.IP.String(), Port: int32(own.Port)})
		}
		response.Topics = []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("orders"),
			Partitions: []kmsg.MetadataResponseTopicPartition{{Replicas: []int32{0, 1, 2}}}}}
		return response, nil, true
	})
}

// TestConfigsOfAClusterAway: nothing is known, which is an error.
func TestConfigsOfAClusterAway(t *testing.T) {
	connection := kafkaadmin.NewConnection([]string{unusedAddress(t)}, "", kafkaauth.Security{})
	survey, err := newAdmin(t, kafkaadmin.Options{}).Configs(t.Context(), connection, []string{"orders"})
	wantKinds(t, err, kafka.ErrUnreachable)
	if survey.Topics != nil || !strings.HasPrefix(fmt.Sprint(err), "read the settings of topics and brokers: ask for metadata: ") {
		t.Errorf("%+v, %v", survey, err)
	}
}

// TestConfigsNobodyWaitsFor: a caller that is being stopped is not told that nothing is known.
func TestConfigsNobodyWaitsFor(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	ctx, cancel := context.WithCancel(t.Context())
	b.answering(everything(), func(*kmsg.DescribeConfigsResponseResource) { cancel() })
	survey, err := newAdmin(t, kafkaadmin.Options{}).Configs(ctx, b.connection(), []string{"orders"})
	wantKinds(t, err, kafka.ErrTimeout)
	if survey.Topics != nil {
		t.Errorf("got %+v", survey)
	}
}

// TestConfigsByAConnectionThatIsNone is one that no broker is asked by.
func TestConfigsByAConnectionThatIsNone(t *testing.T) {
	connection := kafkaadmin.NewConnection([]string{unusedAddress(t)}, "new", kafkaauth.Security{})
	_, err := newAdmin(t, kafkaadmin.Options{}).Configs(t.Context(), connection, []string{"orders"})
	wantKinds(t, err, kafka.ErrInvalid)
}

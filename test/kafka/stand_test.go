package kafka_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// The kinds of Kafka.
const (
	onFake   = "kfake"
	onApache = "Apache"
)

// stand is a Kafka that cases are tried on. What a case does to it goes through
// franz-go, which is not the engine's client.
type stand struct {
	kind string
	// servers are where the engine connects.
	servers []string
	// own is where the test itself connects, past proxies and with all rights,
	// and options are how.
	own     []string
	options []kgo.Opt
	fake    *kfake.Cluster  // nil on Apache Kafka
	apache  *apache.Cluster // nil on kfake
	client  *kgo.Client
	admin   *kadm.Client
}

// onBoth runs the test on a single broker of each kind, side by side.
func onBoth(t *testing.T, test func(*testing.T, *stand)) {
	t.Helper()
	t.Run(onFake, func(t *testing.T) { test(t, fakeStand(t)) })
	t.Run(onApache, func(t *testing.T) { test(t, apacheStand(t)) })
}

func fakeStand(t *testing.T) *stand {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	must(t, "start kfake", err)
	t.Cleanup(cluster.Close)
	return (&stand{kind: onFake, servers: cluster.ListenAddrs(), fake: cluster}).connected(t)
}

// eager has Kafka clean logs and assign partitions soon.
var eager = map[string]string{
	"log.cleaner.backoff.ms":               "200",
	"log.initial.task.delay.ms":            "0",
	"group.consumer.heartbeat.interval.ms": "500", "group.consumer.min.heartbeat.interval.ms": "500",
}

func apacheStand(t *testing.T) *stand {
	t.Helper()
	cluster := startApache(t, apache.Options{Settings: eager})
	return (&stand{kind: onApache, servers: cluster.BootstrapServers(), own: cluster.Admin(), apache: cluster}).connected(t)
}

func (s *stand) connected(t *testing.T) *stand {
	t.Helper()
	if s.own == nil {
		s.own = s.servers
	}
	s.client = s.newClient(t)
	s.admin = kadm.NewClient(s.client)
	return s
}

// newClient is a client for what the test does.
func (s *stand) newClient(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	all := slices.Concat([]kgo.Opt{kgo.SeedBrokers(s.own...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, s.options, options)
	client, err := kgo.NewClient(all...)
	must(t, "make a client", err)
	t.Cleanup(client.Close)
	return client
}

func (s *stand) createTopic(t *testing.T, name string, partitions int32, settings map[string]*string) {
	t.Helper()
	_, err := s.admin.CreateTopic(within(t), partitions, 1, settings, name)
	must(t, "create topic "+name, err)
}

func (s *stand) produce(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	for _, record := range records { // one batch each: compaction and offsets are then the same on both kinds
		must(t, "produce", client.ProduceSync(within(t), record).FirstErr())
	}
}

// messages are count records for one partition.
func messages(topic string, partition int32, count int) []*kgo.Record {
	var records []*kgo.Record
	for range count {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte("x")})
	}
	return records
}

func (s *stand) fill(t *testing.T, topic string, partition int32, count int) {
	t.Helper()
	s.produce(t, s.client, messages(topic, partition, count)...)
}

// commit makes commits as an administrator does, without being a member.
func (s *stand) commit(t *testing.T, group, topic string, offsets map[int32]int64) {
	t.Helper()
	all := kadm.Offsets{}
	for partition, offset := range offsets {
		all.AddOffset(topic, partition, offset, -1)
	}
	eventually(t, "a commit of group "+group, func() bool { // the coordinator may still be loading
		return s.admin.CommitAllOffsets(within(t), group, all) == nil
	})
}

func (s *stand) deleteRecords(t *testing.T, topic string, partition int32, before int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, before, -1)
	_, err := s.admin.DeleteRecords(within(t), offsets)
	must(t, "delete records", err)
}

func (s *stand) deleteTopic(t *testing.T, topic string) {
	t.Helper()
	_, err := s.admin.DeleteTopic(within(t), topic)
	must(t, "delete topic "+topic, err)
}

// awaitTopic waits until the broker itself knows the topic so. It takes changes
// over from the controller a moment after they are made, and takes records for
// the old topic until then.
func (s *stand) awaitTopic(t *testing.T, topic string, so func(kadm.TopicDetail) bool) {
	t.Helper()
	eventually(t, "the broker to know topic "+topic, func() bool {
		topics, err := s.admin.ListTopics(within(t), topic)
		return err == nil && topics[topic].Err == nil && so(topics[topic])
	})
}

package worker_test

import (
	"context"

	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lagrange-operator/lagrange/worker"
)

const (
	topic = "orders"
	group = "workers"
	// patience is how long a test waits for what must come; nothing asserts
	// that it takes long or short.
	patience = time.Minute
)

// broker is an in-process broker with one topic.
type broker struct {
	*kfake.Cluster
	client   sarama.Client
	admin    sarama.ClusterAdmin
	producer sarama.SyncProducer
}

func newBroker(t *testing.T, partitions int32) *broker {
	t.Helper()
	return newBrokerWith(t, func(*sarama.Config) {}, kfake.SeedTopics(partitions, topic),
		kfake.AllowAutoTopicCreation()) // for clients that ask for it
}

// newBrokerWith is a broker with options, and what the test's own client needs
// to connect to it.
func newBrokerWith(t *testing.T, secure func(*sarama.Config), options ...kfake.Opt) *broker {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	config := sarama.NewConfig()
	secure(config)
	config.Version = sarama.V3_6_0_0
	config.Metadata.AllowAutoTopicCreation = false
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	client, err := sarama.NewClient(cluster.ListenAddrs(), config)
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{Cluster: cluster, client: client}
	if b.admin, err = sarama.NewClusterAdminFromClient(client); err != nil {
		t.Fatal(err)
	}
	if b.producer, err = sarama.NewSyncProducerFromClient(client); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.producer.Close()
		_ = client.Close()
	})
	return b
}

// produce appends messages.
func (b *broker) produce(t *testing.T, partition int32, count int) {
	t.Helper()
	b.produceTo(t, topic, partition, count)
}

func (b *broker) produceTo(t *testing.T, topic string, partition int32, count int) {
	t.Helper()
	for range count {
		message := &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder("v")}
		if _, _, err := b.producer.SendMessage(message); err != nil {
			t.Fatal(err)
		}
	}
}

// refresh makes the producer notice new partitions.
func (b *broker) refresh() error { return b.client.RefreshMetadata(topic) }

// members is the number of members that have been given their partitions.
func (b *broker) members() int {
	info := b.GroupInfo(group)
	if info == nil || info.State != "Stable" {
		return 0
	}
	return len(info.Members)
}

// commit sets the group's offset as a reset does.
func (b *broker) commit(t *testing.T, partition int32, offset int64) {
	t.Helper()
	answer, err := b.admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{
		topic: {partition: {Offset: offset, LeaderEpoch: -1}},
	}, nil)
	if err != nil || answer.Errors[topic][partition] != sarama.ErrNoError {
		t.Fatalf("commit: %v, %v", err, answer)
	}
}

// committed is the group's offset of a partition, -1 for none.
func (b *broker) committed(partition int32) int64 {
	info := b.GroupInfo(group)
	if info == nil {
		return -1
	}
	if at, ok := info.Commits[topic][partition]; ok {
		return at.Offset
	}
	return -1
}

func (b *broker) awaitMembers(t *testing.T, members int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if info, err := b.WaitGroupStable(ctx, group, members); err != nil {
		t.Fatalf("no stable group of %d members: %v, %+v", members, err, info)
	}
}

func (b *broker) config() worker.Config {
	return worker.Config{
		BootstrapServers: b.ListenAddrs(),
		ClientID:         "test",
		GroupID:          group,
		Topics:           []string{topic},
		CommitInterval:   50 * time.Millisecond,
		// A rebalance is noticed by heartbeat.
		HeartbeatInterval: 100 * time.Millisecond,
		Logger:            slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Registry:          prometheus.NewRegistry(),
	}
}

// running is one call of Run.
type running struct {
	cancel context.CancelFunc
	result chan error
}

// start runs a worker until stop, or the end of the test.
func start(t *testing.T, config worker.Config, handler worker.Handler) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, result: make(chan error, 1)}
	var alive sync.WaitGroup
	alive.Go(func() { r.result <- worker.Run(ctx, config, handler) })
	t.Cleanup(func() {
		cancel()
		alive.Wait()
	})
	return r
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := r.ended(t); err != nil {
		t.Fatalf("Run: %v", err)
	}
}

func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.result:
		return err
	case <-time.After(patience):
		t.Fatal("Run did not return")
		return nil
	}
}

// record remembers, for each partition, the offsets in the order in which they
// were finished.
type record struct {
	mutex   sync.Mutex
	offsets map[int32][]int64
}

func newRecord() *record { return &record{offsets: make(map[int32][]int64)} }

func (r *record) handle(_ context.Context, msg worker.Message) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.offsets[msg.Partition] = append(r.offsets[msg.Partition], msg.Offset)
	return nil
}

func (r *record) of(partition int32) []int64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.offsets[partition])
}

// distinct is the number of different messages.
func (r *record) distinct() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	total := 0
	for _, offsets := range r.offsets {
		total += len(slices.Compact(slices.Sorted(slices.Values(offsets))))
	}
	return total
}

// firsts are the offsets of a partition in the order of first completion.
func (r *record) firsts(partition int32) []int64 {
	seen := make(map[int64]bool)
	var firsts []int64
	for _, offset := range r.of(partition) {
		if !seen[offset] {
			seen[offset] = true
			firsts = append(firsts, offset)
		}
	}
	return firsts
}

func (r *record) partitions() []int32 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Sorted(maps.Keys(r.offsets))
}

// holdFirst has the first message wait for the release, or its context.
func holdFirst(release <-chan struct{}, then *record) worker.Handler {
	return func(ctx context.Context, msg worker.Message) error {
		select {
		case <-release:
			return then.handle(ctx, msg)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// offsets are from, from+1 and so on, without to.
func offsets(from, to int64) []int64 {
	var list []int64
	for offset := from; offset < to; offset++ {
		list = append(list, offset)
	}
	return list
}

// await waits until the condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	giveUp := time.After(patience)
	for !condition() {
		select {
		case <-look.C:
		case <-giveUp:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// metric is the sum of a counter or gauge over its labels.
func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, series := range family.GetMetric() {
			sum += series.GetCounter().GetValue() + series.GetGauge().GetValue()
		}
	}
	return sum
}

// freeAddress is a loopback address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

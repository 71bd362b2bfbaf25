package kafkaadmin_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// patience bounds every wait: it is reached only by a test that fails.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Started for good by the sarama consumers that some tests use as members.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// eventually waits until done says so.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
	}
}

// sampleOf waits for a sample of the owner that is as wanted.
func sampleOf(t *testing.T, pool *kafkaadmin.Pool, owner, what string, wanted func(kafka.GroupSample) bool) kafka.GroupSample {
	t.Helper()
	var sample kafka.GroupSample
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last sample of %q was %+v", owner, sample)
		}
	})
	eventually(t, what, func() bool {
		latest, known := pool.Latest(owner)
		sample = latest
		return known && wanted(latest)
	})
	return sample
}

func anySample(kafka.GroupSample) bool { return true }

func connected(s kafka.GroupSample) bool { return s.ConnectionErr == nil }

// later waits for a sample of a cycle that began after the call: the second
// that is new.
func later(t *testing.T, pool *kafkaadmin.Pool, owner string) kafka.GroupSample {
	t.Helper()
	latest, _ := pool.Latest(owner)
	for range 2 {
		at := latest.At
		latest = sampleOf(t, pool, owner, "a newer sample", func(s kafka.GroupSample) bool { return s.At.After(at) })
	}
	return latest
}

// started runs a pool for the length of the test and fails the test if it does
// not end.
func started(t *testing.T, options kafkaadmin.Options) *kafkaadmin.Pool {
	t.Helper()
	if options.Interval == 0 {
		options.Interval = 20 * time.Millisecond
	}
	pool := kafkaadmin.NewPool(options)
	stop := run(t, pool)
	t.Cleanup(stop)
	return pool
}

// run starts the pool and returns what stops it and waits for its end.
func run(t *testing.T, pool *kafkaadmin.Pool) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pool.Start(ctx) }()
	return func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Start returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Start did not return")
		}
	}
}

// broker is an in-process Kafka cluster that counts its connections.
type broker struct {
	*kfake.Cluster
	addresses      []string // kfake does not say them any more once it is closed
	open, accepted *atomic.Int64
	mute           *atomic.Bool // its next answer is lost, and the connection with it
}

func newBroker(t testing.TB, options ...kfake.Opt) broker {
	t.Helper()
	b := broker{open: new(atomic.Int64), accepted: new(atomic.Int64), mute: new(atomic.Bool)}
	options = append(options, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		listener, err := net.Listen(network, address)
		return countingListener{listener, b}, err
	}))
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b.Cluster, b.addresses = cluster, cluster.ListenAddrs()
	return b
}

func (b broker) connection() kafkaadmin.Connection {
	return kafkaadmin.NewConnection(b.addresses, "", kafkaauth.Security{})
}

func (b broker) subscription(group string, topics ...string) kafkaadmin.Subscription {
	return kafkaadmin.Subscription{Connection: b.connection(), GroupID: group, Topics: topics}
}

// admin is a client of its own, for what a test does to the cluster.
func (b broker) admin(t testing.TB) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func (b broker) createTopic(t testing.TB, name string, partitions int32) {
	t.Helper()
	if _, err := b.admin(t).CreateTopic(t.Context(), partitions, 1, nil, name); err != nil {
		t.Fatal(err)
	}
}

func (b broker) produce(t testing.TB, topic string, partition int32, count int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range count {
		record := &kgo.Record{Topic: topic, Partition: partition, Value: []byte("x")}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func (b broker) commit(t testing.TB, group, topic string, partition int32, offset int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, offset, -1)
	if err := b.admin(t).CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// commitMany makes group-0 and its successors known to the brokers.
func (b broker) commitMany(t testing.TB, groups int, topic string) {
	t.Helper()
	admin, offsets := b.admin(t), kadm.Offsets{}
	offsets.AddOffset(topic, 0, 0, -1)
	for i := range groups {
		if err := admin.CommitAllOffsets(t.Context(), fmt.Sprintf("group-%d", i), offsets); err != nil {
			t.Fatal(err)
		}
	}
}

type countingListener struct {
	net.Listener
	broker broker
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.broker.open.Add(1)
	l.broker.accepted.Add(1)
	return &countedConn{Conn: conn, mute: l.broker.mute, closed: sync.OnceFunc(func() { l.broker.open.Add(-1) })}, nil
}

type countedConn struct {
	net.Conn
	mute   *atomic.Bool
	closed func()
}

func (c *countedConn) Write(b []byte) (int, error) {
	if c.mute.CompareAndSwap(true, false) {
		return 0, c.Close()
	}
	return c.Conn.Write(b)
}

func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// unusedAddress is an address that refuses connections.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// muteAddress is an address that accepts connections and never answers.
func muteAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held sync.WaitGroup
	held.Go(func() {
		var conns []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		held.Wait()
	})
	return listener.Addr().String()
}

// topicNamed returns the topic's sample, or fails the test.
func topicNamed(t *testing.T, s kafka.GroupSample, name string) kafka.TopicSample {
	t.Helper()
	for _, topic := range s.Topics {
		if topic.Name == name {
			return topic
		}
	}
	t.Fatalf("the sample has no topic %q: %+v", name, s)
	return kafka.TopicSample{}
}

// broken are the numbers of the topic's partitions that have an error of the
// kind; a partition with another error fails the test.
func broken(t *testing.T, topic kafka.TopicSample, kind error) []int32 {
	t.Helper()
	var numbers []int32
	for _, p := range topic.Partitions {
		if errors.Is(p.Err, kind) {
			numbers = append(numbers, p.Partition)
		} else if p.Err != nil {
			t.Errorf("partition %d has the error %v, want one that is %v", p.Partition, p.Err, kind)
		}
	}
	return numbers
}

package integration

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// broker is an in-process Kafka.
type broker struct {
	*kfake.Cluster
	client sarama.Client
	admin  sarama.ClusterAdmin
}

// startBroker runs one broker with the given topics.
func startBroker(t *testing.T, topics map[string]int32, options ...kfake.Opt) *broker {
	t.Helper()
	return startSecured(t, topics, kafkaauth.Security{}, options...)
}

// startSecured runs one broker as the options say, which the test's own client
// connects to with the security.
func startSecured(t *testing.T, topics map[string]int32, security kafkaauth.Security, options ...kfake.Opt) *broker {
	t.Helper()
	options = append([]kfake.Opt{kfake.NumBrokers(1), kfake.ClusterID(t.Name())}, options...)
	for topic, partitions := range topics {
		options = append(options, kfake.SeedTopics(partitions, topic))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := &broker{Cluster: cluster}
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Metadata.AllowAutoTopicCreation = false
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	if err := security.Apply(c); err != nil {
		t.Fatal(err)
	}
	if b.client, err = sarama.NewClient(cluster.ListenAddrs(), c); err != nil {
		t.Fatal(err)
	}
	if b.admin, err = sarama.NewClusterAdminFromClient(b.client); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.admin.Close() })
	return b
}

func (b *broker) address() string { return b.ListenAddrs()[0] }

// produce writes n messages to each partition of the topic.
func (b *broker) produce(t *testing.T, topic string, n int) {
	t.Helper()
	partitions, err := b.client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	producer, err := sarama.NewSyncProducerFromClient(b.client)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*sarama.ProducerMessage
	for _, p := range partitions {
		for i := range n {
			messages = append(messages, &sarama.ProducerMessage{Topic: topic, Partition: p, Value: sarama.StringEncoder(strconv.Itoa(i))})
		}
	}
	if err := producer.SendMessages(messages); err != nil {
		t.Fatal(err)
	}
}

// commit sets the group's committed offset of every partition to offset.
func (b *broker) commit(t *testing.T, group, topic string, offset int64) {
	t.Helper()
	partitions, err := b.client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	offsets := map[int32]sarama.OffsetAndMetadata{}
	for _, p := range partitions {
		offsets[p] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
	}
	response, err := b.admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{topic: offsets}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for topic, byPartition := range response.Errors {
		for p, code := range byPartition {
			if code != sarama.ErrNoError {
				t.Fatalf("commit %s-%d: %v", topic, p, code)
			}
		}
	}
}

// count counts the requests with the key that match from now on.
func (b *broker) count(key kmsg.Key, match func(kmsg.Request) bool) *atomic.Int64 {
	var n atomic.Int64
	b.ControlKey(key.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if match(r) {
			n.Add(1)
		}
		return nil, nil, false
	})
	return &n
}

// cycles waits for n more poll cycles. Each asks for the metadata once.
func (b *broker) cycles(t *testing.T, n int64) {
	t.Helper()
	seen := b.count(kmsg.Metadata, func(kmsg.Request) bool { return true })
	eventually(t, func() error {
		if have := seen.Load(); have < n {
			return fmt.Errorf("%d poll cycles, want %d", have, n)
		}
		return nil
	})
}

// grow gives the topic more partitions.
func (b *broker) grow(t *testing.T, topic string, partitions int32) {
	t.Helper()
	if err := b.admin.CreatePartitions(topic, partitions, nil, false); err != nil {
		t.Fatal(err)
	}
	if err := b.client.RefreshMetadata(topic); err != nil {
		t.Fatal(err)
	}
}

// port is a TCP port of ours on which nobody listens: connections are refused,
// and nobody else can take it before a broker comes to it.
type port struct {
	fd      int
	address string
}

func reservePort(t *testing.T) *port {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return &port{fd: fd, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*syscall.SockaddrInet4).Port))}
}

// listen makes the kernel accept connections, which nobody answers.
func (p *port) listen(t *testing.T) {
	t.Helper()
	if err := syscall.Listen(p.fd, 128); err != nil {
		t.Fatal(err)
	}
}

// startBroker runs a broker on the port.
func (p *port) startBroker(t *testing.T, topics map[string]int32, options ...kfake.Opt) *broker {
	t.Helper()
	p.listen(t)
	duplicate, err := syscall.Dup(p.fd)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(duplicate), p.address)
	defer func() { _ = file.Close() }()
	listen := kfake.ListenFn(func(string, string) (net.Listener, error) { return net.FileListener(file) })
	return startBroker(t, topics, append(options, listen)...)
}

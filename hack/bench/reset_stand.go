package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// resetSizes are the partitions of the resets that are measured.
var resetSizes = [2]int{1000, 10_000}

// resetTopicSize is what a topic has of them.
const resetTopicSize = 1000

// resetStand is everything that runs: Apache Kafka behind a meter, the API server
// and the manager.
type resetStand struct {
	server  *apiServer
	kafka   *apache.Cluster
	meter   *meter
	address string
	manager *process
	proxy   net.Listener
}

func (s *resetStand) start(ctx context.Context, folder string) (err error) {
	say("starting Apache Kafka with %d partitions", resetSizes[0]+resetSizes[1])
	if err := s.startKafka(ctx); err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	say("starting the API server (compiled the first time) and the manager")
	if s.server, err = startAPIServer(ctx, folder); err != nil {
		return err
	}
	s.manager, err = startProcess(ctx, folder, "./cmd/manager", []string{"KUBECONFIG=" + s.server.kubeconfig},
		"--metrics-bind-address=0", "--health-probe-bind-address=0")
	if err != nil {
		return err
	}
	return s.createGroups(ctx)
}

func (s *resetStand) stop() {
	if s.manager != nil {
		s.manager.stop()
	}
	if s.server != nil && s.server.env != nil {
		_ = s.server.env.Stop()
	}
	if s.proxy != nil {
		_ = s.proxy.Close()
	}
	if s.kafka != nil {
		_ = s.kafka.Close()
	}
}

// startKafka has the clients come by way of the meter.
func (s *resetStand) startKafka(ctx context.Context) error {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for Kafka's clients: %w", err)
	}
	s.meter, s.address = newMeter("lagrange", 0), inner.Addr().String()
	s.proxy = s.meter.listener(inner)
	s.kafka, err = apache.Start(ctx, apache.Options{
		Listeners: []apache.Listener{{Advertise: []string{s.address}}}, Heap: "1g", Progress: os.Stderr,
		Settings: map[string]string{"log.index.size.max.bytes": "65536"},
	})
	if err != nil {
		return err
	}
	go passOn(s.proxy, s.kafka.Listening("CLIENT")[0])
	return nil
}

// passOn connects whoever comes with the broker, until the listener is closed.
func passOn(listener net.Listener, broker string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", broker, 5*time.Second)
		if err != nil {
			_ = client.Close()
			continue
		}
		go carry(client, server)
		go carry(server, client)
	}
}

func carry(from, to net.Conn) {
	_, _ = io.Copy(to, from) // an end is an end
	_ = to.Close()
	_ = from.Close()
}

// resetTopics are the names of the topics of a reset, of 20 characters.
func resetTopics(size int) []string {
	var names []string
	for i := range size / resetTopicSize {
		names = append(names, fmt.Sprintf("orders-%05d-of-%05d", i, size))
	}
	return names
}

// resetGroup is the group's id, of 20 characters too.
func resetGroup(size int) string { return fmt.Sprintf("group-that-has-%05d", size) }

// fill puts a message into each partition, and commits past it.
func (s *resetStand) fill(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Admin()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for _, size := range resetSizes {
		var records []*kgo.Record
		offsets := kadm.Offsets{}
		for _, topic := range resetTopics(size) {
			if _, err := admin.CreateTopic(ctx, resetTopicSize, 1, nil, topic); err != nil {
				return fmt.Errorf("create topic %q: %w", topic, err)
			}
			for p := range int32(resetTopicSize) {
				records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: []byte("x")})
				offsets.AddOffset(topic, p, 1, -1)
			}
		}
		if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return fmt.Errorf("fill %d partitions: %w", size, err)
		}
		if err := admin.CommitAllOffsets(ctx, resetGroup(size), offsets); err != nil {
			return fmt.Errorf("commit for %d partitions: %w", size, err)
		}
	}
	return nil
}

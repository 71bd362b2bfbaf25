package main

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func TestRunGoesOnWhereItEnded(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	produce := producer(t, kafka.Address)
	expect := func(want string) {
		t.Helper()
		var out bytes.Buffer
		if err := run(t.Context(), []string{"-brokers", kafka.Address, "-partition=1"}, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	produce("ann", "1")
	produce("bob", "2")
	expect("0: ann 1\n1: bob 2\npartition 1: 2 messages from offset 0, next is 2\n")
	expect("partition 1: 0 messages from offset 2, next is 2\n")
	produce("ann", "3")
	expect("2: ann 3\npartition 1: 1 messages from offset 2, next is 3\n")

	ctx, stop := context.WithCancel(t.Context())
	produce("bob", "4")
	out, output := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		defer func() { _ = output.Close() }()
		ended <- run(ctx, []string{"-brokers", kafka.Address, "-partition=1", "-follow"}, output)
	}()
	line := make([]byte, len("3: bob 4\n"))
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "3: bob 4\n" {
		t.Errorf("followed with %q, %v", line, err)
	}
	stop()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if err := <-ended; err != nil {
		t.Errorf("told to stop, it ended with %v", err)
	}
}

// producer sends to partition 1.
func producer(t *testing.T, address string) (produce func(key, value string)) {
	t.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer([]string{address}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	return func(key, value string) {
		t.Helper()
		message := &sarama.ProducerMessage{Topic: "orders", Partition: 1, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
		if _, _, err := producer.SendMessage(message); err != nil {
			t.Fatal(err)
		}
	}
}

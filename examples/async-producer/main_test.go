package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func TestRun(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	var in, out bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&in, "key-%d %d\n", i%10, i)
	}
	args := []string{"-brokers", kafka.Address}
	if err := run(t.Context(), args, &in, &out); err != nil || out.String() != "1000 acknowledged, 0 failed\n" {
		t.Fatalf("%v, %q", err, out.String())
	}
	if got := end(t, kafka.Address); got != 1000 {
		t.Errorf("the log has %d messages, want 1000", got)
	}
	out.Reset()
	if err := run(t.Context(), append(args, "-topic", "not-there"), strings.NewReader("ann 1\nbob 2\n"), &out); err == nil || out.String() != "0 acknowledged, 2 failed\n" {
		t.Errorf("to a topic that is not there: %v, %q", err, out.String())
	}
}

// Told to stop, it sends no more, and says that it did not send all.
func TestRunIsStopped(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	ctx, stop := context.WithCancel(t.Context())
	in, input := io.Pipe()
	go func() {
		_, _ = io.WriteString(input, "ann 1\n")
		stop()
		_, _ = io.WriteString(input, "bob 2\n")
		_ = input.Close()
	}()
	var out bytes.Buffer
	if err := run(ctx, []string{"-brokers", kafka.Address}, in, &out); err == nil {
		t.Errorf("it ended well: %q", out.String())
	}
	if got := fmt.Sprintf("%d acknowledged", end(t, kafka.Address)); !strings.HasPrefix(out.String(), got) {
		t.Errorf("%q, and the broker has %s", out.String(), got)
	}
}

func end(t *testing.T, address string) int64 {
	t.Helper()
	client, err := sarama.NewClient([]string{address}, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	offset, err := client.GetOffset("orders", 0, sarama.OffsetNewest)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

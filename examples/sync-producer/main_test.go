package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func TestRun(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-brokers", kafka.Address}, strings.NewReader("ann 1\nbob 2\nann 3\n"), &out); err != nil {
		t.Fatal(err)
	}
	want := "ann: partition 0, offset 0\nbob: partition 0, offset 1\nann: partition 0, offset 2\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	err = run(t.Context(), []string{"-brokers", kafka.Address, "-topic", "not-there"}, strings.NewReader("ann 1\n"), &out)
	if !errors.Is(err, sarama.ErrUnknownTopicOrPartition) || !strings.Contains(err.Error(), `"ann 1"`) {
		t.Errorf("to a topic that is not there: %v", err)
	}
}

package worker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestTopicIDs(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := worker.Config{BootstrapServers: b.ListenAddrs()}
	first, err := worker.TopicIDs(t.Context(), config, topic)
	if err != nil {
		t.Fatal(err)
	}
	again, err := worker.TopicIDs(t.Context(), config, topic)
	if err != nil || again[topic] != first[topic] || first[topic] == (worker.TopicID{}) {
		t.Fatalf("the id was %s and is %s, %v; want the same one", first[topic], again[topic], err)
	}
	if err := b.admin.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if ids, err := worker.TopicIDs(t.Context(), config, topic); len(ids) > 0 || !errors.Is(err, sarama.ErrUnknownTopicOrPartition) || !strings.Contains(err.Error(), topic) {
		t.Errorf("ids %v, error %v, want none and one that names the topic that isn't there", ids, err)
	}
	if err := b.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	second, err := worker.TopicIDs(t.Context(), config, topic)
	if err != nil || second[topic] == first[topic] || second[topic] == (worker.TopicID{}) {
		t.Errorf("the new topic's id is %s, %v; the old one's was %s", second[topic], err, first[topic])
	}
	if none, err := worker.TopicIDs(t.Context(), config); err != nil || len(none) != 0 {
		t.Errorf("ids of no topic: %v, %v", none, err)
	}
}

// TestTopicIDsOfAnOldProtocol: before 2.8 there are none, which must not be
// taken for an id of zeros.
func TestTopicIDsOfAnOldProtocol(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := worker.Config{BootstrapServers: b.ListenAddrs(), KafkaVersion: "2.7.0"}
	if ids, err := worker.TopicIDs(t.Context(), config, topic); err == nil || !strings.Contains(err.Error(), "2.8") {
		t.Errorf("ids %v, error %v; want one that names the version", ids, err)
	}
}

func TestTopicIDsEndWithTheContext(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := worker.TopicIDs(ctx, worker.Config{BootstrapServers: b.ListenAddrs()}, topic); err == nil {
		t.Error("an answer after the context had ended")
	}
}

func TestTopicRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	b := newBroker(t, 1)
	cases := map[string]struct {
		reason  string
		configs map[string]string
		want    time.Duration
	}{
		"deleted":   {"a day, and two until the segment is closed", map[string]string{"retention.ms": "86400000", "segment.ms": "172800000"}, 3 * day},
		"kept":      {"-1 is without end", map[string]string{"retention.ms": "-1", "segment.ms": "1000"}, worker.Forever},
		"compacted": {"the last message of each key stays", map[string]string{"cleanup.policy": "compact", "retention.ms": "1000", "segment.ms": "1000"}, worker.Forever},
		"both":      {"what is compacted is deleted, too", map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "1000", "segment.ms": "1000"}, 2 * time.Second},
		"longest":   {"more milliseconds than a duration has", map[string]string{"retention.ms": "9223372036854775807", "segment.ms": "1000"}, worker.Forever},
	}
	for name, tc := range cases {
		entries := make(map[string]*string)
		for key, value := range tc.configs {
			entries[key] = &value
		}
		if err := b.admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: entries}, false); err != nil {
			t.Fatal(err)
		}
		retention, err := worker.TopicRetention(t.Context(), worker.Config{BootstrapServers: b.ListenAddrs()}, name)
		if err != nil || retention[name] != tc.want {
			t.Errorf("%s: %s, %v; want %s", tc.reason, retention[name], err, tc.want)
		}
	}
	if _, err := worker.TopicRetention(t.Context(), worker.Config{BootstrapServers: b.ListenAddrs()}, "absent"); err == nil {
		t.Error("a topic that isn't there has a retention")
	}
}

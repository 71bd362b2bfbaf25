package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// lookupTimeout bounds all that is read before claims open. A broker that
	// has gone silent must not hold up the partitions of the others for long.
	lookupTimeout  = 15 * time.Second
	lookupAttempts = 4
	lookupBackoff  = 250 * time.Millisecond
)

// lookup reads offsets. What could not be read is an error, never "none".
type lookup struct {
	client    sarama.Client
	group     string
	isolation sarama.IsolationLevel
	// fenced refuses brokers before 2.5, which can't tell undecided offsets.
	fenced bool
}

func newLookup(client sarama.Client, group string) lookup {
	return lookup{client: client, group: group, isolation: client.Config().Consumer.IsolationLevel}
}

// reading is what is known of the claims before they open.
type reading struct {
	// partitions are all of each topic.
	partitions map[string][]int32
	commits    map[kafka.TopicPartition]commit
	logs       map[kafka.TopicPartition]logRange
}

// read looks everything up, within lookupTimeout. sarama's calls know no
// context: one that hangs is left to end by itself, at the latest with the client.
func (l lookup) read(ctx context.Context, claims map[string][]int32, youngest time.Time) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	type answer struct {
		reading
		error
	}
	done := make(chan answer, 1)
	go func() {
		known, err := l.readAll(ctx, claims, youngest)
		done <- answer{known, err}
	}()
	select {
	case a := <-done:
		return a.reading, a.error
	case <-ctx.Done():
		return reading{}, fmt.Errorf("look up where partitions open: %w", ctx.Err())
	}
}

func (l lookup) readAll(ctx context.Context, claims map[string][]int32, youngest time.Time) (known reading, err error) {
	topics := claimedTopics(claims)
	if len(topics) == 0 {
		return reading{}, nil
	}
	if known.partitions, err = l.siblings(topics, claims); err != nil {
		return known, err
	}
	if known.commits, err = l.commits(ctx, known.partitions, claims); err != nil {
		return known, err
	}
	known.logs, err = l.logs(ctx, claims, youngest)
	return known, err
}

// siblings are all partitions of the topics, those claimed among them even if
// this client has not heard of them yet.
func (l lookup) siblings(topics []string, claims map[string][]int32) (map[string][]int32, error) {
	all := make(map[string][]int32, len(topics))
	for _, topic := range topics {
		numbers, err := l.client.Partitions(topic)
		if err != nil {
			return nil, fmt.Errorf("list the partitions of topic %q: %w", topic, err)
		}
		all[topic] = union(numbers, claims[topic])
	}
	return all, nil
}

// Package watch looks at a running demo from outside of Lagrange: at the
// broker for lag, at the API server for workers, decisions and events.
package watch

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Lag reads one group's lag on one topic.
type Lag struct {
	client *kadm.Client
	group  string
	topic  string
}

// NewLag connects when first read.
func NewLag(broker, group, topic string) (*Lag, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return nil, fmt.Errorf("prepare a client of broker %q: %w", broker, err)
	}
	return &Lag{client: kadm.NewClient(client), group: group, topic: topic}, nil
}

// Close ends the connections.
func (l *Lag) Close() { l.client.Close() }

// Read is the number of messages in the topic that the group has not committed.
// The log starts at 0: the demo is shorter than any retention.
func (l *Lag) Read(ctx context.Context) (int64, error) {
	ends, err := l.client.ListEndOffsets(ctx, l.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("read the ends of topic %q: %w", l.topic, err)
	}
	commits, err := l.client.FetchOffsets(ctx, l.group)
	if err == nil {
		err = commits.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // nobody has joined yet
		return 0, fmt.Errorf("read the commits of group %q: %w", l.group, err)
	}
	var lag int64
	ends.Each(func(end kadm.ListedOffset) {
		lag += end.Offset
		if commit, found := commits.Lookup(end.Topic, end.Partition); found {
			lag -= commit.At
		}
	})
	return max(lag, 0), nil // commits are read after the ends
}

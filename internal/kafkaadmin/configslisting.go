package kafkaadmin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// configListing is how the topics are placed whose settings are to be read.
type configListing struct {
	at       time.Time // when it was asked for
	known    *cluster
	opened   int64          // the client's connections by then
	replicas map[string]int // by topic
	names    []string       // what patterns may match, sorted; nil unless all topics were asked for
}

// listConfigured asks for these topics, or for all that there are.
func (c *client) listConfigured(ctx context.Context, topics []string, all bool) (*configListing, error) {
	if c.invalid != nil {
		return nil, c.invalid
	}
	listing, request := &configListing{at: time.Now()}, c.requestTopics(topics)
	if all {
		request = c.requestAllTopics
	}
	response, err := c.metadata(ctx, request)
	if err != nil {
		return nil, err
	}
	listing.known = c.clusterOf(response)
	listing.opened = c.opened.Load()
	listing.replicas = replicationIn(response)
	if !all {
		return listing, nil
	}
	listing.names = matchable(response)
	return listing, c.listLeftOut(ctx, listing, topics)
}

// matchable are the topics that patterns may match.
func matchable(response *sarama.MetadataResponse) []string {
	names := make([]string, 0, len(response.Topics))
	for _, t := range response.Topics {
		if !kafka.Internal(t.Name, t.IsInternal) {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names
}

// listLeftOut asks for those topics by name that the list of all does not have: it
// leaves out what we may not see like what there is not.
func (c *client) listLeftOut(ctx context.Context, listing *configListing, topics []string) error {
	missing := slices.DeleteFunc(slices.Clone(topics), func(name string) bool {
		_, listed := listing.known.topics[name]
		return listed
	})
	if len(missing) == 0 {
		return nil
	}
	response, err := c.metadata(ctx, c.requestTopics(missing))
	if err != nil {
		return err
	}
	maps.Copy(listing.replicas, replicationIn(response))
	for _, t := range response.Topics {
		listing.known.topics[t.Name] = topicOf(t)
	}
	return nil
}

// placed is what metadata says of a topic, and the error if it says nothing.
func (c *cluster) placed(name string, replicas int) (kafka.TopicConfig, error) {
	t, listed := c.topics[name]
	if !listed {
		t.err = unlisted(name, errLeftOut)
	}
	switch {
	case errors.Is(t.err, kafka.ErrTopicMissing):
		return kafka.TopicConfig{Name: name, State: kafka.TopicMissing}, nil
	case t.err != nil:
		return kafka.TopicConfig{Name: name, State: kafka.TopicUnread, Reason: t.err.Error()}, t.err
	}
	return kafka.TopicConfig{
		Name: name, State: kafka.TopicExists, ID: t.id,
		Partitions:        countOf(len(t.partitions), "the cluster lists no partitions"),
		ReplicationFactor: countOf(replicas, "the cluster lists no replicas"),
	}, nil
}

// replicationIn is by topic the lowest number of replicas over its partitions.
func replicationIn(response *sarama.MetadataResponse) map[string]int {
	lowest := make(map[string]int, len(response.Topics))
	for _, t := range response.Topics {
		for i, p := range t.Partitions {
			if i == 0 || len(p.Replicas) < lowest[t.Name] {
				lowest[t.Name] = len(p.Replicas)
			}
		}
	}
	return lowest
}

// countOf is not known where nothing was counted: there is always one.
func countOf(n int, none string) kafka.Setting[int32] {
	if n == 0 {
		return kafka.Unknown[int32](none)
	}
	return kafka.Known(int32(n))
}

package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Configs reads what producers of the topics depend on: how the topics are placed
// and set, and the brokers. An error is for a cluster that can't be asked at all,
// that is exchanged for another meanwhile, or a context that ends.
//
// It takes one Metadata, one ApiVersions, and one DescribeConfigs for each 1,000
// topics, the first of which asks for the broker's settings too. With 2,000 topics
// and 24 partitions each that is an answer of 2 MB, and two of 0.6 MB.
func (a *Admin) Configs(ctx context.Context, c Connection, topics []string) (kafka.ConfigSurvey, error) {
	client, done, err := a.use(c)
	if err != nil {
		return kafka.ConfigSurvey{}, err
	}
	defer done()
	survey, err := client.configs(ctx, sortedSet(topics))
	if err != nil {
		return kafka.ConfigSurvey{}, fmt.Errorf("read the settings of topics and brokers: %w", err)
	}
	return survey, nil
}

func (c *client) configs(ctx context.Context, topics []string) (kafka.ConfigSurvey, error) {
	if c.invalid != nil {
		return kafka.ConfigSurvey{}, c.invalid
	}
	survey := kafka.ConfigSurvey{At: time.Now(), Topics: make(map[string]kafka.TopicConfig, len(topics))}
	response, err := c.metadata(ctx, c.requestTopics(topics))
	if err != nil {
		return kafka.ConfigSurvey{}, err
	}
	known := c.clusterOf(response)
	opened := c.opened.Load()
	survey.ClusterID = known.id
	replicas, existing := replicationIn(response), make([]string, 0, len(topics))
	for _, name := range topics {
		t, err := known.placed(name, replicas[name])
		survey.Topics[name] = t
		notePassing(&survey, err)
		if t.State == kafka.TopicExists {
			existing = append(existing, name)
		}
	}
	c.fillConfigs(ctx, known, existing, &survey)
	if ctx.Err() != nil { // nobody waits for what is left
		return kafka.ConfigSurvey{}, errLate
	}
	return survey, c.sameCluster(ctx, known, opened)
}

// fillConfigs adds what one broker says. Which one makes no difference but to the
// broker's own settings, and those are meant to be the same on all.
func (c *client) fillConfigs(ctx context.Context, known *cluster, topics []string, survey *kafka.ConfigSurvey) {
	spokesman := c.spokesman(ctx, known)
	answers := c.describeConfigs(ctx, spokesman, topics)
	notePassing(survey, spokesman.err)
	survey.Brokers = brokerConfigOf(answers[spokesman.resource()], spokesman)
	survey.Brokers.Count = countOf(len(known.brokers), "the cluster lists no brokers")
	notePassing(survey, answers[spokesman.resource()].err)
	for _, name := range topics {
		described := answers[topicResource(name)]
		survey.Topics[name] = described.configure(survey.Topics[name])
		notePassing(survey, described.err)
	}
}

// notePassing keeps the first error that may be gone the next time.
func notePassing(survey *kafka.ConfigSurvey, err error) {
	if survey.Passing != nil {
		return
	}
	for _, kind := range []error{kafka.ErrUnavailable, kafka.ErrTimeout, kafka.ErrUnreachable} {
		if errors.Is(err, kind) {
			survey.Passing = err
		}
	}
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

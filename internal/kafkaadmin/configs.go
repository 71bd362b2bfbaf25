package kafkaadmin

import (
	"context"
	"errors"
	"fmt"

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
	listing, err := c.listConfigured(ctx, topics, false)
	if err != nil {
		return kafka.ConfigSurvey{}, err
	}
	reading, err := c.readConfigs(ctx, listing, topics)
	if err != nil {
		return kafka.ConfigSurvey{}, err
	}
	reading.survey.Passing = reading.passingOf(topics)
	reading.survey.Whole = reading.survey.Passing == nil
	return reading.survey, nil
}

// configReading is what one reading of settings found.
type configReading struct {
	survey kafka.ConfigSurvey // of all topics that were wanted, whatever passes
	// Why something is not known that may be known soon, of the brokers and by topic.
	brokersPassing error
	topicsPassing  map[string]error
}

// readConfigs adds the settings to what the listing says. The topics are sorted.
func (c *client) readConfigs(ctx context.Context, listing *configListing, topics []string) (*configReading, error) {
	r := &configReading{survey: kafka.ConfigSurvey{
		ClusterID: listing.known.id, At: listing.at, Topics: make(map[string]kafka.TopicConfig, len(topics)),
	}}
	existing := make([]string, 0, len(topics))
	for _, name := range topics {
		t, err := listing.known.placed(name, listing.replicas[name])
		r.survey.Topics[name] = t
		r.note(name, err)
		if t.State == kafka.TopicExists {
			existing = append(existing, name)
		}
	}
	c.fillConfigs(ctx, listing.known, existing, r)
	if ctx.Err() != nil { // nobody waits for what is left
		return nil, errLate
	}
	return r, c.sameCluster(ctx, listing.known, listing.opened)
}

// fillConfigs adds what one broker says. Which one makes no difference but to the
// broker's own settings, and those are meant to be the same on all.
func (c *client) fillConfigs(ctx context.Context, known *cluster, topics []string, r *configReading) {
	spokesman := c.spokesman(ctx, known)
	answers := c.describeConfigs(ctx, spokesman, topics)
	own := answers[spokesman.resource()]
	r.survey.Brokers = brokerConfigOf(own, spokesman)
	r.survey.Brokers.Count = countOf(len(known.brokers), "the cluster lists no brokers")
	if passes(own.err) {
		r.brokersPassing = own.err
	}
	for _, name := range topics {
		described := answers[topicResource(name)]
		r.survey.Topics[name] = described.configure(r.survey.Topics[name])
		r.note(name, described.err)
	}
}

// note keeps an error of a topic that may be gone the next time.
func (r *configReading) note(topic string, err error) {
	if !passes(err) {
		return
	}
	if r.topicsPassing == nil {
		r.topicsPassing = map[string]error{}
	}
	r.topicsPassing[topic] = err
}

func passes(err error) bool {
	return errors.Is(err, kafka.ErrUnavailable) || errors.Is(err, kafka.ErrTimeout) || errors.Is(err, kafka.ErrUnreachable)
}

// passingOf is the first error that may be gone the next time, of the brokers and
// these topics.
func (r *configReading) passingOf(topics []string) error {
	if r.brokersPassing != nil || len(r.topicsPassing) == 0 {
		return r.brokersPassing
	}
	for _, name := range topics {
		if err := r.topicsPassing[name]; err != nil {
			return err
		}
	}
	return nil
}

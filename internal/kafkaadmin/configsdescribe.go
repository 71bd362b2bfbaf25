package kafkaadmin

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// maxTopicsPerDescribe keeps an answer small: with the 11 settings of a topic, of
// 50 bytes each, 1,000 topics are 0.6 MB. A service that answers with all settings
// and where they come from sends 10 MB; sarama takes 100.
const maxTopicsPerDescribe = 1000

// spokesman is the broker that is asked for what all know.
type spokesman struct {
	node     int32
	link     *link
	versions *sarama.ApiVersionsResponse
	err      error // why no broker could be asked
}

// spokesman is the first broker that answers, by number: where brokers differ it
// is the same one each time.
func (c *client) spokesman(ctx context.Context, known *cluster) spokesman {
	ctx, cancel := c.step(ctx)
	defer cancel()
	failed := spokesman{node: nobody, err: errNotListed}
	nodes := slices.Sorted(maps.Keys(known.brokers))
	for i, node := range nodes {
		s := spokesman{node: node, link: known.brokers[node]}
		s.versions, s.err = versionsOf(ctx, s.link, len(nodes)-i)
		if s.err == nil {
			return s
		}
		if i == 0 {
			failed.err = s.err
		}
	}
	return failed
}

func versionsOf(ctx context.Context, l *link, left int) (*sarama.ApiVersionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, fairShare(ctx, left))
	defer cancel()
	return ask(ctx, l, func(b *sarama.Broker) (*sarama.ApiVersionsResponse, error) {
		return b.ApiVersions(versionsRequest())
	})
}

// level is the level of a feature in the whole cluster.
func (s spokesman) level(feature string) kafka.Setting[int16] {
	switch {
	case s.err != nil:
		return kafka.Unknown[int16](s.err.Error())
	case s.versions.Version < 3, s.versions.FinalizedFeaturesEpoch < 0:
		return kafka.Unknown[int16]("the brokers don't tell the levels of features")
	}
	for _, f := range s.versions.FinalizedFeatures {
		if f.Name == feature {
			return kafka.Known(f.MaxVersionLevel)
		}
	}
	return kafka.Known[int16](0) // the brokers leave out what is at 0
}

func (s spokesman) resource() configResource {
	return configResource{sarama.BrokerResource, strconv.Itoa(int(s.node))}
}

// configResource is what has settings: a broker or a topic.
type configResource struct {
	kind sarama.ConfigResourceType
	name string
}

func topicResource(name string) configResource { return configResource{sarama.TopicResource, name} }

// asked is the resource with the settings that are wanted of it.
func (r configResource) asked() *sarama.ConfigResource {
	names := topicSettings
	if r.kind == sarama.BrokerResource {
		names = brokerSettings
	}
	return &sarama.ConfigResource{Type: r.kind, Name: r.name, ConfigNames: names}
}

// described is what an answer has of one resource.
type described struct {
	entries map[string]*sarama.ConfigEntry
	err     error // why there are none
}

// describeConfigs asks for the settings of the topics and of the broker that is
// asked, whose are in the first request: only the broker itself tells them.
func (c *client) describeConfigs(ctx context.Context, s spokesman, topics []string) map[configResource]described {
	answers := make(map[configResource]described, len(topics)+1)
	resources := []configResource{s.resource()}
	for part := range slices.Chunk(topics, maxTopicsPerDescribe) {
		for _, name := range part {
			resources = append(resources, topicResource(name))
		}
		c.describeResources(ctx, s, resources, answers)
		resources = nil
	}
	if len(resources) > 0 { // there are no topics
		c.describeResources(ctx, s, resources, answers)
	}
	return answers
}

func (c *client) describeResources(ctx context.Context, s spokesman, resources []configResource, answers map[configResource]described) {
	response, err := c.askConfigs(ctx, s, resources)
	for _, r := range resources {
		answers[r] = described{err: err}
		if err == nil {
			answers[r] = described{err: errLeftOut}
		}
	}
	if err != nil {
		return
	}
	for _, answer := range response.Resources {
		answers[configResource{answer.Type, answer.Name}] = describedBy(answer)
	}
}

func (c *client) askConfigs(ctx context.Context, s spokesman, resources []configResource) (*sarama.DescribeConfigsResponse, error) {
	if s.err != nil {
		return nil, s.err
	}
	ctx, cancel := c.step(ctx)
	defer cancel()
	request := sarama.DescribeConfigsRequest{Version: 1}
	for _, r := range resources {
		request.Resources = append(request.Resources, r.asked())
	}
	return ask(ctx, s.link, func(b *sarama.Broker) (*sarama.DescribeConfigsResponse, error) {
		again := request // sarama sets the version in it
		return b.DescribeConfigs(&again)
	})
}

// describedBy reads one resource. The topic was listed just before: a broker that
// does not know it has yet to learn of it, or it is just being deleted.
func describedBy(answer *sarama.ResourceResponse) described {
	if code := sarama.KError(answer.ErrorCode); code != sarama.ErrNoError {
		return described{err: partitionRefusal(code)}
	}
	of := described{entries: make(map[string]*sarama.ConfigEntry, len(answer.Configs))}
	for _, entry := range answer.Configs {
		of.entries[entry.Name] = entry
	}
	return of
}

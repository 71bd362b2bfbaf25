package kafkaadmin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// cluster is what one cycle's metadata says: who is there, and who leads what.
type cluster struct {
	id      string
	brokers map[int32]*link
	topics  map[string]topic
}

// topic is one topic's metadata. Its partitions are in the order of their
// numbers, which have no gaps: the partition at i is partition i.
type topic struct {
	err        error
	id         kafka.TopicID
	operations operations // what we may do with it; only surveys ask
	ids        []int32    // the partitions' numbers
	partitions []partition
}

type partition struct {
	leader int32 // -1 while it has none
	err    error // why nobody can be asked for its log
}

// partitionIDs must not be changed: all groups of the topic share them.
func (c *cluster) partitionIDs(name string) []int32 { return c.topics[name].ids }

// metadataRequest is how one broker is asked for metadata.
type metadataRequest func(*sarama.Broker) (*sarama.MetadataResponse, error)

// locate asks for the metadata of exactly these topics, and fails only when no
// broker could be asked.
func (c *client) locate(ctx context.Context, topics []string) (*cluster, error) {
	if c.invalid != nil {
		return nil, c.invalid
	}
	response, err := c.metadata(ctx, c.requestTopics(topics))
	if err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		response.Topics = nil // nobody reads the one that was asked for
	}
	return c.clusterOf(response), nil
}

// requestTopics creates no topic: sarama leaves it off unless told. An empty
// list means all topics to sarama, so the offsets' topic stands for none.
func (c *client) requestTopics(topics []string) metadataRequest {
	if len(topics) == 0 {
		topics = []string{offsetsTopic}
	}
	return func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		request := sarama.NewMetadataRequest(c.config.Version, topics)
		request.IncludeTopicAuthorizedOperations = c.exact
		return b.GetMetadata(request)
	}
}

// requestAllTopics is of what sarama means by an empty list.
func (c *client) requestAllTopics(b *sarama.Broker) (*sarama.MetadataResponse, error) {
	return b.GetMetadata(sarama.NewMetadataRequest(c.config.Version, nil)) //nolint:wrapcheck // ask says what was attempted
}

// metadata asks one address after another until one answers. Each gets its
// share of the step's time, so that a mute broker leaves time for the next.
func (c *client) metadata(ctx context.Context, request metadataRequest) (*sarama.MetadataResponse, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	failures := map[string]error{}
	candidates := c.candidates()
	for i, address := range candidates {
		response, err := c.metadataOf(ctx, address, request, len(candidates)-i)
		if err == nil {
			c.answers(address)
			return response, nil
		}
		failures[address] = err
	}
	return nil, c.unreachable(failures)
}

func (c *client) metadataOf(ctx context.Context, address string, request metadataRequest, left int) (*sarama.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, fairShare(ctx, left))
	defer cancel()
	return ask(ctx, c.link(address), request)
}

// fairShare splits the time that ctx leaves between the candidates, of which three
// at most are given a fair part: in a hundredth of it nobody could answer.
func fairShare(ctx context.Context, candidates int) time.Duration {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline) / time.Duration(min(candidates, 3))
}

func (c *client) answers(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = address
}

// candidates are the addresses to ask, the one that answered last first, then
// the bootstrap servers, then the brokers that have a link from earlier.
func (c *client) candidates() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var addresses []string
	add := func(address string) {
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	if c.answered != "" {
		add(c.answered)
	}
	for _, address := range c.connection.servers() {
		add(address)
	}
	for _, address := range sortedKeys(c.links) {
		add(address)
	}
	return addresses
}

// unreachable says why each bootstrap server could not be asked. Brokers known
// from earlier are left out: which they are is chance, and the text is to be
// the same for the same problem.
func (c *client) unreachable(failures map[string]error) error {
	servers := c.connection.servers()
	reasons := make([]error, len(servers))
	for i, address := range servers {
		reasons[i] = failures[address]
	}
	return fmt.Errorf("ask for metadata: %w", joined(reasons))
}

func (c *client) clusterOf(response *sarama.MetadataResponse) *cluster {
	id, answered := c.identify(response)
	known := &cluster{id: id, brokers: map[int32]*link{}, topics: map[string]topic{}}
	addresses := []string{answered}
	for _, b := range response.Brokers {
		known.brokers[b.ID()] = c.link(b.Addr())
		addresses = append(addresses, b.Addr())
	}
	c.keepOnly(addresses)
	for _, t := range response.Topics {
		known.topics[t.Name] = topicOf(t)
	}
	return known
}

// identify returns the cluster's id, the last that was said, and the address
// that answered.
func (c *client) identify(response *sarama.MetadataResponse) (id, answered string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if response.ClusterID != nil && *response.ClusterID != "" {
		c.clusterID = *response.ClusterID
	}
	return c.clusterID, c.answered
}

func topicOf(metadata *sarama.TopicMetadata) topic {
	if metadata.Err != sarama.ErrNoError {
		return topic{err: unlisted(metadata.Name, refusal(metadata.Err))}
	}
	slices.SortFunc(metadata.Partitions, func(a, b *sarama.PartitionMetadata) int { return cmp.Compare(a.ID, b.ID) })
	t := topic{
		id:         kafka.TopicID(metadata.Uuid),
		operations: operations(metadata.TopicAuthorizedOperations),
		ids:        make([]int32, len(metadata.Partitions)),
		partitions: make([]partition, len(metadata.Partitions)),
	}
	for i, p := range metadata.Partitions {
		if p.ID != int32(i) {
			return topic{err: unlisted(metadata.Name, fmt.Errorf("%w: partition %d is not listed yet", kafka.ErrUnavailable, i))}
		}
		t.ids[i], t.partitions[i] = p.ID, partitionOf(metadata.Name, p)
	}
	return t
}

func partitionOf(name string, metadata *sarama.PartitionMetadata) partition {
	p := partition{leader: metadata.Leader}
	if p.leader < 0 {
		at := kafka.TopicPartition{Topic: name, Partition: metadata.ID}
		p.err = fmt.Errorf("find the leader of partition %q: %w", at, kafka.ErrUnavailable)
	}
	return p
}

func unlisted(name string, err error) error {
	return fmt.Errorf("list the partitions of topic %q: %w", name, err)
}

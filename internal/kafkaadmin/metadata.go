package kafkaadmin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
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

type topic struct {
	err        error
	partitions []partition // sorted by id
}

type partition struct {
	id     int32
	leader int32
	err    error // why nobody can be asked for its log
}

func (c *cluster) partitionIDs(name string) []int32 {
	partitions := c.topics[name].partitions
	ids := make([]int32, len(partitions))
	for i, p := range partitions {
		ids[i] = p.id
	}
	return ids
}

// locate asks for the metadata of exactly these topics, and fails only when no
// broker could be asked.
func (c *client) locate(ctx context.Context, topics []string) (*cluster, error) {
	if c.invalid != nil {
		return nil, c.invalid
	}
	if len(topics) == 0 {
		return nil, fmt.Errorf("%w: no topics to sample", kafka.ErrInvalid)
	}
	response, err := c.metadata(ctx, topics)
	if err != nil {
		return nil, err
	}
	if response.ClusterID != nil {
		c.clusterID = *response.ClusterID
	}
	return c.clusterOf(response), nil
}

// metadata asks one address after another until one answers. Each gets its
// share of the step's time, so that a mute broker leaves time for the next.
func (c *client) metadata(ctx context.Context, topics []string) (*sarama.MetadataResponse, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	failures := map[string]error{}
	candidates := c.candidates()
	for i, address := range candidates {
		response, err := c.metadataOf(ctx, address, topics, len(candidates)-i)
		if err == nil {
			c.answered = address
			return response, nil
		}
		failures[address] = err
	}
	return nil, c.unreachable(failures)
}

func (c *client) metadataOf(ctx context.Context, address string, topics []string, left int) (*sarama.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, share(ctx, left))
	defer cancel()
	return ask(ctx, c.link(address), func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		return b.GetMetadata(sarama.NewMetadataRequest(c.config.Version, topics))
	})
}

// share splits the time that ctx leaves between the candidates, of which three
// at most are given a fair part: in a hundredth of it nobody could answer.
func share(ctx context.Context, candidates int) time.Duration {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline) / time.Duration(min(candidates, 3))
}

// candidates are the addresses to ask, the one that answered last first, then
// the bootstrap servers, then the brokers that have a link from earlier.
func (c *client) candidates() []string {
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
	texts, kinds := make([]string, len(servers)), make([]any, len(servers))
	for i, address := range servers {
		texts[i], kinds[i] = "%w", failures[address]
	}
	return fmt.Errorf("ask for metadata: "+strings.Join(texts, "; "), kinds...)
}

func (c *client) clusterOf(response *sarama.MetadataResponse) *cluster {
	known := &cluster{id: c.clusterID, brokers: map[int32]*link{}, topics: map[string]topic{}}
	addresses := []string{c.answered}
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

func topicOf(metadata *sarama.TopicMetadata) topic {
	if metadata.Err != sarama.ErrNoError {
		return topic{err: fmt.Errorf("list the partitions of topic %q: %w", metadata.Name, refusal(metadata.Err))}
	}
	partitions := make([]partition, len(metadata.Partitions))
	for i, p := range metadata.Partitions {
		partitions[i] = partition{id: p.ID, leader: p.Leader}
		if p.Leader < 0 {
			name := kafka.TopicPartition{Topic: metadata.Name, Partition: p.ID}
			partitions[i].err = fmt.Errorf("find the leader of partition %q: %w", name, kafka.ErrUnavailable)
		}
	}
	slices.SortFunc(partitions, func(a, b partition) int { return cmp.Compare(a.id, b.id) })
	return topic{partitions: partitions}
}

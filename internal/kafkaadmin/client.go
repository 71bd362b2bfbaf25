package kafkaadmin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// client is one connection's way to a Kafka cluster. Its poller alone uses it,
// one cycle after another; only links are used from several goroutines.
type client struct {
	connection Connection
	config     *sarama.Config
	invalid    error // why config could not be made
	timeout    time.Duration
	retry      backoff
	life       context.Context

	links     map[string]*link // by address
	closing   sync.WaitGroup   // links on their way out
	answered  string           // the address that answered metadata last
	clusterID string           // as last learned

	coordinators map[string]int32 // node by group, as last learned
}

// newClient makes a client that connects when it is first used. The end of life
// ends what is under way.
func newClient(life context.Context, connection Connection, options Options) *client {
	config, err := newConfig(connection.Version, options.RequestTimeout)
	return &client{
		connection: connection,
		config:     config,
		invalid:    err,
		timeout:    options.RequestTimeout,
		// A failing broker is tried in every cycle at first, then every sixth.
		retry:        backoff{first: options.Interval / 2, most: 6 * options.Interval},
		life:         life,
		links:        map[string]*link{},
		coordinators: map[string]int32{},
	}
}

// close ends the connections, and what is under way on them.
func (c *client) close() {
	for _, l := range c.links {
		l.close()
	}
	c.closing.Wait()
}

// link returns the way to an address. Only the poller's goroutine calls it.
func (c *client) link(address string) *link {
	l, known := c.links[address]
	if !known {
		l = newLink(c.life, address, *c.config, c.retry)
		c.links[address] = l
	}
	return l
}

// keepOnly closes the links to addresses that are no longer in use.
func (c *client) keepOnly(addresses []string) {
	for address, l := range c.links {
		if !slices.Contains(addresses, address) {
			delete(c.links, address)
			c.closing.Go(l.close) // which may have to wait for an abandoned call
		}
	}
}

// sample runs one poll cycle for the subscriptions and returns a sample for
// each, in their order, and the connection's error if there was no cycle.
func (c *client) sample(ctx context.Context, subscriptions []Subscription) ([]kafka.GroupSample, error) {
	cluster, err := c.locate(ctx, topicsOf(subscriptions))
	if err != nil {
		return c.unsampled(subscriptions, err), err
	}
	groups := c.readGroups(ctx, cluster, wantedBy(subscriptions, cluster))
	offsets := c.readLogs(ctx, cluster)
	report := report{cluster: cluster, groups: groups, offsets: offsets, at: time.Now()}
	samples := make([]kafka.GroupSample, len(subscriptions))
	for i, s := range subscriptions {
		samples[i] = report.sample(s)
	}
	return samples, nil
}

func (c *client) unsampled(subscriptions []Subscription, err error) []kafka.GroupSample {
	now := time.Now()
	samples := make([]kafka.GroupSample, len(subscriptions))
	for i, s := range subscriptions {
		samples[i] = kafka.GroupSample{GroupID: s.GroupID, ClusterID: c.clusterID, At: now, ConnectionErr: err}
	}
	return samples
}

// keepGroups forgets what is known of groups that nobody asks for any more.
func (c *client) keepGroups(subscriptions []Subscription) {
	used := map[string]bool{}
	for _, s := range subscriptions {
		used[s.GroupID] = true
	}
	maps.DeleteFunc(c.coordinators, func(id string, _ int32) bool { return !used[id] })
}

// step bounds one step of a cycle.
func (c *client) step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}

func topicsOf(subscriptions []Subscription) []string {
	var topics []string
	for _, s := range subscriptions {
		topics = append(topics, s.Topics...)
	}
	return sortedSet(topics)
}

// wanted names, for each group, the partitions whose committed offsets its
// owners ask for together.
type wanted map[string]map[string][]int32

func wantedBy(subscriptions []Subscription, cluster *cluster) wanted {
	all := wanted{}
	for _, s := range subscriptions {
		if all[s.GroupID] == nil {
			all[s.GroupID] = map[string][]int32{}
		}
		for _, topic := range s.Topics {
			if ids := cluster.partitionIDs(topic); len(ids) > 0 {
				all[s.GroupID][topic] = ids
			}
		}
	}
	return all
}

func newConfig(version string, timeout time.Duration) (*sarama.Config, error) {
	if version == "" {
		version = DefaultVersion
	}
	parsed, err := sarama.ParseKafkaVersion(version)
	if err != nil {
		return nil, fmt.Errorf("read the Kafka version %q: %w", version, kafka.ErrInvalid)
	}
	config := sarama.NewConfig()
	config.Version = parsed
	config.ClientID = "lagrange"
	config.Net.DialTimeout = timeout
	config.Net.ReadTimeout = timeout
	config.Net.WriteTimeout = timeout
	config.MetricRegistry = noMetrics{}
	return config, nil
}

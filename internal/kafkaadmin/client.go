package kafkaadmin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// client is one connection's way to a Kafka cluster. Its lanes use it at the
// same time, each for its own groups.
type client struct {
	connection Connection
	config     *sarama.Config
	invalid    error // why config could not be made
	timeout    time.Duration
	patience   time.Duration
	retry      backoff
	meters     *meters
	life       context.Context
	closing    sync.WaitGroup // links on their way out
	book       *logBook
	patterns   patterns
	// exact is for surveys: commits that an open transaction is about to change are
	// refused, and with a group it is asked what we may do to it.
	exact  bool
	opened atomic.Int64 // connections so far

	mu        sync.Mutex         // guards what follows, and what it holds
	links     map[string]*link   // by address
	answered  string             // the address that answered metadata last
	clusterID string             // as last learned
	memories  map[string]*memory // by group
}

// newClient makes a client that connects when it is first used. The end of life
// ends what is under way.
func newClient(life context.Context, connection Connection, options Options) *client {
	config, err := newConfig(connection, options.RequestTimeout)
	if err == nil && options.meters != nil {
		config.MetricRegistry = countedMetrics{meters: options.meters}
	}
	return &client{
		connection: connection,
		config:     config,
		invalid:    err,
		timeout:    options.RequestTimeout,
		patience:   patienceOf(options),
		// A failing broker is tried in every cycle at first, then every sixth.
		retry:    backoff{first: options.Interval / 2, most: 6 * options.Interval},
		meters:   options.meters,
		life:     life,
		links:    map[string]*link{},
		memories: map[string]*memory{},
		book:     newLogBook(),
	}
}

// close ends the connections, and what is under way on them.
func (c *client) close() {
	c.keepOnly(nil)
	c.closing.Wait()
}

// link returns the way to an address.
func (c *client) link(address string) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, known := c.links[address]
	if !known {
		l = newLink(c.life, address, *c.config, c.retry)
		l.patience, l.meters, l.opened = c.patience, c.meters, &c.opened
		c.links[address] = l
	}
	return l
}

// anyLink is the way to a broker that is known to answer.
func (c *client) anyLink() *link {
	c.mu.Lock()
	address := c.answered
	c.mu.Unlock()
	return c.link(address)
}

// keepOnly closes the links to addresses that are no longer in use.
func (c *client) keepOnly(addresses []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for address, l := range c.links {
		if !slices.Contains(addresses, address) {
			delete(c.links, address)
			c.closing.Go(l.close) // which may have to wait for an abandoned call
		}
	}
}

// outcome is one subscription's sample. slow tells whether it needs a broker
// that takes longer to answer than a cycle in a hurry waits.
type outcome struct {
	sample *kafka.GroupSample // on its own: a sample that is kept for long keeps no others
	slow   bool
}

// sample runs one poll cycle for the subscriptions and returns a sample for
// each, in their order, and the connection's error if there was no cycle.
func (c *client) sample(ctx context.Context, subscriptions []interest) ([]outcome, error) {
	subscriptions, topicsErrs := c.resolve(ctx, subscriptions)
	cluster, err := c.locate(ctx, topicsOf(subscriptions))
	if err != nil {
		return c.unsampled(subscriptions, err), err
	}
	opened := c.opened.Load()
	began := time.Now()
	groups := c.readGroups(ctx, cluster, c.wantedBy(subscriptions, cluster))
	logs := c.readLogs(ctx, cluster, subscriptions)
	if err := c.sameCluster(ctx, cluster, opened); err != nil {
		return c.unsampled(subscriptions, err), err
	}
	report := report{cluster: cluster, groups: groups, logs: logs, at: began}
	outcomes := report.outcomes(subscriptions, topicsErrs)
	c.meters.refused(outcomes)
	if slow := c.slowBrokers(cluster); len(slow) > 0 {
		for i := range outcomes {
			outcomes[i].slow = c.needs(slow, cluster, subscriptions[i])
		}
	}
	return outcomes, nil
}

func (c *client) unsampled(subscriptions []interest, err error) []outcome {
	now := time.Now()
	id, slow := c.lastClusterID(), errors.Is(err, kafka.ErrTimeout)
	outcomes := make([]outcome, len(subscriptions))
	for i, s := range subscriptions {
		outcomes[i] = outcome{&kafka.GroupSample{GroupID: s.GroupID, ClusterID: id, At: now, ConnectionErr: err}, slow}
	}
	return outcomes
}

func (c *client) lastClusterID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clusterID
}

// slowBrokers are the brokers that took too long for a hurry last time.
func (c *client) slowBrokers(known *cluster) map[int32]bool {
	slow := map[int32]bool{}
	for node, broker := range known.brokers {
		if broker.late() {
			slow[node] = true
		}
	}
	return slow
}

// needs tells whether one of the brokers coordinates the subscription's group
// or leads a partition of its topics.
func (c *client) needs(brokers map[int32]bool, known *cluster, s interest) bool {
	for _, name := range s.Topics {
		for _, p := range known.topics[name].partitions {
			if brokers[p.leader] {
				return true
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return brokers[c.remembered(s.GroupID).coordinator]
}

// keepGroups forgets what is known of groups that nobody asks for any more.
func (c *client) keepGroups(used map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.memories, func(id string, _ *memory) bool { return !used[id] })
}

func topicsOf(subscriptions []interest) []string {
	topics := map[string]struct{}{}
	for _, s := range subscriptions {
		for _, topic := range s.Topics {
			topics[topic] = struct{}{}
		}
	}
	return sortedKeys(topics)
}

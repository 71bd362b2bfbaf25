package kafkaadmin

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// Options configures a Pool, an Admin, or Surveys. An Admin only takes
// RequestTimeout and MetricsRegisterer from them, Surveys those and their own
// ConfigInterval and OnConfigs. The zero value is usable.
type Options struct {
	// Interval is the time between the starts of two poll cycles of a
	// connection, give or take a tenth. It doubles, up to 15s, for one on which
	// nothing moves. Default 5s.
	Interval time.Duration
	// RequestTimeout is the deadline of each request. Default 10s.
	RequestTimeout time.Duration
	// Log receives one line when a connection is lost and one when it is back.
	Log logr.Logger
	// OnSample, if set, is called after each cycle for each owner whose sample
	// is new. It must not block: the connection's next cycle waits for it.
	OnSample func(owner string)
	// OnCluster, if set, is called after each look at a cluster for each owner
	// that watches it. It must not block.
	OnCluster func(owner string)
	// ConfigInterval is the time between the starts of two readings of a
	// connection's topics and brokers, give or take a tenth. Default 1m.
	ConfigInterval time.Duration
	// OnConfigs, if set, is called after each reading for each owner whose topics
	// it was of. It must not block: the connection's next reading waits for it.
	OnConfigs func(owner string)
	// MetricsRegisterer, if set, gets the metrics lagrange_kafka_*.
	MetricsRegisterer prometheus.Registerer

	meters *meters
}

func (o Options) withDefaults() Options {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 10 * time.Second
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	if o.OnSample == nil {
		o.OnSample = func(string) {}
	}
	if o.OnCluster == nil {
		o.OnCluster = func(string) {}
	}
	if o.ConfigInterval <= 0 {
		o.ConfigInterval = time.Minute
	}
	if o.OnConfigs == nil {
		o.OnConfigs = func(string) {}
	}
	return o
}

// Pool samples consumer groups and clusters in the background, with one client
// and one poll cycle per distinct connection. Its methods may be called from anywhere, at
// any time; polling begins with Start.
type Pool struct {
	options Options

	mu       sync.Mutex
	owners   map[string]*watch
	clusters map[string]*clusterWatch // by owner
	pollers  map[Connection]*poller
	run      context.Context // the life of the pollers, kept because Watch starts some later; nil while not started
	running  sync.WaitGroup
}

// watch is one owner's current subscription with its latest sample. A changed
// subscription is a new watch, so that a late sample of the old one is lost
// with it.
type watch struct {
	owner        string
	subscription Subscription
	poller       *poller
	sample       atomic.Pointer[kafka.GroupSample]

	// The poller's lock guards these.
	slow     bool // it is in the slow lane
	due      bool // it is to be sampled soon
	describe bool // and its group to be described
}

// clusterWatch is one owner's connection with the latest look at its cluster.
type clusterWatch struct {
	owner      string
	connection Connection
	poller     *poller
	sample     atomic.Pointer[kafka.ClusterSample]
}

// NewPool makes a pool that polls nothing yet.
func NewPool(options Options) *Pool {
	options = options.withDefaults()
	options.meters = newMeters(options.MetricsRegisterer)
	return &Pool{
		options:  options,
		owners:   map[string]*watch{},
		clusters: map[string]*clusterWatch{},
		pollers:  map[Connection]*poller{},
	}
}

// Start polls until ctx is done and returns nil when every goroutine has ended.
// It fails only when the pool was started before.
func (p *Pool) Start(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	p.running.Wait()
	return nil
}

func (p *Pool) begin(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		return errors.New("start the Kafka pool: it was started before")
	}
	p.run = ctx
	// Start's own share: it keeps the group above zero until ctx is done, so
	// that Watch may add to it at any time before.
	p.running.Add(1)
	context.AfterFunc(ctx, p.endStart)
	for _, poller := range p.pollers {
		p.launch(poller)
	}
	return nil
}

// endStart gives up Start's share under the lock: a Watch that comes later sees
// ctx done and launches nothing.
func (p *Pool) endStart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running.Done()
}

// launch starts a poller if the pool runs. The caller holds the lock.
func (p *Pool) launch(poller *poller) {
	if p.run == nil || p.run.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(p.run)
	poller.stop = cancel
	p.running.Go(func() { poller.run(ctx) })
}

// Watch makes the pool sample the subscription for owner, replacing the
// owner's earlier one. A new or changed subscription is sampled at once; the
// same one again changes nothing and costs next to nothing. Where only the
// connection's security is another, as when a password was rotated, the last
// sample stays the latest until there is a new one, and what is known of the
// logs stays known.
func (p *Pool) Watch(owner string, subscription Subscription) {
	subscription = subscription.normalised()
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known := p.owners[owner]
	if known && old.subscription.equal(subscription) {
		return
	}
	var before *poller
	if known {
		before = old.poller
	}
	w := &watch{owner: owner, subscription: subscription, poller: p.pollerFor(subscription.Connection, before)}
	if known && old.subscription.withoutSecurity().equal(subscription.withoutSecurity()) {
		w.sample.Store(old.sample.Load())
	}
	w.poller.add(w)
	p.owners[owner] = w
	if known {
		p.release(old)
	}
}

func (s Subscription) withoutSecurity() Subscription {
	s.Connection = s.Connection.withoutSecurity()
	return s
}

func (c Connection) withoutSecurity() Connection {
	c.Security = kafkaauth.Security{}
	return c
}

// Refresh says that the group is being decided on: it is described and sampled
// soon. It costs next to nothing, however often.
func (p *Pool) Refresh(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, known := p.owners[owner]; known {
		w.poller.refresh(w)
	}
}

// Forget ends the sampling for owner. The last owner's leaving closes the
// connection's client.
func (p *Pool) Forget(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, known := p.owners[owner]; known {
		delete(p.owners, owner)
		p.release(w)
	}
}

// Latest returns the newest sample of the owner's current subscription, false
// while there is none. The sample and what it points to must not be changed.
func (p *Pool) Latest(owner string) (kafka.GroupSample, bool) {
	p.mu.Lock()
	w, known := p.owners[owner]
	p.mu.Unlock()
	if !known {
		return kafka.GroupSample{}, false
	}
	sample := w.sample.Load()
	if sample == nil {
		return kafka.GroupSample{}, false
	}
	return *sample, true
}

// pollerFor returns the connection's poller. A new one has the book of the
// owner's poller before, if only the security is another: else each rotation of
// a password would count markers as lag again, and begin all ages anew. Both
// write to the book until the last owner has moved.
func (p *Pool) pollerFor(connection Connection, before *poller) *poller {
	if poller, known := p.pollers[connection]; known {
		return poller
	}
	poller := newPoller(connection, p.options)
	if before != nil && before.connection.withoutSecurity() == connection.withoutSecurity() {
		poller.book = before.book
	}
	p.pollers[connection] = poller
	p.launch(poller)
	return poller
}

func (p *Pool) release(w *watch) {
	if w.poller.remove(w) {
		p.end(w.poller)
	}
}

// end stops a poller that nobody needs.
func (p *Pool) end(poller *poller) {
	delete(p.pollers, poller.connection)
	poller.stop()
}

// WatchCluster makes the pool look at the cluster of the connection for owner,
// replacing the owner's earlier one. It shares the client of the groups on an
// equal connection.
func (p *Pool) WatchCluster(owner string, connection Connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known := p.clusters[owner]
	if known && old.connection == connection {
		return
	}
	var before *poller
	if known {
		before = old.poller
	}
	w := &clusterWatch{owner: owner, connection: connection, poller: p.pollerFor(connection, before)}
	w.poller.look(w)
	p.clusters[owner] = w
	if known {
		p.releaseCluster(old)
	}
}

// ForgetCluster ends the looks for owner.
func (p *Pool) ForgetCluster(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, known := p.clusters[owner]; known {
		delete(p.clusters, owner)
		p.releaseCluster(w)
	}
}

func (p *Pool) releaseCluster(w *clusterWatch) {
	if w.poller.removeLooker(w) {
		p.end(w.poller)
	}
}

// LatestCluster returns the newest look at the owner's cluster, false while
// there is none. What the sample points to must not be changed.
func (p *Pool) LatestCluster(owner string) (kafka.ClusterSample, bool) {
	p.mu.Lock()
	w, known := p.clusters[owner]
	p.mu.Unlock()
	if !known {
		return kafka.ClusterSample{}, false
	}
	sample := w.sample.Load()
	if sample == nil {
		return kafka.ClusterSample{}, false
	}
	return *sample, true
}

package kafkaadmin

import (
	"context"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// settleTime is how long a new subscription waits for others to share its
// first cycle with: 500 objects reconciled after a start are a few cycles.
const settleTime = 50 * time.Millisecond

// poller runs the poll cycles of one connection, one after another.
type poller struct {
	connection Connection
	options    Options
	stop       context.CancelFunc // ends run; does nothing while run was never started
	wake       chan struct{}      // holds a token while a watch without a sample was added

	mu      sync.Mutex
	watches map[*watch]struct{}

	lost string // the connection's failure as last logged, empty while it is well; only run uses it
}

func newPoller(connection Connection, options Options) *poller {
	return &poller{
		connection: connection,
		options:    options,
		stop:       func() {},
		wake:       make(chan struct{}, 1),
		watches:    map[*watch]struct{}{},
	}
}

func (p *poller) add(w *watch) {
	p.mu.Lock()
	p.watches[w] = struct{}{}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // a token is there already: its cycle has not looked at the watches yet
	}
}

// remove returns how many watches are left.
func (p *poller) remove(w *watch) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.watches, w)
	return len(p.watches)
}

func (p *poller) holds(w *watch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, held := p.watches[w]
	return held
}

func (p *poller) all() []*watch { return p.selected(func(*watch) bool { return true }) }

func (p *poller) unsampled() []*watch {
	return p.selected(func(w *watch) bool { return w.sample.Load() == nil })
}

func (p *poller) selected(wanted func(*watch) bool) []*watch {
	p.mu.Lock()
	defer p.mu.Unlock()
	var watches []*watch
	for w := range p.watches {
		if wanted(w) {
			watches = append(watches, w)
		}
	}
	return watches
}

// run polls every watch at each interval, and new watches alone as they come,
// so that adding one costs one group's requests and not everybody's.
func (p *poller) run(ctx context.Context) {
	client := newClient(ctx, p.connection, p.options)
	defer client.close()
	tick := time.NewTicker(p.options.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			watches := p.all()
			client.keepGroups(subscriptionsOf(watches))
			p.cycle(ctx, client, watches)
		case <-p.wake:
			if settle(ctx) {
				p.cycle(ctx, client, p.unsampled())
			}
		}
	}
}

// settle waits a moment for more watches; false when ctx ended first.
func settle(ctx context.Context) bool {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (p *poller) cycle(ctx context.Context, client *client, watches []*watch) {
	if len(watches) == 0 {
		return
	}
	samples, lost := client.sample(ctx, subscriptionsOf(watches))
	if ctx.Err() != nil {
		return // what is missing in them is missing because we stopped, not because of Kafka
	}
	p.publish(watches, samples)
	p.logChange(lost)
}

func subscriptionsOf(watches []*watch) []Subscription {
	subscriptions := make([]Subscription, len(watches))
	for i, w := range watches {
		subscriptions[i] = w.subscription
	}
	return subscriptions
}

func (p *poller) publish(watches []*watch, samples []kafka.GroupSample) {
	for i, w := range watches {
		w.sample.Store(&samples[i])
	}
	for _, w := range watches {
		if p.holds(w) {
			p.options.OnSample(w.owner)
		}
	}
}

// logChange says once that the connection was lost, and once that it is back.
func (p *poller) logChange(err error) {
	var lost string
	if err != nil {
		lost = err.Error()
	}
	if lost == p.lost {
		return
	}
	p.lost = lost
	log := p.options.Log.WithValues("bootstrapServers", p.connection.BootstrapServers)
	if lost == "" {
		log.Info("Kafka answers again")
		return
	}
	log.Info("Kafka can not be asked", "reason", lost)
}

package kafkaadmin

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// settleTime is how long a new subscription waits for others to share its
	// first cycle with: 500 objects reconciled after a start are a few cycles.
	settleTime = 50 * time.Millisecond
	// wakeGap is the least time between cycles that are run for single groups.
	wakeGap = 500 * time.Millisecond
)

// poller runs the poll cycles of one connection, in two lanes:
//
//	fast ──a broker is late──> slow
//	     <──all are in time──
//
// The fast lane waits for no broker longer than its patience, so that one that
// is slow, mute or throttling delays only the groups that need it. Those get
// their samples in the slow lane, which gives each request its whole deadline.
type poller struct {
	connection Connection
	options    Options
	book       *logBook
	stop       context.CancelFunc // ends run; does nothing while run was never started

	// Each holds a token while there is something to do at once.
	wakeFast, wakeSlow, wakeLook chan struct{}

	mu      sync.Mutex // also guards the fields of the watches that say so
	watches map[*watch]struct{}
	lookers map[*clusterWatch]struct{}
	lost    string // the connection's failure as last logged, empty while it is well
}

func newPoller(connection Connection, options Options) *poller {
	return &poller{
		connection: connection,
		options:    options,
		book:       newLogBook(),
		stop:       func() {},
		wakeFast:   make(chan struct{}, 1),
		wakeSlow:   make(chan struct{}, 1),
		wakeLook:   make(chan struct{}, 1),
		watches:    map[*watch]struct{}{},
		lookers:    map[*clusterWatch]struct{}{},
	}
}

// signal leaves a token, unless there is one: then whoever takes it has not
// looked at the watches yet.
func signal(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (p *poller) add(w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.due = true
	p.watches[w] = struct{}{}
	signal(p.wakeFast)
}

// refresh has the watch's group described and sampled soon.
func (p *poller) refresh(w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.due, w.describe = true, true
	signal(p.wakeFast)
}

func (p *poller) look(w *clusterWatch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookers[w] = struct{}{}
	signal(p.wakeLook)
}

// remove tells whether nobody is left who needs the poller.
func (p *poller) remove(w *watch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.watches, w)
	return len(p.watches)+len(p.lookers) == 0
}

func (p *poller) removeLooker(w *clusterWatch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lookers, w)
	return len(p.watches)+len(p.lookers) == 0
}

func (p *poller) holds(w *watch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, held := p.watches[w]
	return held
}

// run keeps the lanes going until ctx is done.
func (p *poller) run(ctx context.Context) {
	client := newClient(ctx, p.connection, p.options)
	client.book = p.book
	defer client.close()
	var lanes sync.WaitGroup
	lanes.Go(func() { p.runFast(ctx, client) })
	lanes.Go(func() { p.runSlow(ctx, client) })
	lanes.Go(func() { p.runLooks(ctx, client) })
	lanes.Wait()
}

// runFast polls every watch of the lane at each interval, and those alone that
// are new or asked for as they come, so that adding one costs one group's
// requests and not everybody's.
func (p *poller) runFast(ctx context.Context, client *client) {
	var (
		pace   = pace{interval: p.options.Interval}
		timer  = time.NewTimer(half(p.options.Interval))
		hasty  = p.hasty(ctx)
		wokeAt time.Time
	)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			begin := time.Now()
			client.keepGroups(p.groups())
			pace.cycled(p.cycle(hasty, client, p.pick(inFast)))
			timer.Reset(pace.wait(time.Since(begin)))
		case <-p.wakeFast:
			if !pause(ctx, max(settleTime, time.Until(wokeAt.Add(min(wakeGap, p.options.Interval/4))))) {
				return
			}
			wokeAt = time.Now()
			p.cycle(hasty, client, p.pick(dueInFast))
			if pace.restart() {
				timer.Reset(pace.wait(0))
			}
		}
	}
}

// hasty is in a hurry if there is a difference: where no request may take
// longer than the lane waits, there is nothing to wait for in another.
func (p *poller) hasty(ctx context.Context) context.Context {
	if p.options.RequestTimeout <= patienceOf(p.options) {
		return ctx
	}
	return hurry(ctx)
}

// runSlow polls the watches of the slow lane at each interval while it has any.
func (p *poller) runSlow(ctx context.Context, client *client) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wakeSlow:
		}
		for watches := p.pick(inSlow); len(watches) > 0; watches = p.pick(inSlow) {
			begin := time.Now()
			p.cycle(ctx, client, watches)
			if !pause(ctx, p.options.Interval-time.Since(begin)) {
				return
			}
		}
	}
}

// pause is false when ctx ended first.
func pause(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// half is half of the interval to all of it: connections that were made at the
// same time do not beat as one.
func half(interval time.Duration) time.Duration {
	return interval/2 + rand.N(interval/2+1) //nolint:gosec // spreads load, hides nothing
}

func inFast(w *watch) bool { return !w.slow }

func dueInFast(w *watch) bool { return !w.slow && w.due }

func inSlow(w *watch) bool { return w.slow }

// picked is a watch in a cycle.
type picked struct {
	*watch
	describe bool
}

// pick takes watches into a cycle. What is asked for until then is done by it.
func (p *poller) pick(wanted func(*watch) bool) []picked {
	p.mu.Lock()
	defer p.mu.Unlock()
	watches := make([]picked, 0, len(p.watches))
	for w := range p.watches {
		if wanted(w) {
			watches = append(watches, picked{w, w.describe})
			w.due, w.describe = false, false
		}
	}
	return watches
}

// groups are the ids of all groups that are watched.
func (p *poller) groups() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	groups := make(map[string]bool, len(p.watches))
	for w := range p.watches {
		groups[w.subscription.GroupID] = true
	}
	return groups
}

// cycle tells whether something moved since the samples before.
func (p *poller) cycle(ctx context.Context, client *client, watches []picked) bool {
	if len(watches) == 0 {
		return false
	}
	begin := time.Now()
	subscriptions := make([]interest, len(watches))
	for i, w := range watches {
		subscriptions[i] = w.subscription.interest()
		if w.describe {
			client.describeSoon(w.subscription.GroupID)
		}
	}
	samples, lost := client.sample(ctx, subscriptions)
	if ctx.Err() != nil {
		return false // what is missing in them is missing because we stopped, not because of Kafka
	}
	p.options.meters.cycled(time.Since(begin))
	if !hurried(ctx) || !late(lost) {
		p.logChange(lost)
	}
	return p.publish(hurried(ctx), watches, samples)
}

// publish hands out the samples that are complete, and sorts the watches into
// their lanes.
func (p *poller) publish(hurried bool, watches []picked, samples []outcome) bool {
	moved := false
	for i, w := range watches {
		sample := samples[i].sample
		waits := hurried && incomplete(sample, late)
		pending := incomplete(sample, pending)
		p.sort(w.watch, waits, samples[i].slow, pending)
		if waits || pending {
			continue
		}
		moved = moved || movedBetween(w.sample.Load(), sample)
		w.sample.Store(sample)
		if p.holds(w.watch) {
			p.options.OnSample(w.owner)
		}
	}
	return moved
}

// sort puts a watch in its lane, and has it looked at again soon if it is
// pending. It leaves the slow lane when none of its brokers is slow any more.
func (p *poller) sort(w *watch, waits, stillSlow, pending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slow := waits || w.slow && stillSlow
	if pending {
		w.due = true
		signal(p.wakeFast)
	}
	if slow != w.slow {
		w.slow = slow
		signal(p.wakeFast)
		signal(p.wakeSlow)
	}
}

// logChange says once that the connection was lost, and once that it is back.
func (p *poller) logChange(err error) {
	var lost string
	if err != nil {
		lost = err.Error()
	}
	p.mu.Lock()
	changed := lost != p.lost
	p.lost = lost
	p.mu.Unlock()
	log := p.options.Log.WithValues("bootstrapServers", p.connection.BootstrapServers)
	switch {
	case !changed:
	case lost == "":
		log.Info("Kafka answers again")
	default:
		log.Info("Kafka can not be asked", "reason", lost)
	}
}

package kafkaadmin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// configSettle is how long a new subscription waits for others to share its first
// reading with: 500 policies reconciled after a start are one reading.
const configSettle = time.Second

// configReader runs the readings of one connection: of all that is watched at each
// interval, and of what is new alone as it comes.
type configReader struct {
	connection Connection
	options    Options
	stop       context.CancelFunc // ends run; does nothing while run was never started
	wake       chan struct{}      // holds a token while a watch is due
	names      *[]string          // what patterns were matched with last, another when it changed; run's alone

	mu      sync.Mutex
	watches map[*configWatch]due
}

// due tells whether a watch is to be read soon, and not only with all others.
type due bool

func newConfigReader(connection Connection, options Options) *configReader {
	return &configReader{
		connection: connection, options: options, stop: func() {},
		wake: make(chan struct{}, 1), names: new([]string), watches: map[*configWatch]due{},
	}
}

func (r *configReader) add(w *configWatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watches[w] = true
	signal(r.wake)
}

// remove tells whether nobody is left who needs the reader.
func (r *configReader) remove(w *configWatch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watches, w)
	return len(r.watches) == 0
}

func (r *configReader) holds(w *configWatch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, held := r.watches[w]
	return held
}

// pick takes all watches into a reading, or those that are due.
func (r *configReader) pick(all bool) []*configWatch {
	r.mu.Lock()
	defer r.mu.Unlock()
	picked := make([]*configWatch, 0, len(r.watches))
	for w, due := range r.watches {
		if all || bool(due) {
			picked = append(picked, w)
			r.watches[w] = false
		}
	}
	return picked
}

// run reads until ctx is done. A cluster that can't be asked is asked again at the
// next interval, like any other.
func (r *configReader) run(ctx context.Context) {
	client := newClient(ctx, r.connection, r.options)
	client.retry = backoff{first: adminFirst, most: adminMost}
	defer client.close()
	pace := pace{interval: r.options.ConfigInterval}
	timer := time.NewTimer(half(r.options.ConfigInterval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			begin := time.Now()
			r.cycle(ctx, client, r.pick(true))
			timer.Reset(pace.wait(time.Since(begin)))
		case <-r.wake:
			if !pause(ctx, min(configSettle, r.options.ConfigInterval/4)) {
				return
			}
			r.cycle(ctx, client, r.pick(false))
		}
	}
}

func (r *configReader) cycle(ctx context.Context, client *client, watches []*configWatch) {
	if len(watches) == 0 {
		return
	}
	began := time.Now()
	reading, err := r.read(ctx, client, watches)
	if ctx.Err() != nil {
		return // what is missing in it is missing because we stopped, not because of Kafka
	}
	if err != nil {
		reading = &configReading{survey: kafka.ConfigSurvey{
			ClusterID: client.lastClusterID(), At: began, Err: fmt.Errorf("read the settings of topics and brokers: %w", err),
		}}
	}
	for _, w := range watches {
		w.show(reading)
		if r.holds(w) {
			r.options.OnConfigs(w.owner)
		}
	}
}

// read makes one reading for all the watches.
func (r *configReader) read(ctx context.Context, client *client, watches []*configWatch) (*configReading, error) {
	listing, err := client.listConfigured(ctx, allTopics(watches, (*configWatch).named), slices.ContainsFunc(watches, (*configWatch).byPattern))
	if err != nil {
		return nil, err
	}
	if listing.names != nil && !slices.Equal(*r.names, listing.names) {
		r.names = &listing.names
	}
	for _, w := range watches {
		w.match(r.names)
	}
	return client.readConfigs(ctx, listing, allTopics(watches, (*configWatch).topics))
}

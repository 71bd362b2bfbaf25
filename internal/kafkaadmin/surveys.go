package kafkaadmin

import (
	"context"
	"errors"
	"sync"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Surveys reads in the background what producers of topics depend on, as
// Admin.Configs does once: with one client and one cycle per distinct Connection,
// over all topics that its owners watch. A cycle of 500 owners with 2,000 topics
// is one Metadata, one ApiVersions and two DescribeConfigs. Where an owner has a
// pattern the Metadata is of all topics; only if a topic that another one names is
// not among them there is a second one, of such topics.
//
// Its methods may be called from anywhere, at any time; reading begins with Start.
type Surveys struct {
	options Options

	mu      sync.Mutex
	owners  map[string]*configWatch
	readers map[Connection]*configReader
	run     context.Context // the life of the readers, kept because Watch starts some later; nil while not started
	running sync.WaitGroup
}

// NewSurveys makes surveys that read nothing yet.
func NewSurveys(options Options) *Surveys {
	options = options.withDefaults()
	options.meters = newMeters(options.MetricsRegisterer)
	return &Surveys{options: options, owners: map[string]*configWatch{}, readers: map[Connection]*configReader{}}
}

// Start reads until ctx is done and returns nil when every goroutine has ended.
// It fails only when the surveys were started before.
func (s *Surveys) Start(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	s.running.Wait()
	return nil
}

func (s *Surveys) begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		return errors.New("start the surveys of Kafka topics: they were started before")
	}
	s.run = ctx
	// Start's own share, as a Pool's: it keeps the group above zero until ctx is done.
	s.running.Add(1)
	context.AfterFunc(ctx, s.endStart)
	for _, r := range s.readers {
		s.launch(r)
	}
	return nil
}

// endStart gives up Start's share under the lock: a Watch that comes later sees
// ctx done and launches nothing.
func (s *Surveys) endStart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running.Done()
}

// launch starts a reader if the surveys run. The caller holds the lock.
func (s *Surveys) launch(r *configReader) {
	if s.run == nil || s.run.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.run)
	r.stop = cancel
	s.running.Go(func() { r.run(ctx) })
}

// Watch has the topics read for owner, in place of those it had. A new or changed
// subscription is read within a second or two, together with others that come by
// then; the same one again changes nothing and costs next to nothing. Where only
// the connection's security is another, as when a password was rotated, the last
// survey stays the latest until there is a new one.
func (s *Surveys) Watch(owner string, subscription ConfigSubscription) {
	subscription = subscription.normalised()
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.owners[owner]
	if known && old.subscription.equal(subscription) {
		return
	}
	w := newConfigWatch(owner, subscription, s.readerFor(subscription.Connection))
	if known && old.subscription.withoutSecurity().equal(subscription.withoutSecurity()) {
		w.shown.Store(old.shown.Load())
	}
	w.reader.add(w)
	s.owners[owner] = w
	if known {
		s.release(old)
	}
}

// readerFor returns the connection's reader. The caller holds the lock.
func (s *Surveys) readerFor(connection Connection) *configReader {
	if r, known := s.readers[connection]; known {
		return r
	}
	r := newConfigReader(connection, s.options)
	s.readers[connection] = r
	s.launch(r)
	return r
}

// Forget ends the reading for owner. The last owner's leaving closes the
// connection's client.
func (s *Surveys) Forget(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, known := s.owners[owner]; known {
		delete(s.owners, owner)
		s.release(w)
	}
}

// release ends a reader that nobody needs. The caller holds the lock.
func (s *Surveys) release(w *configWatch) {
	if w.reader.remove(w) {
		delete(s.readers, w.reader.connection)
		w.reader.stop()
	}
}

// Latest returns the newest survey of the owner's current subscription, false
// while there is none. It has the owner's topics alone: those it names, or those
// that its pattern matched.
//
// While the cluster can't be asked (Err), or something passes by which the owner's
// topics or the brokers are not known (Passing), what was read last without such a
// gap stays, and At says when that was; before there is any it is the newest try.
// What was read of another cluster never stays.
func (s *Surveys) Latest(owner string) (kafka.ConfigSurvey, bool) {
	s.mu.Lock()
	w, known := s.owners[owner]
	s.mu.Unlock()
	if !known {
		return kafka.ConfigSurvey{}, false
	}
	shown := w.shown.Load()
	if shown == nil {
		return kafka.ConfigSurvey{}, false
	}
	return shown.survey(), true
}

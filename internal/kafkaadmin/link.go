package kafkaadmin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// link is the way to one broker address. It carries one call at a time:
//
//	idle ──acquire──> in a call ──answer or error──> idle
//	                      │
//	                      └─deadline─> abandoned ──the call ends──> idle
//
// While a call is abandoned, and in the back-off after a failure, further
// calls fail at once with the last failure.
type link struct {
	address string
	config  sarama.Config
	life    context.Context // the client's: its end ends dials
	turn    chan struct{}   // holds a token while a call runs
	calls   sync.WaitGroup

	mu      sync.Mutex
	broker  *sarama.Broker // nil while not open; used by the owner of the turn only
	dialer  *dialer        // of broker
	current *call
	backoff backoff
	failure error // of the last call, nil if it succeeded
}

// call is one use of a link. abandoned is guarded by the link's lock.
type call struct{ abandoned bool }

func newLink(life context.Context, address string, config sarama.Config, retry backoff) *link {
	return &link{address: address, config: config, life: life, turn: make(chan struct{}, 1), backoff: retry}
}

// ask makes one request on the link and returns at ctx's deadline, whatever
// sarama does. The request must build what it sends itself: an abandoned one
// may still be using it.
func ask[T any](ctx context.Context, l *link, request func(*sarama.Broker) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	current, err := l.acquire(ctx)
	if err != nil {
		return *new(T), err
	}
	done := make(chan outcome, 1)
	l.calls.Go(func() {
		value, err := attempt(l, current, request)
		done <- outcome{value, l.finish(current, err)}
	})
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return *new(T), l.abandon(current)
	}
}

func (l *link) acquire(ctx context.Context) (*call, error) {
	if err := l.closedFor(time.Now()); err != nil {
		return nil, err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, l.describe(kafka.ErrTimeout)
	}
	// The call before may have failed while this one waited for its turn.
	if err := l.closedFor(time.Now()); err != nil {
		<-l.turn
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = &call{}
	return l.current, nil
}

// closedFor returns why no call may be made now, nil if one may.
func (l *link) closedFor(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if abandoned := l.current != nil && l.current.abandoned; abandoned || l.backoff.waits(now) {
		return l.failure
	}
	return nil
}

// attempt makes the request, a second time if a connection kept from earlier
// turns out to be dead: a broker that restarts says nothing to idle clients.
func attempt[T any](l *link, current *call, request func(*sarama.Broker) (T, error)) (T, error) {
	broker, kept, err := l.open(current)
	if err != nil {
		return *new(T), err
	}
	value, err := request(broker)
	if !losesConnection(err) {
		return value, err
	}
	l.drop()
	if !kept {
		return value, err
	}
	return attempt(l, current, request)
}

// open returns the broker and whether it was open before. sarama dials in the
// background: a failure to connect shows in the first request.
func (l *link) open(current *call) (broker *sarama.Broker, kept bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if current.abandoned {
		return nil, false, context.DeadlineExceeded
	}
	if l.broker != nil {
		return l.broker, true, nil
	}
	dialer := newDialer(l.life, l.config.Net.DialTimeout)
	config := l.config
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, dialer
	broker = sarama.NewBroker(l.address)
	if err := broker.Open(&config); err != nil {
		return nil, false, fmt.Errorf("open broker %q: %w", l.address, err)
	}
	l.broker, l.dialer = broker, dialer
	return broker, false, nil
}

func (l *link) drop() {
	l.mu.Lock()
	broker, dialer := l.broker, l.dialer
	l.broker, l.dialer = nil, nil
	l.mu.Unlock()
	if broker == nil {
		return
	}
	dialer.hangUp()
	_ = broker.Close() // it is closed already, or was never connected
}

// finish ends a call and gives up its turn. The verdict of an abandoned call
// stands already.
func (l *link) finish(current *call, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { <-l.turn }()
	l.current = nil
	if current.abandoned {
		return l.failure
	}
	return l.settle(err)
}

// settle records how a call ended. The caller holds the lock.
func (l *link) settle(err error) error {
	if err == nil {
		l.failure = nil
		l.backoff.reset()
		return nil
	}
	l.failure = l.describe(callError(err))
	if losesConnection(err) {
		l.backoff.fail(time.Now())
	}
	return l.failure
}

// abandon leaves a call to end by itself. The connection is closed under it,
// so that it does so soon, unless sarama is waiting out a broker's throttling.
func (l *link) abandon(current *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != current {
		return l.describe(kafka.ErrTimeout) // it ended just now, too late to be heard
	}
	current.abandoned = true
	kind := errNoConnection
	if l.dialer != nil && l.dialer.hangUp() {
		kind = kafka.ErrTimeout
	}
	l.failure = l.describe(kind)
	l.backoff.fail(time.Now())
	return l.failure
}

func (l *link) describe(err error) error { return fmt.Errorf("broker %q: %w", l.address, err) }

// close ends the connection and waits for what is under way on it.
func (l *link) close() {
	l.mu.Lock()
	if l.dialer != nil {
		l.dialer.hangUp()
	}
	l.mu.Unlock()
	l.calls.Wait()
	l.drop()
}

package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
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
//
// Who asks in a hurry stops waiting before the call's deadline: the call goes
// on, and its answer is lost. Others in a hurry do not wait behind it.
type link struct {
	address  string
	config   sarama.Config
	patience time.Duration // a call that takes longer is slow
	meters   *meters
	opened   *atomic.Int64   // connections of the client so far
	life     context.Context // the client's: its end ends dials
	turn     chan struct{}   // holds a token while a call runs
	calls    sync.WaitGroup

	mu      sync.Mutex
	broker  *sarama.Broker // nil while not open; used by the owner of the turn only
	dialer  *dialer        // of broker
	current *call
	backoff backoff
	failure error // of the last call, nil if it succeeded
	closed  bool
	slow    bool // the last call that ended took longer than a cycle waits

	version   string // the broker's, empty while not known
	versionAt time.Time
}

// call is one use of a link. Its fields are guarded by the link's lock.
type call struct {
	began     time.Time
	left      bool // who asked did not wait for the answer
	abandoned bool
	connected bool // it dropped a connection, as opposed to none
}

func newLink(life context.Context, address string, config sarama.Config, retry backoff) *link {
	return &link{address: address, config: config, life: life, turn: make(chan struct{}, 1), backoff: retry, opened: &atomic.Int64{}}
}

// ask makes one request on the link. It returns at the call's deadline,
// whatever sarama does, and at that of ctx, or in a hurry when the link's
// patience ends, with errLate, while the call goes on. The request must build
// what it sends itself: it may be using it for longer than ask does.
func ask[T any](ctx context.Context, l *link, request func(*sarama.Broker) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	if hurried(ctx) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.patience)
		defer cancel()
	}
	current, err := l.acquire(ctx)
	if err != nil {
		return *new(T), err
	}
	var (
		done      = make(chan outcome, 1)
		abandoned = make(chan error, 1)
		deadline  = time.AfterFunc(l.config.Net.ReadTimeout, func() { abandoned <- l.abandon(current) })
	)
	go func() {
		defer l.calls.Done()
		defer deadline.Stop()
		value, err := attempt(l, current, request)
		done <- outcome{value, l.finish(current, err)}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case err := <-abandoned:
		return *new(T), err
	case <-ctx.Done():
		return *new(T), l.leave(current)
	}
}

// leave stops waiting for a call's answer.
func (l *link) leave(current *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	current.left = true
	return l.describe(errLate)
}

// acquire waits for the turn and begins a call.
func (l *link) acquire(ctx context.Context) (*call, error) {
	if err := l.closedFor(ctx); err != nil {
		return nil, err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, l.describe(errLate)
	}
	current, err := l.begin(ctx)
	if err != nil {
		<-l.turn
	}
	return current, err
}

// begin looks again whether a call may be made: the one before may have failed
// while this one waited for its turn.
func (l *link) begin(ctx context.Context) (*call, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refuses(ctx, time.Now()); err != nil {
		return nil, err
	}
	l.current = &call{began: time.Now()}
	l.calls.Add(1)
	return l.current, nil
}

func (l *link) closedFor(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refuses(ctx, time.Now())
}

// refuses returns why no call may be made now, nil if one may. The caller holds
// the lock.
func (l *link) refuses(ctx context.Context, now time.Time) error {
	switch {
	case l.closed:
		return errNotListed
	case l.current != nil && l.current.abandoned, l.backoff.waits(now):
		return l.failure
	case ctx.Err() != nil, hurried(ctx) && l.current != nil && l.current.left:
		return l.describe(errLate)
	default:
		return nil
	}
}

// attempt makes the request, a second time if a connection kept from earlier
// turns out to be dead: a broker that restarts says nothing to idle clients. A
// write that may have arrived is never made twice.
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
	if !kept || tooLarge(err) || errors.As(err, new(sentError)) || errors.Is(err, os.ErrDeadlineExceeded) {
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
	current.connected = false
	dialer := newDialer(l.life, l.config.Net.DialTimeout)
	config := l.config
	config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, countedDialer{dialer, l.meters}
	broker = sarama.NewBroker(l.address)
	if err := broker.Open(&config); err != nil {
		return nil, false, fmt.Errorf("open broker %q: %w", l.address, err)
	}
	l.broker, l.dialer = broker, dialer
	l.opened.Add(1)
	return broker, false, nil
}

// drop closes the connection. It notes whether there was one, for the case that
// the deadline comes before the call can say how it failed.
func (l *link) drop() {
	l.mu.Lock()
	broker, dialer := l.broker, l.dialer
	l.broker, l.dialer = nil, nil
	if dialer != nil {
		connected := dialer.hangUp()
		if l.current != nil {
			l.current.connected = connected
		}
	}
	l.mu.Unlock()
	if broker == nil {
		return
	}
	_ = broker.Close() // it is closed already, or was never connected
}

// finish ends a call and gives up its turn. The verdict of an abandoned call
// stands already.
func (l *link) finish(current *call, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { <-l.turn }()
	l.current = nil
	l.slow = time.Since(current.began) > l.patience
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
	if tooLarge(err) {
		return l.describe(errTooLarge) // the next call asks for less
	}
	l.failure = callFailure{l.describe(callError(err))}
	l.meters.failed(l.failure)
	if losesConnection(err) {
		l.backoff.fail(time.Now())
	}
	return l.failure
}

// abandon leaves a call to end by itself at its deadline. The connection is
// closed under it, so that it does so soon, unless sarama is waiting out a
// broker's throttling.
func (l *link) abandon(current *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != current {
		return l.describe(kafka.ErrTimeout) // it ended just now, too late to be heard
	}
	current.abandoned = true
	kind := errNoConnection
	if current.connected || l.dialer != nil && l.dialer.hangUp() {
		kind = kafka.ErrTimeout
	}
	l.failure = l.describe(kind)
	l.meters.failed(l.failure)
	l.backoff.fail(time.Now())
	return l.failure
}

// late tells whether the link keeps those waiting who are in a hurry.
func (l *link) late() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slow || l.current != nil && (l.current.left || l.current.abandoned)
}

func (l *link) describe(err error) error { return fmt.Errorf("broker %q: %w", l.address, err) }

// close ends the connection and waits for what is under way on it.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	if l.dialer != nil {
		l.dialer.hangUp()
	}
	l.mu.Unlock()
	l.calls.Wait()
	l.drop()
}

// tooLarge tells whether an answer was more than sarama takes.
func tooLarge(err error) bool {
	var decoding sarama.PacketDecodingError
	return errors.As(err, &decoding) && strings.Contains(decoding.Info, "too large")
}

package kafkaadmin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// adminIdle is how long a client of an Admin is kept that nobody uses: a reset
	// asks every few seconds while it runs.
	adminIdle = time.Minute
	// adminFirst and adminMost space the attempts to use a broker that failed. They
	// are short: who calls an Admin has a pace of its own, and waits for the answer.
	adminFirst, adminMost = 250 * time.Millisecond, 2 * time.Second
)

// Admin reads and writes the offsets of groups where a Pool only watches, and by
// Configs reads what producers depend on: each call asks the brokers anew, and
// keeps nothing but the connections, which are closed when nobody used them for
// a minute. Its methods may be called from anywhere, at any time; with an Admin
// whose Start has ended they fail.
//
// A call ends when its context does. Each of its requests has the deadline of
// Options besides.
//
// Of the writes, which are Commit, Delete and RemoveStatic, an error that is not
// kafka.ErrUncertain says that nothing was changed. Each of them is one request,
// which is sent once at most: after kafka.ErrUncertain the caller reads back. A
// request that got no answer may still be carried out after that.
type Admin struct {
	options Options
	idle    time.Duration
	life    context.Context // the clients': its end ends what is under way
	end     context.CancelFunc

	mu      sync.Mutex
	leases  map[Connection]*lease
	closed  bool
	running sync.WaitGroup // calls, and clients on their way out
}

// lease is a client that is kept while it is used. The Admin's lock guards it.
type lease struct {
	client *client
	users  int
	expiry *time.Timer // closes it, unless somebody comes back
}

// NewAdmin makes an Admin, which connects when it is first asked.
func NewAdmin(options Options) *Admin {
	options = options.withDefaults()
	options.meters = newMeters(options.MetricsRegisterer)
	life, end := context.WithCancel(context.Background())
	return &Admin{options: options, idle: adminIdle, life: life, end: end, leases: map[Connection]*lease{}}
}

// Start waits until ctx is done, ends what is under way, and returns nil when
// every connection is closed.
func (a *Admin) Start(ctx context.Context) error {
	<-ctx.Done()
	a.end()
	a.mu.Lock()
	a.closed = true
	for connection, l := range a.leases {
		if l.users > 0 {
			l.client.keepOnly(nil) // hangs up on the calls, which then release it
		} else {
			a.close(connection, l)
		}
	}
	a.mu.Unlock()
	a.running.Wait()
	return nil
}

// use returns the connection's client, and what to call when done with it.
func (a *Admin) use(connection Connection) (*client, func(), error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.life.Err() != nil {
		return nil, nil, fmt.Errorf("use the connection to %q: %w: the operator is being stopped", connection.BootstrapServers, kafka.ErrUnavailable)
	}
	l, known := a.leases[connection]
	if !known {
		l = &lease{client: a.newClient(connection)}
		l.expiry = time.AfterFunc(a.idle, func() { a.expire(connection, l) })
		a.leases[connection] = l
	}
	l.users++
	l.expiry.Stop()
	a.running.Add(1)
	return l.client, func() { a.release(connection, l) }, nil
}

func (a *Admin) newClient(connection Connection) *client {
	c := newClient(a.life, connection, a.options)
	c.exact = true
	c.retry = backoff{first: adminFirst, most: adminMost}
	return c
}

func (a *Admin) release(connection Connection, l *lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.running.Done()
	l.users--
	switch {
	case l.users > 0:
	case a.closed:
		a.close(connection, l)
	default:
		l.expiry.Reset(a.idle)
	}
}

// expire closes a client that nobody came back to before its timer ran out.
func (a *Admin) expire(connection Connection, l *lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.users == 0 && a.leases[connection] == l {
		a.close(connection, l)
	}
}

// close ends a client that nobody uses. The caller holds the lock.
func (a *Admin) close(connection Connection, l *lease) {
	delete(a.leases, connection)
	l.expiry.Stop()
	a.running.Go(l.client.close) // which may have to wait for an abandoned call
}

//go:build e2e

package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// relay stands between the pods and a broker that advertises the relay's
// address. It knows who connects when, and can cut connections. What goes
// through is TLS, of which it sees nothing.
type relay struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu          sync.Mutex
	target      string
	connections []*relayed
}

// relayed is one connection, guarded by the relay's lock.
type relayed struct {
	from     string // the address of the pod
	opened   time.Time
	client   net.Conn
	open     bool
	received int64 // bytes from the broker
}

func startRelay(t *testing.T) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener}
	r.serving.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.hangUp()
		r.serving.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) leadTo(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.serving.Go(func() { r.serve(client) })
	}
}

func (r *relay) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	from, _, _ := net.SplitHostPort(client.RemoteAddr().String())
	c := &relayed{from: from, opened: time.Now(), client: client, open: true}
	r.mu.Lock()
	target := r.target
	r.connections = append(r.connections, c)
	r.mu.Unlock()
	defer r.ended(c)
	broker, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = broker.Close() }()
	r.serving.Go(func() {
		_, _ = io.Copy(broker, client)
		_ = broker.Close()
	})
	_, _ = io.Copy(io.MultiWriter(client, received{r, c}), broker)
}

func (r *relay) ended(c *relayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.open = false
}

// received counts what a connection gets from the broker.
type received struct {
	relay      *relay
	connection *relayed
}

// Write counts.
func (c received) Write(p []byte) (int, error) {
	c.relay.mu.Lock()
	defer c.relay.mu.Unlock()
	c.connection.received += int64(len(p))
	return len(p), nil
}

// hangUp cuts every connection; new ones are welcome.
func (r *relay) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.connections {
		_ = c.client.Close()
	}
}

// open are the connections that a pod has now, by when they were opened: before
// a time, and after it with more than so many bytes received.
func (r *relay) open(from string, since time.Time, bytes int64) (before, after int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.connections {
		switch {
		case c.from != from || !c.open:
		case c.opened.Before(since):
			before++
		case c.received > bytes:
			after++
		}
	}
	return before, after
}

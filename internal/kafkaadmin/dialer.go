package kafkaadmin

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// dialer opens the one connection of a sarama broker and keeps hold of it.
// Closing it under sarama is what ends a call that takes no context.
type dialer struct {
	ctx     context.Context // sarama dials without one
	cancel  context.CancelFunc
	timeout time.Duration

	mu   sync.Mutex
	conn net.Conn
}

func newDialer(ctx context.Context, timeout time.Duration) *dialer {
	ctx, cancel := context.WithCancel(ctx)
	return &dialer{ctx: ctx, cancel: cancel, timeout: timeout}
}

// Dial implements the dialer that sarama takes for proxies. sarama speaks TLS on
// top of what it returns, so that closing that ends a handshake too.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: d.timeout}).DialContext(d.ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", address, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conn = conn
	if err := d.ctx.Err(); err != nil {
		_ = conn.Close() // hung up meanwhile: there is nothing on it to lose
		return nil, fmt.Errorf("connect to %q: %w", address, err)
	}
	return kafkaauth.Watch(conn), nil
}

// hangUp ends the connection, or the attempt to open it, and tells whether
// there was a connection.
func (d *dialer) hangUp() bool {
	d.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil {
		return false
	}
	_ = d.conn.Close() // its reader learns of it, and reports what it was waiting for
	return true
}

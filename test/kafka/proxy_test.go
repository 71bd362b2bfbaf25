package kafka_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// fault is what a proxy does to what a broker answers.
type fault string

const (
	faultless fault = "faultless"
	refusing  fault = "refusing" // connections are closed at once
	mute      fault = "mute"     // answers never arrive
	garbage   fault = "garbage"  // another program answers there, in another protocol
)

// proxy stands before one broker, which tells clients the proxy's address.
type proxy struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	target string
	fault  fault
	conns  map[net.Conn]struct{}
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, "listen", err)
	p := &proxy{listener: listener, fault: faultless, conns: map[net.Conn]struct{}{}}
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.hangUp()
		p.serving.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// leadTo makes it lead to a broker from now on.
func (p *proxy) leadTo(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.hangUp()
}

// set makes it behave so from now on, on new connections: the old ones end.
func (p *proxy) set(f fault) {
	p.mu.Lock()
	p.fault = f
	p.mu.Unlock()
	p.hangUp()
}

func (p *proxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() { p.serve(conn) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mu.Lock()
	target, fault := p.target, p.fault
	p.conns[client] = struct{}{}
	p.mu.Unlock()
	if fault == refusing {
		return
	}
	broker, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return // as if it were the broker's own address
	}
	defer func() { _ = broker.Close() }()
	p.serving.Go(func() {
		_, _ = io.Copy(broker, client)
		_ = broker.Close()
	})
	p.answer(client, broker, fault)
}

// answer carries what the broker says to the client.
func (p *proxy) answer(client, broker net.Conn, f fault) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := broker.Read(buffer)
		switch f {
		case mute:
			n = 0
		case garbage:
			n = copy(buffer, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		}
		if _, writeErr := client.Write(buffer[:n]); errors.Join(err, writeErr) != nil {
			return
		}
	}
}

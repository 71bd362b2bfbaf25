package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// trouble is what a proxy does with the answer to a request.
type trouble struct {
	// cut ends the connection in place of the answer.
	cut bool
	// wait holds the answer up, and those behind it.
	wait time.Duration
}

// proxy stands before one broker, which tells clients, or the other brokers, the
// proxy's address. It knows requests and answers apart.
type proxy struct {
	listener net.Listener

	mutex   sync.Mutex
	target  string
	conns   map[net.Conn]struct{}
	open    chan struct{} // closed while everything passes
	held    string        // with what the names of those begin for whom nothing passes
	produce func() trouble
}

func newProxy() (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen before a broker: %w", err)
	}
	p := &proxy{listener: listener, conns: make(map[net.Conn]struct{}), open: make(chan struct{})}
	close(p.open)
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// leadTo says where the broker is. Whoever came before that is sent away.
func (p *proxy) leadTo(target string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.target = target
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// hold lets nothing pass until release for those whose client.id begins so.
func (p *proxy) hold(prefix string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.letPass()
	p.open, p.held = make(chan struct{}), prefix
}

// release lets everything pass again, what was held too.
func (p *proxy) release() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.letPass()
}

func (p *proxy) letPass() {
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

// disturb asks what to do with each answer to a Produce request; nil is nothing.
func (p *proxy) disturb(produce func() trouble) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.produce = produce
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.release()
	p.leadTo("")
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(conn)
	}
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mutex.Lock()
	p.conns[client] = struct{}{}
	target := p.target
	p.mutex.Unlock()
	defer p.forget(client)
	broker, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return // as if it were the broker's own address
	}
	defer func() { _ = broker.Close() }()
	e := exchange{proxy: p, keys: make(map[uint32]kmsg.Key)}
	go func() {
		e.requests(broker, client)
		_ = broker.Close()
	}()
	e.answers(client, broker)
}

func (p *proxy) forget(client net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.conns, client)
}

// pass waits until something of the client's may pass.
func (p *proxy) pass(client string) {
	p.mutex.Lock()
	open, held := p.open, strings.HasPrefix(client, p.held)
	p.mutex.Unlock()
	if held {
		<-open
	}
}

package kafka_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// tap stands before a broker and holds requests of one client, or their answers.
type tap struct {
	listener net.Listener
	serving  sync.WaitGroup

	mutex  sync.Mutex
	target string
	conns  map[net.Conn]struct{}
	traps  map[*trap]struct{}
}

// step is where a client is held: before the broker has its request, or after
// it has done it and before the client knows.
type step struct {
	client string
	key    kmsg.Key
	after  bool
}

// trap holds the first that comes to the step.
type trap struct {
	step
	caught  chan struct{} // closed when it holds one
	release chan bool     // whether it goes on, or its connection ends
}

func newTap(t *testing.T) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, "listen", err)
	p := &tap{listener: listener, conns: make(map[net.Conn]struct{}), traps: make(map[*trap]struct{})}
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mutex.Lock()
		for conn := range p.conns {
			_ = conn.Close()
		}
		for held := range p.traps {
			close(held.release)
		}
		p.mutex.Unlock()
		p.serving.Wait()
	})
	return p
}

// leadTo says where the broker is. Connections may come before that is known.
func (p *tap) leadTo(broker string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.target = broker
}

func (p *tap) hold(at step) *trap {
	held := &trap{step: at, caught: make(chan struct{}), release: make(chan bool, 1)}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.traps[held] = struct{}{}
	return held
}

// pass waits where a trap is, and tells whether to go on.
func (p *tap) pass(at step) bool {
	p.mutex.Lock()
	var found *trap
	for one := range p.traps {
		if one.step == at {
			found = one
			delete(p.traps, one)
		}
	}
	p.mutex.Unlock()
	if found == nil {
		return true
	}
	close(found.caught)
	return <-found.release
}

func (p *tap) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mutex.Lock()
		p.conns[conn] = struct{}{}
		target := p.target
		p.mutex.Unlock()
		broker, err := net.Dial("tcp", target)
		if err != nil {
			_ = conn.Close() // as if it were the broker's own address
			continue
		}
		asked := make(chan step, 1000)
		p.serving.Go(func() { p.requests(conn, broker, asked) })
		p.serving.Go(func() { p.answers(conn, broker, asked) })
	}
}

func (p *tap) requests(client, broker net.Conn, asked chan<- step) {
	defer func() { _ = broker.Close() }()
	defer close(asked)
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		at := step{key: kmsg.Key(binary.BigEndian.Uint16(frame[4:]))}
		name := int(binary.BigEndian.Uint16(frame[12:])) // every client here has one
		at.client = string(frame[14 : 14+name])
		if !p.pass(at) {
			return
		}
		asked <- at
		if _, err := broker.Write(frame); err != nil {
			return
		}
	}
}

// answers come in the order of the requests.
func (p *tap) answers(client, broker net.Conn, asked <-chan step) {
	defer func() { _ = client.Close() }()
	for {
		frame, err := readFrame(broker)
		if err != nil {
			return
		}
		at, open := <-asked
		at.after = true
		if !open || !p.pass(at) {
			return
		}
		if _, err := client.Write(frame); err != nil {
			return
		}
	}
}

// readFrame is a request or an answer, with its length in front.
func readFrame(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(length[:]))
	copy(frame, length[:])
	_, err := io.ReadFull(from, frame[4:])
	return frame, err
}

package main

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// echo is a broker that answers each request with its correlation id alone, and
// remembers the client ids that came.
type echo struct {
	mutex sync.Mutex
	came  []string
}

func (e *echo) clients() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return slices.Clone(e.came)
}

func (e *echo) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		frame, err := readFrame(conn)
		if err != nil {
			return
		}
		e.mutex.Lock()
		e.came = append(e.came, string(frame[14:]))
		e.mutex.Unlock()
		if _, err := conn.Write(append([]byte{0, 0, 0, 4}, frame[8:12]...)); err != nil {
			return
		}
	}
}

func proxied(t *testing.T) (*echo, *proxy) {
	t.Helper()
	broker := &echo{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go broker.serve(conn)
		}
	}()
	p, err := newProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	p.leadTo(listener.Addr().String())
	return broker, p
}

// asker is a client of one connection.
type asker struct {
	net.Conn
	id   string
	last uint32
}

func connect(t *testing.T, p *proxy, id string) *asker {
	t.Helper()
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // a failure must not hang
		t.Fatal(err)
	}
	return &asker{Conn: conn, id: id}
}

func (a *asker) ask(t *testing.T, key kmsg.Key) {
	t.Helper()
	a.last++
	request := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(key.Int16()))
	request = binary.BigEndian.AppendUint16(request, 3) // some version
	request = binary.BigEndian.AppendUint32(request, a.last)
	request = binary.BigEndian.AppendUint16(request, uint16(len(a.id)))
	request = append(request, a.id...)
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	if _, err := a.Write(request); err != nil {
		t.Fatal(err)
	}
}

// answered tells whether the last request gets its answer, and not the end of
// the connection.
func (a *asker) answered(t *testing.T) bool {
	t.Helper()
	frame, err := readFrame(a)
	if err == nil && binary.BigEndian.Uint32(frame[4:]) != a.last {
		t.Errorf("the answer is %x, want one to %d", frame, a.last)
	}
	return err == nil
}

func TestProxyCutsAnswersToProduce(t *testing.T) {
	broker, p := proxied(t)
	p.disturb(func() trouble { return trouble{cut: true} })
	client := connect(t, p, "program")
	client.ask(t, kmsg.Metadata)
	if !client.answered(t) {
		t.Error("an answer to another request was cut")
	}
	client.ask(t, kmsg.Produce)
	if client.answered(t) {
		t.Error("the answer to Produce was not cut")
	}
	if got := broker.clients(); len(got) != 2 {
		t.Errorf("the broker got requests of %v, want both", got)
	}
	p.disturb(nil)
	client = connect(t, p, "program")
	if client.ask(t, kmsg.Produce); !client.answered(t) {
		t.Error("an answer was cut that nobody disturbs any more")
	}
}

func TestProxyHoldsThoseWithTheName(t *testing.T) {
	broker, p := proxied(t)
	p.hold("broker-1-")
	held, other := connect(t, p, "broker-1-fetcher-0"), connect(t, p, "broker-2-fetcher-0")
	held.ask(t, kmsg.Fetch)
	for range 20 {
		if other.ask(t, kmsg.Fetch); !other.answered(t) {
			t.Fatal("another one is held")
		}
	}
	if slices.Contains(broker.clients(), held.id) {
		t.Error("a request came through that is held")
	}
	p.release()
	if !held.answered(t) {
		t.Error("what was held has no answer after release")
	}
}

package main

import (
	"encoding/binary"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// meter counts at the brokers' sockets what the clients of one client id ask
// and are answered. The traffic of others passes uncounted.
type meter struct {
	clientID string
	rtt      time.Duration

	mu    sync.Mutex
	seen  meterReading
	conns map[string]map[*meteredConn]bool // the counted ones that are open, by broker
}

// meterReading is what a meter has counted since it began.
type meterReading struct {
	Requests        map[string]int `json:"requests"`
	LargestResponse int            `json:"largestResponse"`
	// Cycles are the poll cycles seen: each begins with a request for metadata.
	Cycles []meteredCycle `json:"cycles"`
	// MostConnections is the most that any one broker had open at once.
	MostConnections int `json:"mostConnections"`
	Connections     int `json:"connections"`
}

// meteredCycle is when a cycle's first request came, and how many it made.
type meteredCycle struct {
	At       time.Time `json:"at"`
	Requests int       `json:"requests"`
}

func newMeter(clientID string, rtt time.Duration) *meter {
	return &meter{
		clientID: clientID, rtt: rtt,
		seen:  meterReading{Requests: map[string]int{}},
		conns: map[string]map[*meteredConn]bool{},
	}
}

func (m *meter) read() meterReading {
	m.mu.Lock()
	defer m.mu.Unlock()
	reading := m.seen
	reading.Requests = maps.Clone(m.seen.Requests)
	reading.Cycles = slices.Clone(m.seen.Cycles)
	reading.Connections = 0
	for _, open := range m.conns {
		reading.Connections += len(open)
	}
	return reading
}

// request counts one request by its header: api key, version, correlation id, client id.
func (m *meter) request(c *meteredConn, header []byte) {
	length := int(binary.BigEndian.Uint16(header[8:]))
	if len(header) < 10+length || string(header[10:10+length]) != m.clientID {
		return
	}
	name := kmsg.NameForKey(int16(binary.BigEndian.Uint16(header)))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen.Requests[name]++
	if name == "Metadata" || len(m.seen.Cycles) == 0 {
		m.seen.Cycles = append(m.seen.Cycles, meteredCycle{At: time.Now()})
	}
	m.seen.Cycles[len(m.seen.Cycles)-1].Requests++
	if m.conns[c.broker] == nil {
		m.conns[c.broker] = map[*meteredConn]bool{}
	}
	m.conns[c.broker][c] = true
	m.seen.MostConnections = max(m.seen.MostConnections, len(m.conns[c.broker]))
	c.counted = true
}

func (m *meter) response(size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen.LargestResponse = max(m.seen.LargestResponse, size)
}

func (m *meter) closed(c *meteredConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns[c.broker], c)
}

// listener meters what it accepts.
func (m *meter) listener(inner net.Listener) net.Listener {
	return meteredListener{inner, m}
}

type meteredListener struct {
	net.Listener
	meter *meter
}

// Accept implements net.Listener.
func (l meteredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &meteredConn{Conn: conn, meter: l.meter, broker: l.Addr().String()}, nil
}

// meteredConn reads along what passes: each message is four bytes of length and
// as many bytes. Responses wait for the round trip that a network would take.
type meteredConn struct {
	net.Conn
	meter   *meter
	broker  string
	counted bool // its client is the one that is metered
	in, out frames
}

// Read implements net.Conn.
func (c *meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.pass(p[:n], func(head []byte, _ int) { c.meter.request(c, head) })
	return n, err
}

// Write implements net.Conn.
func (c *meteredConn) Write(p []byte) (int, error) {
	starts := c.out.pass(p, func(_ []byte, size int) {
		if c.counted {
			c.meter.response(size)
		}
	})
	if starts && c.counted && c.meter.rtt > 0 {
		<-time.After(c.meter.rtt)
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *meteredConn) Close() error {
	c.meter.closed(c)
	return c.Conn.Close()
}

// headSize is enough of a request for its header with a client id of 50 characters.
const headSize = 60

// frames follows the messages in a stream of bytes.
type frames struct {
	size []byte // of the length, while it comes
	head []byte // of the message's beginning, while it comes
	left int    // bytes of the message that are still to come
	of   int    // the message's length
}

// pass takes in the next bytes, calls whole with the beginning of each message
// once it is there, and tells whether a message began in them.
func (f *frames) pass(p []byte, whole func(head []byte, size int)) (began bool) {
	for len(p) > 0 {
		if f.left == 0 {
			n := min(4-len(f.size), len(p))
			f.size, p = append(f.size, p[:n]...), p[n:]
			if len(f.size) < 4 {
				return began
			}
			f.of = int(binary.BigEndian.Uint32(f.size))
			f.left, f.size, f.head, began = f.of, f.size[:0], f.head[:0], true
			continue
		}
		n := min(f.left, len(p))
		f.take(p[:n], whole)
		p = p[n:]
	}
	return began
}

func (f *frames) take(p []byte, whole func(head []byte, size int)) {
	wanted := min(headSize, f.of)
	if missing := wanted - len(f.head); missing > 0 {
		f.head = append(f.head, p[:min(missing, len(p))]...)
		if len(f.head) == wanted {
			whole(f.head, f.of)
		}
	}
	f.left -= len(p)
}

package kafka_test

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
)

// recorder stands before a broker, which tells clients the recorder's address,
// and keeps what producers ask of it.
type recorder struct {
	listener net.Listener
	serving  sync.WaitGroup
	// target is the broker, known before the first client comes.
	target string

	mutex   sync.Mutex
	topics  map[[16]byte]string // by their ids
	changed *sync.Cond
	over    bool
	links   map[*link]struct{}
	// batches are those of each topic in the order in which they came, mostInFlight
	// how many requests with its batches had no answer at once.
	batches      map[string][]batch
	mostInFlight map[string]int
	holds        map[string]hold
	// creating are the clients that had topics created by asking for them, timeouts
	// those of transactions, by their id.
	creating map[string]bool
	timeouts map[string]int32
}

// hold keeps the answers of a topic back, but for the first message's, until so
// many are due or all messages have come.
type hold struct{ requests, messages int }

// link is one client's connection.
type link struct {
	client, broker net.Conn
	// waiting are the topics of the produce requests without an answer.
	waiting map[int32]string
	ended   bool
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, "listen", err)
	r := &recorder{
		listener: listener, topics: make(map[[16]byte]string), links: make(map[*link]struct{}),
		batches: make(map[string][]batch), mostInFlight: make(map[string]int), holds: make(map[string]hold),
		creating: make(map[string]bool), timeouts: make(map[string]int32),
	}
	r.changed = sync.NewCond(&r.mutex)
	t.Cleanup(r.close)
	return r
}

// leadTo has the recorder pass on to the broker what comes from now on.
func (r *recorder) leadTo(target string) {
	r.target = target
	r.serving.Go(r.accept)
}

func (r *recorder) close() {
	_ = r.listener.Close()
	r.mutex.Lock()
	r.over = true
	for l := range r.links {
		_, _ = l.client.Close(), l.broker.Close()
	}
	r.changed.Broadcast()
	r.mutex.Unlock()
	r.serving.Wait()
}

func (r *recorder) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close() // as if it were the broker's own address
			continue
		}
		l := &link{client: client, broker: broker, waiting: make(map[int32]string)}
		r.mutex.Lock()
		r.links[l] = struct{}{}
		r.mutex.Unlock()
		r.serving.Go(func() { r.requests(l) })
		r.serving.Go(func() { r.answers(l) })
	}
}

func (r *recorder) requests(l *link) {
	defer r.end(l)
	for {
		frame, err := readFrame(l.client)
		if err != nil {
			return
		}
		r.keep(l, frame)
		if _, err := l.broker.Write(frame); err != nil {
			return
		}
	}
}

func (r *recorder) answers(l *link) {
	defer r.end(l)
	for {
		frame, err := readFrame(l.broker)
		if err != nil {
			return
		}
		r.release(l, int32(binary.BigEndian.Uint32(frame[4:])))
		if _, err := l.client.Write(frame); err != nil {
			return
		}
	}
}

func (r *recorder) end(l *link) {
	_, _ = l.client.Close(), l.broker.Close()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	l.ended = true
	r.changed.Broadcast()
}

// holdAnswers keeps the answers of a topic back so from now on.
func (r *recorder) holdAnswers(topic string, h hold) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.holds[topic] = h
	r.changed.Broadcast()
}

// release waits until the answer may go to the client. It counts no longer from
// then on, so that what is counted is never more than what the client counts.
func (r *recorder) release(l *link, correlation int32) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	topic := l.waiting[correlation]
	for held, ok := r.holds[topic]; ok && !r.over && !l.ended; held = r.holds[topic] {
		came := r.messages(topic)
		if came == 1 || came >= held.messages || len(l.waiting) >= held.requests {
			break
		}
		r.changed.Wait()
	}
	delete(l.waiting, correlation)
}

func (r *recorder) messages(topic string) int {
	count := 0
	for _, b := range r.batches[topic] {
		count += b.messages
	}
	return count
}

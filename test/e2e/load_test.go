//go:build e2e

package e2e

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

// load keeps a backlog before the workers and counts what becomes of it. It
// produces at their pace, plus or minus what brings the backlog back to its
// size within regain: workers that stand still for 10 s see 10 s of messages come.
type load struct {
	topic   string
	pace    float64 // messages a second, what the workers handle together
	backlog int64
	handled *tally.Server
	// tallyAddress is where workers report.
	tallyAddress string

	client *kgo.Client

	mu           sync.Mutex
	sent         int64
	acknowledged map[int32]int64
	failed       error
}

const (
	loadTick = 100 * time.Millisecond
	regain   = 20 * time.Second
	// valueBytes make what a worker has fetched ahead, 64 KiB of a partition, a
	// few seconds of its work: it goes on fetching all the time.
	valueBytes = 1000
)

// startLoad produces the backlog, and goes on when it is told to run.
func startLoad(t *testing.T, servers []string, l *load) *load {
	t.Helper()
	var err error
	l.client, err = kgo.NewClient(kgo.SeedBrokers(servers...),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.client.Close)
	l.handled, l.acknowledged = tally.New(), map[int32]int64{}
	l.tallyAddress = serveTally(t, l.handled.Handler())
	l.produce(l.backlog)
	if err := l.settled(); err != nil {
		t.Fatal(err)
	}
	return l
}

func serveTally(t *testing.T, counted http.Handler) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: counted, ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // always ErrServerClosed
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

// run produces until the returned function is called, which waits for the
// brokers' last acknowledgement.
func (l *load) run() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(loadTick)
		defer tick.Stop()
		due, last := 0.0, time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				due += l.rate() * now.Sub(last).Seconds()
				last = now
				whole := max(int64(due), 0)
				l.produce(whole)
				due = max(due-float64(whole), 0)
			}
		}
	})
	return func() error {
		cancel()
		running.Wait()
		return l.settled()
	}
}

func (l *load) rate() float64 {
	missing := l.backlog - (l.produced() - l.handled.Counts().Distinct)
	return l.pace + float64(missing)/regain.Seconds()
}

func (l *load) produce(n int64) {
	for range n {
		l.mu.Lock()
		l.sent++
		l.mu.Unlock()
		l.client.Produce(context.Background(), &kgo.Record{Topic: l.topic, Value: make([]byte, valueBytes)}, l.acknowledge)
	}
}

func (l *load) acknowledge(record *kgo.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = err
		return
	}
	l.acknowledged[record.Partition]++
}

// settled waits until each message is acknowledged.
func (l *load) settled() error {
	if err := l.client.Flush(context.Background()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *load) produced() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// byPartition is what the brokers have acknowledged.
func (l *load) byPartition() map[int32]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acknowledged)
}

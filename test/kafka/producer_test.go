package kafka_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/worker"
)

func (s *stand) newProducer(t *testing.T, settings worker.ProducerSettings) *worker.Producer {
	t.Helper()
	p, err := worker.NewProducer(worker.Config{
		BootstrapServers: s.servers, ClientID: "producer", Producer: settings,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Registry: prometheus.NewRegistry(),
	})
	must(t, "start a producer", err)
	t.Cleanup(func() { _ = p.Close(within(t)) })
	return p
}

// log is what a topic holds, by partition, in order.
func (s *stand) log(t *testing.T, topic string) map[int32][]*kgo.Record {
	t.Helper()
	ends, err := s.admin.ListEndOffsets(within(t), topic)
	must(t, "list the ends of topic "+topic, err)
	from, missing := make(map[int32]kgo.Offset), int64(0)
	for partition, end := range ends[topic] {
		must(t, "list the end of a partition", end.Err)
		from[partition] = kgo.NewOffset().At(0)
		missing += end.Offset
	}
	client := s.newClient(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	all := make(map[int32][]*kgo.Record)
	for missing > 0 {
		fetches := client.PollFetches(within(t))
		must(t, "read topic "+topic, fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			all[record.Partition] = append(all[record.Partition], record)
			missing--
		})
	}
	return all
}

// A key is in the partition in which Java's producer puts it.
func TestProducerPartitionsAsJava(t *testing.T) {
	t.Parallel()
	s := apacheStand(t)
	const keys = 200
	s.createTopic(t, "shared", 7, nil)
	_, err := s.apache.Tool(within(t), "org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server", strings.Join(s.own, ","),
		"--topic", "shared", "--max-messages", fmt.Sprint(keys), "--repeating-keys", fmt.Sprint(keys))
	must(t, "produce with Java", err)
	var messages []worker.Outgoing
	for key := range keys {
		messages = append(messages, worker.Outgoing{Topic: "shared", Key: fmt.Append(nil, key), Value: []byte("by Go")})
	}
	must(t, "produce", s.newProducer(t, worker.ProducerSettings{}).SendBatch(within(t), messages))
	where, agree := make(map[string]int32), 0
	for partition, records := range s.log(t, "shared") {
		for _, record := range records {
			other, second := where[string(record.Key)]
			where[string(record.Key)] = partition
			switch {
			case second && other != partition:
				t.Errorf("key %s is in partitions %d and %d", record.Key, other, partition)
			case second:
				agree++
			}
		}
	}
	if agree != keys {
		t.Errorf("%d of %d keys are in one partition", agree, keys)
	}
}

// Leaders move, connections break and a broker is killed while messages are
// produced: all of them are in the log once, each key in order.
func TestProducerThroughLeaderChanges(t *testing.T) {
	t.Parallel()
	onBothTrios(t, func(t *testing.T, f *trio) {
		f.createPlaced(t, "led", [][]int32{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}})
		p := f.newProducer(t, worker.ProducerSettings{MaxInFlight: 500})
		load := produceTo(p, "led")
		load.goesOn(t, "at first")
		f.lead(t, "led", [][]int32{{1, 2, 0}, {2, 0, 1}, {0, 1, 2}})
		load.goesOn(t, "under other leaders")
		for range 5 {
			for _, proxy := range f.proxies {
				proxy.hangUp()
			}
			load.goesOn(t, "over other connections")
		}
		if f.apache != nil {
			f.apache.Kill(int(failing))
			load.goesOn(t, "without the broker that was killed")
			must(t, "start the broker again", f.apache.StartAgain(within(t), int(failing)))
			load.goesOn(t, "with the broker again")
		}
		sent := load.end(t, p)
		if failed := load.failed.Load(); failed != 0 {
			t.Errorf("%d messages failed, such as: %v", failed, load.first.Load())
		}
		t.Logf("%d messages of each of %d keys", sent, producerKeys)
		load.inOrder(t, f.log(t, "led"), sent)
	})
}

const producerKeys = 20

// producing enqueues messages of some keys, numbered from 0.
type producing struct {
	running sync.WaitGroup
	over    atomic.Bool
	sent    int
	// acked is by key, all of which have their partition.
	acked  [producerKeys]atomic.Int64
	failed atomic.Int64
	first  atomic.Pointer[error]
}

func produceTo(p *worker.Producer, topic string) *producing {
	l := &producing{}
	l.running.Go(func() {
		for ; !l.over.Load(); l.sent++ {
			for key := range producerKeys {
				message := worker.Outgoing{Topic: topic, Key: fmt.Append(nil, "key ", key), Value: fmt.Append(nil, l.sent)}
				p.Enqueue(context.Background(), message, func(_ worker.Receipt, err error) { l.tell(key, err) })
			}
		}
	})
	return l
}

func (l *producing) tell(key int, err error) {
	if err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, &err)
		return
	}
	l.acked[key].Add(1)
}

// goesOn waits until some more messages of each key are acknowledged.
func (l *producing) goesOn(t *testing.T, when string) {
	t.Helper()
	for key := range l.acked {
		before := l.acked[key].Load()
		eventually(t, fmt.Sprintf("acknowledgements of key %d %s", key, when), func() bool {
			return l.acked[key].Load() > before+20 || l.failed.Load() > 0
		})
	}
}

// end returns how many messages of each key were sent.
func (l *producing) end(t *testing.T, p *worker.Producer) int {
	t.Helper()
	l.over.Store(true)
	l.running.Wait()
	must(t, "close the producer", p.Close(within(t)))
	return l.sent
}

func (l *producing) inOrder(t *testing.T, log map[int32][]*kgo.Record, sent int) {
	t.Helper()
	next := make(map[string]int)
	for partition, records := range log {
		for _, record := range records {
			key := string(record.Key)
			if record.Key == nil {
				continue // was there before
			}
			if string(record.Value) != fmt.Sprint(next[key]) {
				t.Fatalf("offset %d of partition %d has message %s of %s, want %d", record.Offset, partition, record.Value, key, next[key])
			}
			next[key]++
		}
	}
	for key := range producerKeys {
		if got := next[fmt.Sprint("key ", key)]; got != sent {
			t.Errorf("key %d has %d of %d messages", key, got, sent)
		}
	}
}

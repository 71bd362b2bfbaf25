package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// newProducer is closed at the end of the test.
func newProducer(t *testing.T, config worker.Config) *worker.Producer {
	t.Helper()
	producer, err := worker.NewProducer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close(soon(t)) })
	return producer
}

// soon is a context that bounds one step of a test.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// log is what a topic holds, by partition, in order.
func (b *broker) log(t *testing.T, topic string) map[int32][]*kgo.Record {
	t.Helper()
	from, missing := make(map[int32]kgo.Offset), int64(0)
	for _, partition := range b.PartitionInfos(topic) {
		from[partition.Partition] = kgo.NewOffset().At(partition.LogStartOffset)
		missing += partition.HighWatermark - partition.LogStartOffset
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	all := make(map[int32][]*kgo.Record)
	for missing > 0 {
		fetches := client.PollFetches(soon(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			all[record.Partition] = append(all[record.Partition], record)
			missing--
		})
	}
	return all
}

// values are those of the log of a topic with one partition.
func (b *broker) values(t *testing.T) []string {
	t.Helper()
	var values []string
	for _, record := range b.log(t, topic)[0] {
		values = append(values, string(record.Value))
	}
	return values
}

// carries matches requests with a batch that has these bytes.
func carries(content string) func(kmsg.Request) bool {
	return func(request kmsg.Request) bool {
		for _, topic := range request.(*kmsg.ProduceRequest).Topics {
			for _, partition := range topic.Partitions {
				if bytes.Contains(partition.Records, []byte(content)) {
					return true
				}
			}
		}
		return false
	}
}

// hold keeps requests to produce from being answered until the release, and
// tells of each by the channel.
func (b *broker) hold() (arrived <-chan struct{}, release func()) {
	came, released := make(chan struct{}, 1000), make(chan struct{})
	b.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		came <- struct{}{}
		b.SleepControl(func() { <-released })
		return nil, nil, false
	})
	return came, sync.OnceFunc(func() { close(released) })
}

// outcomes collects what was told of messages by their values.
type outcomes struct {
	mutex    sync.Mutex
	receipts map[string]worker.Receipt
	errors   map[string]error
	order    []string
	told     int
}

func newOutcomes() *outcomes {
	return &outcomes{receipts: make(map[string]worker.Receipt), errors: make(map[string]error)}
}

// of is the callback for a message.
func (o *outcomes) of(value string) func(worker.Receipt, error) {
	return func(receipt worker.Receipt, err error) {
		o.mutex.Lock()
		defer o.mutex.Unlock()
		o.told++
		o.order = append(o.order, value)
		if err != nil {
			o.errors[value] = err
			return
		}
		o.receipts[value] = receipt
	}
}

func (o *outcomes) count() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.told
}

func (o *outcomes) failure(value string) error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.errors[value]
}

// lossy listens for a broker and loses some of the broker's answers: the
// connection is cut when the request has been handled and the answer is due.
type lossy struct {
	oneIn   atomic.Int64 // 0 loses none
	answers atomic.Int64 // while some are lost
	lost    atomic.Int64
}

func (l *lossy) option() kfake.Opt {
	return kfake.ListenFn(func(network, address string) (net.Listener, error) {
		listener, err := net.Listen(network, address)
		return lossyListener{listener, l}, err
	})
}

type lossyListener struct {
	net.Listener
	*lossy
}

func (l lossyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return lossyConn{conn, l.lossy}, err
}

type lossyConn struct {
	net.Conn
	*lossy
}

func (c lossyConn) Write(answer []byte) (int, error) {
	oneIn := c.oneIn.Load()
	if oneIn > 0 && (c.answers.Add(1) == 3 || rand.Int64N(oneIn) == 0) { // the third is lost in any case
		c.lost.Add(1)
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(answer)
}

func keyed(key, value string) worker.Outgoing {
	return worker.Outgoing{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

func numbered(prefix string, count int) []string {
	var list []string
	for i := range count {
		list = append(list, fmt.Sprintf("%s-%d", prefix, i))
	}
	return list
}

package kafka_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/worker"
)

// feed produces messages until the result is called, which returns how many
// there are by partition.
func (s *stand) feed(t *testing.T, topic string) (stop func() map[int32]int64) {
	t.Helper()
	client := s.newClient(t, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	ctx, end := context.WithCancel(context.Background())
	var feeding sync.WaitGroup
	var mutex sync.Mutex
	counts := make(map[int32]int64)
	feeding.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond) // for 20 messages: about 2,000 a second
		defer tick.Stop()
		for number := 0; ctx.Err() == nil; number++ {
			record := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key %d", number%txnKeys), Value: fmt.Append(nil, number)}
			client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil {
					counts[r.Partition]++
				}
			})
			if number%20 == 0 {
				<-tick.C
			}
		}
	})
	t.Cleanup(end)
	return func() map[int32]int64 {
		end()
		feeding.Wait()
		must(t, "produce the last messages", client.Flush(within(t)))
		mutex.Lock()
		defer mutex.Unlock()
		return counts
	}
}

// txnCase is one pair of topics with its workers.
type txnCase struct {
	*stand
	txnWorker
}

func (s *stand) transactionCase(t *testing.T, name string, ordering worker.Ordering) *txnCase {
	t.Helper()
	c := &txnCase{s, txnWorker{
		Servers: s.servers, In: "in-" + name, Out: "out-" + name, Ordering: ordering,
		SessionTimeout: 3 * time.Second, TransactionsLimit: 4 * time.Second,
	}}
	s.createTopic(t, c.In, txnPartitions, nil)
	s.createTopic(t, c.Out, 3, nil)
	s.createTopic(t, c.Out+"-audit", 3, nil)
	return c
}

func (c *txnCase) named(name string) txnWorker {
	w := c.txnWorker
	w.Name = name
	return w
}

// committed are the group's offsets. While there is no coordinator there are none.
func (c *txnCase) committed(t *testing.T) map[int32]int64 {
	t.Helper()
	offsets, err := c.admin.FetchOffsets(within(t), "group-of-"+c.In)
	at := make(map[int32]int64)
	if err != nil {
		return at
	}
	for partition, offset := range offsets[c.In] {
		at[partition] = offset.At
	}
	return at
}

// goesOn waits until some more messages have taken effect in each partition.
func (c *txnCase) goesOn(t *testing.T, when string) {
	t.Helper()
	before := c.committed(t)
	eventually(t, "commits in each partition "+when, func() bool {
		now := c.committed(t)
		for partition := range int32(txnPartitions) {
			if now[partition] < before[partition]+20 {
				return false
			}
		}
		return true
	})
}

// goesOnBy waits until so many more messages have taken effect.
func (c *txnCase) goesOnBy(t *testing.T, messages int64) {
	t.Helper()
	total := func() (sum int64) {
		for _, at := range c.committed(t) {
			sum += at
		}
		return sum
	}
	before := total()
	eventually(t, "some more commits", func() bool { return total() >= before+messages })
}

// exactlyOnce waits until all messages are committed, and counts their effects.
func (c *txnCase) exactlyOnce(t *testing.T, fed map[int32]int64) {
	t.Helper()
	eventually(t, "all messages to be committed", func() bool {
		at := c.committed(t)
		for partition, count := range fed {
			if at[partition] < count {
				return false
			}
		}
		return true
	})
	total := int64(0)
	for _, count := range fed {
		total += count
	}
	for _, topic := range []string{c.Out, c.Out + "-audit"} {
		effects, last := make(map[string]int), make(map[string]string)
		outOfOrder := 0
		for partition, records := range c.readCommitted(t, topic) {
			for _, record := range records {
				effects[string(record.Value)]++
				from := fmt.Sprint(partition, " ", strings.Split(string(record.Value), "/")[0])
				if string(record.Value) < last[from] {
					outOfOrder++
				}
				last[from] = string(record.Value)
			}
		}
		missing, twice := 0, 0
		for partition, count := range fed {
			for offset := range count {
				switch effects[fmt.Sprintf("%d/%08d", partition, offset)] {
				case 0:
					missing++
				case 1:
				default:
					twice++
				}
			}
		}
		t.Logf("%s: %d messages, %d missing, %d twice, %d out of order", topic, total, missing, twice, outOfOrder)
		if missing+twice+outOfOrder > 0 || int64(len(effects)) != total {
			t.Errorf("%s: %d effects of %d messages, %d missing, %d twice, %d out of order", topic, len(effects), total, missing, twice, outOfOrder)
		}
	}
}

// readCommitted is what a reader of a topic sees, by partition, in order.
func (s *stand) readCommitted(t *testing.T, topic string) map[int32][]*kgo.Record {
	t.Helper()
	ends, err := s.admin.ListEndOffsets(within(t), topic)
	must(t, "list the ends of "+topic, err)
	from, next := make(map[int32]kgo.Offset), make(map[int32]int64)
	for partition := range ends[topic] {
		from[partition] = kgo.NewOffset().At(0)
	}
	client := s.newClient(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	all := make(map[int32][]*kgo.Record)
	behind := func() bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(from)), func(p int32) bool { return next[p] < ends[topic][p].Offset })
	}
	for behind() {
		fetches := client.PollFetches(within(t))
		must(t, "read topic "+topic, fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			next[record.Partition] = record.Offset + 1
			if !record.Attrs.IsControl() {
				all[record.Partition] = append(all[record.Partition], record)
			}
		})
	}
	return all
}

package kafkaadmin

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestResidueIsNoWork(t *testing.T) {
	cases := map[string]struct {
		reason    string
		arrange   func(*rig)
		committed int64
		empty     [2]bool // read_uncommitted, read_committed
	}{
		"Record": {
			reason:  "a poison message: unread and a record",
			arrange: func(r *rig) { r.produce("orders", 2, time.Time{}) }, committed: 1,
		},
		"Marker": {
			reason:  "the marker of a committed transaction",
			arrange: func(r *rig) { r.end(r.begin("payments", "orders", 2), kgo.TryCommit) }, committed: 2,
			empty: [2]bool{true, true},
		},
		"RecordBeforeMarker": {
			reason:  "the record is work, its marker is not",
			arrange: func(r *rig) { r.end(r.begin("payments", "orders", 2), kgo.TryCommit) }, committed: 1,
		},
		"Aborted": {
			reason:  "aborted records are records to who reads uncommitted ones",
			arrange: func(r *rig) { r.end(r.begin("payments", "orders", 2), kgo.TryAbort) }, committed: 0,
			empty: [2]bool{false, true},
		},
		"NoCommit": {
			reason:  "a new group of a topic in which there are only aborted records",
			arrange: func(r *rig) { r.end(r.begin("payments", "orders", 2), kgo.TryAbort) }, committed: kafka.NoOffset,
			empty: [2]bool{false, true},
		},
		"AbortedThenRecord": {
			reason: "a record behind them is work for both",
			arrange: func(r *rig) {
				r.end(r.begin("payments", "orders", 2), kgo.TryAbort)
				r.produce("orders", 1, time.Time{})
			},
		},
		"OpenTransaction": {
			reason: "what is above the last stable offset is not asked for",
			arrange: func(r *rig) {
				r.end(r.begin("payments", "orders", 2), kgo.TryAbort)
				r.begin("others", "orders", 1)
			},
			empty: [2]bool{false, true},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			c.arrange(r)
			for _, group := range []string{"fast", "careful"} {
				if c.committed >= 0 {
					r.commit(group, "orders", 0, c.committed)
				}
			}
			fast, careful := reads("fast", kafka.ReadUncommitted, "orders"), reads("careful", kafka.ReadCommitted, "orders")
			for _, s := range r.cycle(fast, careful) {
				if r.partition(s).Empty {
					t.Errorf("%s: said to be empty before anybody looked", c.reason)
				}
			}
			r.cycles(fast, careful)
			for i, s := range r.cycle(fast, careful) {
				if p := r.partition(s); p.Empty != c.empty[i] || p.Committed >= p.End {
					t.Errorf("%s: isolation %d: %+v", c.reason, i, p)
				}
			}
			if fetches := received[*kmsg.FetchRequest](r); len(fetches) != 2 {
				t.Errorf("%s: %d fetches, want one for each isolation level", c.reason, len(fetches))
			}
		})
	}
}

// TestLargeRecordIsFound has, among partitions with small records, one whose
// first batch is larger than a fetch's share of it: the broker then leaves it
// out of its answer.
func TestLargeRecordIsFound(t *testing.T) {
	const partitions = 5
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"))
	producer := newProducer(t, r.Cluster)
	for p := range int32(partitions) {
		size := 10 + int(p)*(lookBytes/2)
		record := &kgo.Record{Topic: "orders", Partition: p, Value: []byte(strings.Repeat("x", size))}
		if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := reads("billing", "", "orders")
	r.cycles(s)
	for range partitions {
		for _, p := range r.cycle(s)[0].Topics[0].Partitions {
			if p.Empty || p.Err != nil {
				t.Fatalf("a partition with a record is said to be empty: %+v", p)
			}
		}
	}
	now := time.Now()
	for p := range r.client.book.topics["orders"].partitions {
		if tail := &r.client.book.topics["orders"].partitions[p].tails[0]; tail.record != 1 || tail.due(now) {
			t.Errorf("the record of partition %d was not found: %+v", p, tail)
		}
	}
}

// TestLongResidueIsReadInParts has more markers than a fetch answers at once.
func TestLongResidueIsReadInParts(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	producer := newProducer(t, r.Cluster, kgo.TransactionalID("payments"))
	value := []byte(strings.Repeat("x", lookBytes/2))
	for range 5 {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		r.end(producer, kgo.TryAbort)
	}
	s := reads("billing", kafka.ReadCommitted, "orders")
	r.cycles(s)
	for range 5 {
		r.cycle(s)
	}
	if p := r.partition(r.cycle(s)[0]); !p.Empty {
		t.Errorf("40 KiB of aborted records are not seen to be none: %+v", p)
	}
	if fetches := received[*kmsg.FetchRequest](r); len(fetches) < 3 {
		t.Errorf("%d fetches for 40 KiB", len(fetches))
	}
	r.produce("orders", 1, time.Time{})
	if p := r.partition(r.cycle(s)[0]); p.Empty {
		t.Error("a record came, and the partition is still said to be empty")
	}
}

func TestFetchThatFailsHarmsNothingElse(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	r.produce("orders", 2, time.Time{})
	fetches := r.answer(kmsg.Fetch, func(response kmsg.Response) {
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.RecordBatches = damagedBatch()
		response.(*kmsg.FetchResponse).Topics = []kmsg.FetchResponseTopic{{Topic: "orders", Partitions: []kmsg.FetchResponseTopicPartition{partition}}}
	})
	s := reads("billing", "", "orders")
	r.cycles(s)
	for range 5 {
		if p := r.partition(r.cycle(s)[0]); p.Empty || p.End != 2 {
			t.Errorf("after a fetch that can't be decoded: %+v", p)
		}
	}
	if fetches.Load() != 1 {
		t.Errorf("%d fetches of what can't be read, want one in %v", fetches.Load(), longRespite)
	}
}

// TestDamagedBatchHidesNoNeighbour has one damaged batch among partitions with
// records. Their one answer can't be decoded.
func TestDamagedBatchHidesNoNeighbour(t *testing.T) {
	const partitions, damaged = 3, 1
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"))
	producer := newProducer(t, r.Cluster)
	for p := range int32(partitions) {
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: p, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r.KeepControl()
		for _, asked := range request.(*kmsg.FetchRequest).Topics[0].Partitions {
			if asked.Partition == damaged {
				partition := kmsg.FetchResponseTopicPartition{Partition: damaged, RecordBatches: damagedBatch()}
				response := request.ResponseKind().(*kmsg.FetchResponse)
				response.Topics = []kmsg.FetchResponseTopic{{Topic: "orders", Partitions: []kmsg.FetchResponseTopicPartition{partition}}}
				return response, nil, true
			}
		}
		return nil, nil, false
	})
	s := reads("billing", "", "orders")
	r.cycles(s)
	for range partitions {
		r.cycle(s)
	}
	for p := range r.client.book.topics["orders"].partitions {
		tail := &r.client.book.topics["orders"].partitions[p].tails[0]
		if found := tail.record == 1; found == (p == damaged) || tail.due(time.Now()) {
			t.Errorf("partition %d: %+v", p, tail)
		}
	}
}

// damagedBatch is a batch of 100 bytes in the format of today, whose checksum
// is wrong.
func damagedBatch() []byte {
	batch := make([]byte, 100)
	binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
	batch[16] = 2
	return batch
}

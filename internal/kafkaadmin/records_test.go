package kafkaadmin

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// batchOf is a batch from the offset on with records at the deltas, and with the
// last one's offset gone by compaction if last is beyond it.
func batchOf(first int64, last int32, deltas ...int64) *sarama.RecordBatch {
	b := &sarama.RecordBatch{FirstOffset: first, LastOffsetDelta: last, ProducerID: -1}
	for _, d := range deltas {
		b.Records = append(b.Records, &sarama.Record{OffsetDelta: d})
	}
	return b
}

func by(producer int64, b *sarama.RecordBatch) *sarama.RecordBatch {
	b.ProducerID = producer
	return b
}

func transactional(producer int64, b *sarama.RecordBatch) *sarama.RecordBatch {
	b.IsTransactional = true
	return by(producer, b)
}

func marker(producer, at int64, kind byte) *sarama.RecordBatch {
	b := transactional(producer, batchOf(at, 0, 0))
	b.Control = true
	b.Records[0].Key = []byte{0, 0, 0, kind}
	return b
}

const abortMarker, commitMarker = 0, 1

func partial() *sarama.RecordBatch { return &sarama.RecordBatch{PartialTrailingRecord: true} }

func TestFirstRecord(t *testing.T) {
	type aborted = sarama.AbortedTransaction
	cases := map[string]struct {
		reason  string
		batches []*sarama.RecordBatch
		aborted []*aborted
		from    int64
		// By isolation level: read_uncommitted, read_committed.
		at    [2]int64
		found [2]bool
		cut   bool
	}{
		"Record": {
			reason:  "the first at or above",
			batches: []*sarama.RecordBatch{batchOf(10, 2, 0, 1, 2)},
			from:    11, at: [2]int64{11, 11}, found: [2]bool{true, true},
		},
		"Nothing": {
			reason: "an answer without batches ends where it began",
			from:   11, at: [2]int64{11, 11},
		},
		"Marker": {
			reason:  "a transaction's marker is no record",
			batches: []*sarama.RecordBatch{marker(4, 11, commitMarker)},
			from:    11, at: [2]int64{12, 12},
		},
		"CompactedTail": {
			reason:  "the batch has lost its last records, and ends where it ended",
			batches: []*sarama.RecordBatch{batchOf(10, 9, 0, 1)},
			from:    12, at: [2]int64{20, 20},
		},
		"CompactedMiddle": {
			reason:  "a hole and then a record",
			batches: []*sarama.RecordBatch{batchOf(10, 9, 0, 7)},
			from:    12, at: [2]int64{17, 17}, found: [2]bool{true, true},
		},
		"Aborted": {
			reason:  "aborted records are read only by who reads uncommitted ones",
			batches: []*sarama.RecordBatch{transactional(4, batchOf(10, 1, 0, 1)), marker(4, 12, abortMarker)},
			aborted: []*aborted{{ProducerID: 4, FirstOffset: 10}},
			from:    10, at: [2]int64{10, 13}, found: [2]bool{true, false},
		},
		"AbortedThenCommitted": {
			reason: "the producer's next transaction is another one",
			batches: []*sarama.RecordBatch{
				transactional(4, batchOf(10, 0, 0)), marker(4, 11, abortMarker),
				transactional(4, batchOf(12, 0, 0)), marker(4, 13, commitMarker),
			},
			aborted: []*aborted{{ProducerID: 4, FirstOffset: 10}},
			from:    10, at: [2]int64{10, 12}, found: [2]bool{true, true},
		},
		"CommittedThenAborted": {
			reason: "the aborted transaction begins further on",
			batches: []*sarama.RecordBatch{
				transactional(4, batchOf(10, 0, 0)), marker(4, 11, commitMarker), transactional(4, batchOf(12, 0, 0)),
			},
			aborted: []*aborted{{ProducerID: 4, FirstOffset: 12}},
			from:    10, at: [2]int64{10, 10}, found: [2]bool{true, true},
		},
		"OtherProducer": {
			reason:  "one producer aborted, the other's record counts",
			batches: []*sarama.RecordBatch{transactional(4, batchOf(10, 0, 0)), transactional(5, batchOf(11, 0, 0)), batchOf(12, 0, 0)},
			aborted: []*aborted{{ProducerID: 4, FirstOffset: 3}, {ProducerID: 5, FirstOffset: 11}},
			from:    10, at: [2]int64{10, 12}, found: [2]bool{true, true},
		},
		"OutsideOfTransactions": {
			reason:  "a record that is in no transaction can't be aborted",
			batches: []*sarama.RecordBatch{transactional(4, batchOf(10, 0, 0)), by(4, batchOf(11, 0, 0))},
			aborted: []*aborted{{ProducerID: 4, FirstOffset: 10}},
			from:    10, at: [2]int64{10, 11}, found: [2]bool{true, true},
		},
		"Cut": {
			reason:  "a first batch that is not whole can't be judged",
			batches: []*sarama.RecordBatch{partial()},
			from:    10, at: [2]int64{10, 10}, cut: true,
		},
	}
	for name, c := range cases {
		for i, isolation := range []kafka.Isolation{kafka.ReadUncommitted, kafka.ReadCommitted} {
			t.Run(name+"/"+string(isolation), func(t *testing.T) {
				block := &sarama.FetchResponseBlock{AbortedTransactions: c.aborted}
				for _, b := range c.batches {
					block.RecordsSet = append(block.RecordsSet, &sarama.Records{RecordBatch: b})
				}
				at, found, cut := firstRecord(block, c.from, isolation)
				if at != c.at[i] || found != c.found[i] || cut != c.cut {
					t.Errorf("%s: got %d, found %v, cut %v, want %d, %v, %v", c.reason, at, found, cut, c.at[i], c.found[i], c.cut)
				}
			})
		}
	}
}

func TestFirstRecordOfOldFormats(t *testing.T) {
	set := &sarama.MessageSet{Messages: []*sarama.MessageBlock{{Offset: 3}, {Offset: 8}}}
	block := &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{MsgSet: set}}}
	if at, found, _ := firstRecord(block, 5, kafka.ReadCommitted); at != 8 || !found {
		t.Errorf("got %d, found %v, want the message at 8", at, found)
	}
	set.Messages, set.PartialTrailingMessage = nil, true
	if _, found, cut := firstRecord(block, 5, kafka.ReadCommitted); found || !cut {
		t.Errorf("half a message: found %v, cut %v", found, cut)
	}
}

// TestTakeTrustsNothingOnlyWhenAlone guards against a batch that is larger than
// the room left in an answer: the broker then sends nothing of its partition.
func TestTakeTrustsNothingOnlyWhenAlone(t *testing.T) {
	nothing, at := &sarama.FetchResponseBlock{}, position{from: 90, end: 100}
	tail := watched(90, 100)
	for _, how := range []care{among, alone} {
		tail.take(at, nothing, looks{care: how}, noon)
		if tail.isEmpty(90, 100) || tail.care != how+1 || !tail.due(cycleAt(20)) {
			t.Fatalf("nothing, with care %d: %+v", how, tail)
		}
	}
	tail.take(at, nothing, looks{care: patient}, noon)
	if !tail.isEmpty(90, 100) {
		t.Errorf("nothing, asked with patience: %+v", tail)
	}
	cut := &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{RecordBatch: partial()}}}
	tail = watched(90, 100)
	if tail.take(at, cut, looks{}, noon); tail.care != alone || tail.record != 0 {
		t.Errorf("half a batch among others: %+v", tail)
	}
	tail.take(at, cut, looks{care: alone}, noon)
	if tail.isEmpty(90, 100) || tail.due(cycleAt(20)) {
		t.Errorf("half a batch even alone counts as a record: %+v", tail)
	}
}

// TestTakeIsOfTheEndAskedFor has records come while a fetch is under way.
func TestTakeIsOfTheEndAskedFor(t *testing.T) {
	tail := watched(90, 100)
	tail.sight(90, 105, cycleAt(lookAfter))
	tail.take(position{from: 90, end: 100}, &sarama.FetchResponseBlock{}, looks{care: patient}, noon)
	if tail.isEmpty(90, 105) || tail.next() != 100 {
		t.Errorf("nothing up to 100 is no word of 105: %+v", tail)
	}
}

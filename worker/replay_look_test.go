package worker

import (
	"testing"

	"github.com/IBM/sarama"
)

// batchOf has records at the offsets, and goes up to last.
func batchOf(first, last int64, offsets ...int64) *sarama.Records {
	batch := &sarama.RecordBatch{FirstOffset: first, LastOffsetDelta: int32(last - first), Version: 2}
	for _, offset := range offsets {
		batch.Records = append(batch.Records, &sarama.Record{OffsetDelta: offset - first})
	}
	return &sarama.Records{RecordBatch: batch}
}

func transactional(records *sarama.Records) *sarama.Records {
	records.RecordBatch.IsTransactional, records.RecordBatch.ProducerID = true, 7
	return records
}

// marker is the end of a transaction of producer 7.
func marker(offset int64, kind byte) *sarama.Records {
	records := transactional(batchOf(offset, offset, offset))
	records.RecordBatch.Control = true
	records.RecordBatch.Records[0].Key = []byte{0, 0, 0, kind}
	return records
}

func TestFirstReadable(t *testing.T) {
	const aborted, committed = 0, 1
	partial := batchOf(10, 19)
	partial.RecordBatch.PartialTrailingRecord = true
	cases := map[string]struct {
		reason  string
		level   sarama.IsolationLevel
		aborted []int64 // where aborted transactions of producer 7 begin
		set     []*sarama.Records
		next    int64
		found   bool
	}{
		"Message":     {reason: "the next offset", set: []*sarama.Records{batchOf(8, 12, 8, 9, 10, 11, 12)}, next: 10, found: true},
		"Gap":         {reason: "compaction has removed what was next", set: []*sarama.Records{batchOf(8, 12, 8, 12)}, next: 12, found: true},
		"Hole":        {reason: "nothing is left of the end of the batch", set: []*sarama.Records{batchOf(8, 12, 8, 9)}, next: 13},
		"Marker":      {reason: "a marker is no message", set: []*sarama.Records{marker(10, committed)}, next: 11},
		"Behind":      {reason: "a message behind a marker", set: []*sarama.Records{marker(10, committed), batchOf(11, 11, 11)}, next: 11, found: true},
		"Nothing":     {reason: "the broker has not answered yet", next: 10},
		"Partial":     {reason: "what is cut is not known", set: []*sarama.Records{partial}, next: 10},
		"CutBehind":   {reason: "a marker, and a batch that is cut", set: []*sarama.Records{marker(10, committed), partial}, next: 11},
		"Old":         {reason: "the format before transactions", set: []*sarama.Records{{MsgSet: &sarama.MessageSet{}}}, next: 10, found: true},
		"Uncommitted": {reason: "aborted messages are read", aborted: []int64{10}, set: []*sarama.Records{transactional(batchOf(10, 11, 10, 11))}, next: 10, found: true},
		"Aborted": {reason: "aborted messages are not read", level: sarama.ReadCommitted, aborted: []int64{10},
			set: []*sarama.Records{transactional(batchOf(10, 11, 10, 11)), marker(12, aborted)}, next: 13},
		"Begun": {reason: "an aborted transaction that began before", level: sarama.ReadCommitted, aborted: []int64{3},
			set: []*sarama.Records{transactional(batchOf(10, 11, 10, 11)), marker(12, aborted)}, next: 13},
		"SameProducer": {reason: "the next transaction of its producer was committed", level: sarama.ReadCommitted, aborted: []int64{10},
			set:  []*sarama.Records{transactional(batchOf(10, 10, 10)), marker(11, aborted), transactional(batchOf(12, 12, 12)), marker(13, committed)},
			next: 12, found: true},
		"Other": {reason: "messages of no transaction among aborted ones", level: sarama.ReadCommitted, aborted: []int64{10},
			set: []*sarama.Records{transactional(batchOf(10, 10, 10)), batchOf(11, 11, 11), marker(12, aborted)}, next: 11, found: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			block := &sarama.FetchResponseBlock{RecordsSet: tc.set}
			for _, first := range tc.aborted {
				block.AbortedTransactions = append(block.AbortedTransactions, &sarama.AbortedTransaction{ProducerID: 7, FirstOffset: first})
			}
			if next, found := firstReadable(block, 10, tc.level); next != tc.next || found != tc.found {
				t.Errorf("%s: %d, %t; want %d, %t", tc.reason, next, found, tc.next, tc.found)
			}
		})
	}
}

package kafkaadmin

import (
	"encoding/binary"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// firstRecord is the offset of the first record at or above from that a
// consumer of the isolation level is given. Without one it is where the answer
// ends. cut is set when a batch there is not whole, so that its records can't be
// told.
func firstRecord(block *sarama.FetchResponseBlock, from int64, isolation kafka.Isolation) (at int64, found, cut bool) {
	at = from
	hidden := hiding(block, isolation)
	for _, records := range block.RecordsSet {
		if records.RecordBatch == nil {
			return firstMessage(records.MsgSet, at)
		}
		batch := records.RecordBatch
		if batch.PartialTrailingRecord {
			return at, false, true
		}
		hide := hidden(batch)
		if offset, some := firstOf(batch, from); some && !hide {
			return offset, true, false
		}
		at = max(at, batch.LastOffset()+1)
	}
	return at, false, block.Partial
}

func firstOf(batch *sarama.RecordBatch, from int64) (offset int64, some bool) {
	for _, r := range batch.Records {
		if offset := batch.FirstOffset + r.OffsetDelta; offset >= from {
			return offset, true
		}
	}
	return 0, false
}

// firstMessage is firstRecord for records of the time before Kafka 0.11, which
// know no transactions. A compressed set has the offset of its last message.
func firstMessage(set *sarama.MessageSet, from int64) (at int64, found, cut bool) {
	if set == nil {
		return from, false, true
	}
	for _, m := range set.Messages {
		if m.Offset >= from {
			return m.Offset, true, false
		}
	}
	return from, false, set.PartialTrailingMessage
}

// hiding returns what tells whether a consumer is not given the records of a
// batch. It must be asked for each batch, in their order.
func hiding(block *sarama.FetchResponseBlock, isolation kafka.Isolation) func(*sarama.RecordBatch) bool {
	if isolation != kafka.ReadCommitted {
		return func(batch *sarama.RecordBatch) bool { return batch.Control }
	}
	a := aborted{begins: block.AbortedTransactions, open: map[int64]bool{}}
	return a.hides
}

// aborted are the transactions that were aborted: those that begin further on,
// and the producers whose one has begun. It ends with its marker.
type aborted struct {
	begins []*sarama.AbortedTransaction
	open   map[int64]bool
}

func (a *aborted) hides(batch *sarama.RecordBatch) bool {
	var left []*sarama.AbortedTransaction
	for _, t := range a.begins {
		if t.FirstOffset <= batch.LastOffset() {
			a.open[t.ProducerID] = true
		} else {
			left = append(left, t)
		}
	}
	a.begins = left
	if batch.Control {
		if isAbort(batch) {
			delete(a.open, batch.ProducerID)
		}
		return true
	}
	return batch.IsTransactional && a.open[batch.ProducerID]
}

// isAbort tells whether a control batch is the marker of an aborted transaction:
// its record's key is the format's version and the type, two bytes each, and 0
// is abort.
func isAbort(batch *sarama.RecordBatch) bool {
	return len(batch.Records) > 0 && len(batch.Records[0].Key) >= 4 &&
		binary.BigEndian.Uint16(batch.Records[0].Key[2:]) == 0
}

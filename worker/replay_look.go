package worker

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/IBM/sarama"
)

// lookBytes bounds one look. A first batch that is larger is sent all the same.
const lookBytes = 256 << 10

// look finds out whether anything is left of the partition that sarama will
// hand out. It reads on from where reading stands, and remembers how far it
// found nothing: a long run of aborted messages is looked through once.
func (r *replayReader) look() {
	r.bare = max(r.bare, r.next)
	for r.bare < r.to {
		block, err := r.fetch(r.bare)
		if err != nil {
			r.log.Debug("looking for what is left failed, trying on", "partition", r.Partition, "error", r.explained(err).Error())
			return
		}
		next, found := firstReadable(block, r.bare, r.client.Config().Consumer.IsolationLevel)
		if next == r.bare {
			return // there is a message, or the broker has not answered yet
		}
		r.bare = next
		if found && next < r.to {
			return
		}
	}
	r.reach(r.to)
}

func (r *replayReader) fetch(offset int64) (*sarama.FetchResponseBlock, error) {
	leader, err := r.client.Leader(r.Topic, r.Partition)
	if err != nil {
		return nil, fmt.Errorf("find the leader: %w", err)
	}
	settings := r.client.Config().Consumer
	request := &sarama.FetchRequest{
		Version: 11, MinBytes: 1, MaxBytes: lookBytes, SessionEpoch: -1, // of no fetch session
		MaxWaitTime: int32(settings.MaxWaitTime.Milliseconds()), Isolation: settings.IsolationLevel,
	}
	request.AddBlock(r.Topic, r.Partition, offset, lookBytes, -1)
	response, err := leader.Fetch(request)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	block := response.GetBlock(r.Topic, r.Partition)
	switch {
	case block == nil:
		return nil, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		return nil, block.Err
	}
	return block, nil
}

// firstReadable is the offset of the first message, at the given offset or
// behind it, that a consumer is given; found says that there is one. Without
// one it is where the answer ends.
func firstReadable(block *sarama.FetchResponseBlock, from int64, isolation sarama.IsolationLevel) (next int64, found bool) {
	if len(block.RecordsSet) == 0 {
		return max(from, emptyEnd(block)), false
	}
	hidden := aborts{begin: block.AbortedTransactions, open: make(map[int64]bool)}
	for _, records := range block.RecordsSet {
		batch := records.RecordBatch
		if batch == nil {
			return from, true // of the time before Kafka 0.11: messages, and no markers
		}
		if batch.PartialTrailingRecord {
			return from, false
		}
		hide := hidden.hides(batch)
		if offset, some := firstOf(batch, from); some && !batch.Control && (isolation == sarama.ReadUncommitted || !hide) {
			return offset, true
		}
		from = max(from, batch.LastOffset()+1)
	}
	return from, false
}

func firstOf(batch *sarama.RecordBatch, from int64) (offset int64, some bool) {
	for _, record := range batch.Records {
		if offset := batch.FirstOffset + record.OffsetDelta; offset >= from {
			return offset, true
		}
	}
	return 0, false
}

// emptyEnd is the offset behind the last batch of an answer whose batches have no
// records, 0 without any batch. Compaction leaves such batches, for their
// producers' sequence numbers. sarama drops them from what it shows, and notes
// this offset for its own consumer alone. Without it they look the same as
// nothing, which is also what a broker says that did not get old messages from
// a remote store in time: there a replay must wait, and not end.
func emptyEnd(block *sarama.FetchResponseBlock) int64 {
	noted := reflect.ValueOf(block).Elem().FieldByName("recordsNextOffset")
	if !noted.IsValid() || noted.IsNil() {
		return 0
	}
	return noted.Elem().Int()
}

// aborts are the transactions of an answer that were aborted: those that begin
// further on, and the producers whose one has begun. It ends with its marker.
type aborts struct {
	begin []*sarama.AbortedTransaction
	open  map[int64]bool
}

// hides tells whether the batch is of an aborted transaction. It must be asked
// for each batch, in their order.
func (a *aborts) hides(batch *sarama.RecordBatch) bool {
	var left []*sarama.AbortedTransaction
	for _, transaction := range a.begin {
		if transaction.FirstOffset <= batch.LastOffset() {
			a.open[transaction.ProducerID] = true
		} else {
			left = append(left, transaction)
		}
	}
	a.begin = left
	if marksAbort(batch) {
		delete(a.open, batch.ProducerID)
	}
	return batch.IsTransactional && a.open[batch.ProducerID]
}

// marksAbort tells whether the batch is the marker of an aborted transaction: its
// record's key is a version and a type, two bytes each, and type 0 is abort.
func marksAbort(batch *sarama.RecordBatch) bool {
	return batch.Control && len(batch.Records) > 0 && len(batch.Records[0].Key) >= 4 &&
		binary.BigEndian.Uint16(batch.Records[0].Key[2:]) == 0
}

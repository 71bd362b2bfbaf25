package worker

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// requestBytes is about what one request has at most.
const requestBytes = 16 << 20

// batchQueues are what is still to be produced, in order, by partition.
type batchQueues map[kafka.TopicPartition][]*batch

// batch is what a partition's log takes as one.
type batch struct {
	*sarama.RecordBatch
	bytes int
}

// divide chooses the partition of each record and makes batches.
func (l *ledger) divide(ctx context.Context, records []*sarama.ProducerMessage) (batchQueues, error) {
	queues := make(batchQueues)
	for _, record := range records {
		tp, err := l.choose(ctx, record)
		if err != nil {
			return nil, err
		}
		queue := queues[tp]
		bytes := record.ByteSize(recordVersion)
		if len(queue) == 0 || queue[len(queue)-1].bytes+bytes > l.settings.MaxMessageBytes {
			queue = append(queue, l.newBatch(record.Timestamp))
			queues[tp] = queue
		}
		queue[len(queue)-1].append(record, bytes)
	}
	for tp, queue := range queues {
		for _, b := range queue {
			b.FirstSequence = l.sequences[tp]
			l.sequences[tp] = sequenceAfter(b.FirstSequence, len(b.Records))
		}
	}
	return queues, nil
}

// sequenceAfter is the one that many later. After 2^31 - 1 comes 0.
func sequenceAfter(sequence int32, records int) int32 {
	return int32((int64(sequence) + int64(records)) & (1<<31 - 1))
}

// choose waits for a topic that is not there.
func (l *ledger) choose(ctx context.Context, record *sarama.ProducerMessage) (kafka.TopicPartition, error) {
	tp := kafka.TopicPartition{Topic: record.Topic}
	numbers, err := l.client.Partitions(record.Topic)
	for try := 0; err != nil && passes(err) && l.pause(ctx, try); try++ {
		numbers, err = l.client.Partitions(record.Topic)
	}
	if err != nil {
		return tp, orRefused(produceError(record.Topic, err))
	}
	partitioner := l.partitioners[record.Topic]
	if partitioner == nil {
		partitioner = l.settings.Partitioner.constructor()(record.Topic)
		l.partitioners[record.Topic] = partitioner
	}
	choice, err := partitioner.Partition(record, int32(len(numbers)))
	if err != nil {
		return tp, orRefused(produceError(record.Topic, err))
	}
	tp.Partition = numbers[choice]
	return tp, nil
}

func (l *ledger) newBatch(first time.Time) *batch {
	settings := l.client.Config().Producer
	return &batch{RecordBatch: &sarama.RecordBatch{
		Version: recordVersion, Codec: settings.Compression, CompressionLevel: settings.CompressionLevel,
		ProducerID: l.producerID, ProducerEpoch: l.epoch, IsTransactional: true,
		FirstTimestamp: first.Truncate(time.Millisecond),
	}}
}

func (b *batch) append(message *sarama.ProducerMessage, bytes int) {
	record := &sarama.Record{
		OffsetDelta:    int64(len(b.Records)),
		TimestampDelta: message.Timestamp.Truncate(time.Millisecond).Sub(b.FirstTimestamp),
		Key:            decoded(message.Key), Value: decoded(message.Value),
	}
	for i := range message.Headers {
		record.Headers = append(record.Headers, &message.Headers[i])
	}
	b.LastOffsetDelta = int32(record.OffsetDelta)
	b.Records = append(b.Records, record)
	if at := b.FirstTimestamp.Add(record.TimestampDelta); at.After(b.MaxTimestamp) {
		b.MaxTimestamp = at
	}
	b.bytes += bytes
}

func decoded(content sarama.Encoder) []byte {
	if content == nil {
		return nil
	}
	return content.(sarama.ByteEncoder) // of Outgoing.record
}

// produce sends one batch of each partition after the other until none is left.
func (l *ledger) produce(ctx context.Context, queues batchQueues) error {
	for try := 0; len(queues) > 0; {
		failures := l.round(queues)
		if len(failures) == 0 {
			try = 0
			continue
		}
		err := worst(failures)
		if !passes(err) || !l.pause(ctx, try) {
			return orRefused(err)
		}
		try++
		_ = l.client.RefreshMetadata(queues.topics()...) // the next round finds out
	}
	return nil
}

func (q batchQueues) topics() []string {
	claims := make(map[string][]int32)
	for tp := range q {
		claims[tp.Topic] = append(claims[tp.Topic], tp.Partition)
	}
	return claimedTopics(claims)
}

// round sends the first batch of each partition to its leader, to all leaders
// at once, and takes those that are appended off the queues.
func (l *ledger) round(queues batchQueues) (failures []error) {
	requests, failures := l.requests(queues)
	var mutex sync.Mutex
	var asking sync.WaitGroup
	for leader, sent := range requests {
		asking.Go(func() {
			response, err := leader.Produce(sent.request)
			if err != nil && lostOnTheWay(err) {
				_ = leader.Close()
			}
			mutex.Lock()
			defer mutex.Unlock()
			for _, tp := range sent.partitions {
				if err := appended(response, err, tp); err != nil {
					failures = append(failures, produceError(tp.Topic, err))
					continue
				}
				queues.pop(tp)
			}
		})
	}
	asking.Wait()
	return failures
}

func (q batchQueues) pop(tp kafka.TopicPartition) {
	if q[tp] = q[tp][1:]; len(q[tp]) == 0 {
		delete(q, tp)
	}
}

// appended is nil if the log has the batch, perhaps since an earlier try.
func appended(response *sarama.ProduceResponse, err error, tp kafka.TopicPartition) error {
	if err != nil {
		return err
	}
	block := response.GetBlock(tp.Topic, tp.Partition)
	switch {
	case block == nil:
		return sarama.ErrIncompleteResponse
	case block.Err == sarama.ErrDuplicateSequenceNumber:
		return nil
	}
	return codeOf(block.Err)
}

// leaderRequest is what one leader is sent in a round.
type leaderRequest struct {
	request    *sarama.ProduceRequest
	partitions []kafka.TopicPartition
	bytes      int
}

func (l *ledger) requests(queues batchQueues) (requests map[*sarama.Broker]*leaderRequest, failures []error) {
	requests = make(map[*sarama.Broker]*leaderRequest)
	for tp, queue := range queues {
		leader, err := l.client.Leader(tp.Topic, tp.Partition)
		if err != nil {
			failures = append(failures, produceError(tp.Topic, err))
			continue
		}
		if requests[leader] == nil {
			requests[leader] = &leaderRequest{request: l.newRequest()}
		}
		to := requests[leader]
		if to.bytes > requestBytes {
			continue // with a later round
		}
		to.request.AddBatch(tp.Topic, tp.Partition, queue[0].RecordBatch)
		to.partitions, to.bytes = append(to.partitions, tp), to.bytes+queue[0].bytes
	}
	return requests, failures
}

// The versions of the request since 2.1, and since 2.8, when it was encoded in
// another way. What came between and after is not needed.
const produceVersion, flexibleProduceVersion = 7, 9

func (l *ledger) newRequest() *sarama.ProduceRequest {
	version := int16(produceVersion)
	if l.client.Config().Version.IsAtLeast(sarama.V2_8_0_0) {
		version = flexibleProduceVersion
	}
	return &sarama.ProduceRequest{
		Version: version, TransactionalID: &l.id, RequiredAcks: sarama.WaitForAll,
		Timeout: int32(l.settings.RequestTimeout.Milliseconds()),
	}
}

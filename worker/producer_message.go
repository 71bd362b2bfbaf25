package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"go.opentelemetry.io/otel/propagation"
)

// Outgoing is a message to be produced. Its slices must not be changed before
// its result is known.
type Outgoing struct {
	// Topic must exist: a producer creates none.
	Topic string
	// Key is nil for a message without a key. Messages of one key keep their
	// order.
	Key []byte
	// Value is nil for a tombstone, which deletes the key from a compacted topic.
	Value []byte
	// Headers are sent in this order. Those of the trace context are added,
	// and replace ones of the same name.
	Headers []Header
	// Timestamp defaults to the moment in which the message is accepted.
	Timestamp time.Time
	// Partition is for PartitionManual, and for it alone.
	Partition *int32
}

// Receipt is where a message was written.
type Receipt struct {
	Partition int32
	// Offset is -1 where the broker doesn't tell it: with AcksNone, and where
	// it had the message already from a try whose answer was lost long ago.
	Offset int64
}

// nowhere is the receipt of a message that failed.
var nowhere = Receipt{Partition: -1, Offset: -1}

// recordVersion is that of the only format since Kafka 0.11.
const recordVersion = 2

// sending is one accepted message until its result is told.
type sending struct {
	record *sarama.ProducerMessage
	// lane is what keeps its order with StopOnError, "" for nothing.
	lane string
	// stops tells that a failure stops the lane until Resume.
	stops    bool
	size     int64
	accepted time.Time
	stretch  *stretch
	done     func(Receipt, error)
}

// newSending makes a fresh sarama message, with the trace context of ctx, or
// says why the message can't be sent.
func (p *Producer) newSending(ctx context.Context, message Outgoing, done func(Receipt, error)) (*sending, error) {
	if err := message.problem(p.settings.Partitioner); err != nil {
		return nil, err
	}
	message.Headers = traced(ctx, p.config.Propagator, message.Headers)
	sent := &sending{record: message.record(), lane: p.laneOf(message), accepted: time.Now(), done: done}
	sent.record.Metadata = sent
	var err error
	sent.size, err = p.settings.sizeOf(sent.record)
	return sent, err
}

// allow is the size of a message that can be sent, or says why it can't.
func (s ProducerSettings) allow(message Outgoing) (size int64, err error) {
	if err := message.problem(s.Partitioner); err != nil {
		return 0, err
	}
	return s.sizeOf(message.record())
}

func (s ProducerSettings) sizeOf(record *sarama.ProducerMessage) (size int64, err error) {
	size = int64(record.ByteSize(recordVersion))
	if size > int64(s.MaxMessageBytes) {
		return size, &tooLargeError{size: size, limit: s.MaxMessageBytes}
	}
	return size, nil
}

// problem is why the message can't be sent with this partitioner.
func (m Outgoing) problem(partitioner Partitioner) error {
	manual := partitioner == PartitionManual
	switch {
	case m.Topic == "":
		return errors.New("the message has no topic")
	case manual && m.Partition == nil:
		return fmt.Errorf("the message has no partition, which partitioner %q takes", PartitionManual)
	case !manual && m.Partition != nil:
		return fmt.Errorf("the message has a partition, which only partitioner %q takes", PartitionManual)
	}
	return nil
}

// record is a fresh message of sarama's. The timestamp is set here, so that a
// message has the same one however often it is tried.
func (m Outgoing) record() *sarama.ProducerMessage {
	record := &sarama.ProducerMessage{
		Topic: m.Topic, Key: encoded(m.Key), Value: encoded(m.Value), Timestamp: m.Timestamp, Offset: nowhere.Offset,
	}
	for _, header := range m.Headers {
		record.Headers = append(record.Headers, sarama.RecordHeader{Key: header.Key, Value: header.Value})
	}
	if m.Timestamp.IsZero() {
		record.Timestamp = time.Now()
	}
	if m.Partition != nil {
		record.Partition = *m.Partition
	}
	return record
}

// encoded keeps nil apart from empty: no key from an empty one, and a tombstone
// from an empty value.
func encoded(content []byte) sarama.Encoder {
	if content == nil {
		return nil
	}
	return sarama.ByteEncoder(content)
}

// traced adds the trace context of ctx to a copy of the headers, once for each
// message. An interceptor of sarama's would do it again with every retry.
func traced(ctx context.Context, propagator propagation.TextMapPropagator, headers []Header) []Header {
	carrier := outgoingHeaders{list: headers}
	propagator.Inject(ctx, &carrier)
	return carrier.list
}

// outgoingHeaders are headers that trace context is written to.
type outgoingHeaders struct{ list []Header }

var _ propagation.TextMapCarrier = (*outgoingHeaders)(nil)

// Get implements propagation.TextMapCarrier.
func (h *outgoingHeaders) Get(key string) string {
	for _, header := range slices.Backward(h.list) {
		if string(header.Key) == key {
			return string(header.Value)
		}
	}
	return ""
}

// Set implements propagation.TextMapCarrier. A message that is passed on brings
// the context of whoever sent it: that one is replaced.
func (h *outgoingHeaders) Set(key, value string) {
	list := make([]Header, 0, len(h.list)+1)
	for _, header := range h.list {
		if string(header.Key) != key {
			list = append(list, header)
		}
	}
	list = append(list, Header{Key: []byte(key), Value: []byte(value)})
	h.list = list
}

// Keys implements propagation.TextMapCarrier.
func (h *outgoingHeaders) Keys() []string {
	keys := make([]string, 0, len(h.list))
	for _, header := range h.list {
		keys = append(keys, string(header.Key))
	}
	return keys
}

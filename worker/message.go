package worker

import (
	"context"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// Handler handles one message. Returning nil finishes it; any error has it
// handed in again, after a pause, as Config.Retry says: a message is never
// skipped. A panic is an error like any other.
//
// The context ends after Config.MaxProcessingTime, or earlier when the
// partition or the process has to be given up and the drain deadline has
// passed. It is good until the handler returns, and must not be kept for
// longer. A handler that ignores it is abandoned where its partition or its
// process has to be given up: the message is handed in again, to the
// partition's next owner.
type Handler func(ctx context.Context, msg Message) error

// Middleware is what is done around a handler.
type Middleware func(next Handler) Handler

// Chain puts middleware around a handler, the first one outermost.
func Chain(handler Handler, middleware ...Middleware) Handler {
	for _, around := range slices.Backward(middleware) {
		handler = around(handler)
	}
	return handler
}

// Message is one Kafka record. Key and Value are the handler's to keep.
type Message struct {
	// Topic and Partition are where the message was read.
	Topic     string
	Partition int32
	// Offset is the position in the partition. Offsets ascend, with gaps.
	Offset int64
	// Key is nil for a message without a key, Value for a tombstone.
	Key, Value []byte
	// Headers are in the order in which they were produced.
	Headers []Header
	// Timestamp is the producer's or the broker's, as the topic is configured.
	Timestamp time.Time
}

// Header is one header of a message.
type Header struct {
	Key, Value []byte
}

func newMessage(record *sarama.ConsumerMessage) Message {
	return Message{
		Topic:     record.Topic,
		Partition: record.Partition,
		Offset:    record.Offset,
		Key:       record.Key,
		Value:     record.Value,
		Headers:   newHeaders(record.Headers),
		Timestamp: record.Timestamp,
	}
}

func newHeaders(of []*sarama.RecordHeader) []Header {
	if len(of) == 0 {
		return nil
	}
	headers := make([]Header, len(of))
	for i, header := range of {
		headers[i] = Header{Key: header.Key, Value: header.Value}
	}
	return headers
}

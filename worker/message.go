package worker

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Handler handles one message. Returning nil finishes it; any error has it
// handed in again, after a pause, until it succeeds or the partition is given
// up: a message is never skipped.
//
// The context ends after Config.MaxProcessingTime, or earlier when the
// partition or the process has to be given up and the drain deadline has
// passed. A handler that ignores its context holds up the rebalance.
type Handler func(ctx context.Context, msg Message) error

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
	headers := make([]Header, 0, len(record.Headers))
	for _, header := range record.Headers {
		headers = append(headers, Header{Key: header.Key, Value: header.Value})
	}
	return Message{
		Topic:     record.Topic,
		Partition: record.Partition,
		Offset:    record.Offset,
		Key:       record.Key,
		Value:     record.Value,
		Headers:   headers,
		Timestamp: record.Timestamp,
	}
}

func (m Message) topicPartition() kafka.TopicPartition {
	return kafka.TopicPartition{Topic: m.Topic, Partition: m.Partition}
}

package kafka

import (
	"cmp"
	"fmt"
)

// TopicPartition names one partition of one topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String renders the partition as Kafka's own tools do: "orders-3".
func (tp TopicPartition) String() string { return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition) }

// Compare orders partitions by topic, then by number.
func (tp TopicPartition) Compare(other TopicPartition) int {
	return cmp.Or(cmp.Compare(tp.Topic, other.Topic), cmp.Compare(tp.Partition, other.Partition))
}

// NoOffset is the committed offset of a partition that has no commit. It is
// also what the wire carries for it, and never a position.
const NoOffset int64 = -1

// InitialOffset is where a partition without a commit starts.
type InitialOffset string

// The two starting positions.
const (
	// InitialEarliest starts at the log start offset.
	InitialEarliest InitialOffset = "earliest"
	// InitialLatest starts at the log end offset.
	InitialLatest InitialOffset = "latest"
)

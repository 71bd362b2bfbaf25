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

// Isolation is which records a consumer reads.
type Isolation string

// The isolation levels, in Kafka's words.
const (
	// ReadUncommitted reads up to the high watermark, aborted records included.
	ReadUncommitted Isolation = "read_uncommitted"
	// ReadCommitted reads up to the last stable offset: the first open
	// transaction holds back everything after it.
	ReadCommitted Isolation = "read_committed"
)

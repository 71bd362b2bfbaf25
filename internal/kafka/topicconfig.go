package kafka

import (
	"strings"
	"time"
)

// TopicState is whether there is a topic to speak of.
type TopicState string

// The states of a topic.
const (
	// TopicExists: it exists, and its settings say which of them are known.
	TopicExists TopicState = "Exists"
	// TopicMissing: the cluster does not know the topic.
	TopicMissing TopicState = "Missing"
	// TopicUnread: the cluster did not say whether it exists; nothing of it is known.
	TopicUnread TopicState = "Unread"
)

// TopicConfig is what is known of a topic that producers write to.
type TopicConfig struct {
	Name  string
	State TopicState
	// Reason is why it is TopicUnread.
	Reason string
	// ID is zero where the brokers don't tell ids, which they do since Kafka 2.8.
	ID TopicID
	// Partitions is how many it has.
	Partitions Setting[int32]
	// ReplicationFactor is the lowest over its partitions.
	ReplicationFactor Setting[int32]

	// What follows is in force for the topic: its own configuration, or the brokers'.

	// MinInSyncReplicas is min.insync.replicas.
	MinInSyncReplicas Setting[int32]
	// MaxMessageBytes is max.message.bytes: of a batch, as compressed.
	MaxMessageBytes Setting[int64]
	// CleanupPolicy is cleanup.policy, such as "delete" or "compact,delete".
	CleanupPolicy Setting[CleanupPolicy]
	// UncleanElection is unclean.leader.election.enable.
	UncleanElection Setting[bool]
	// CompressionType is compression.type: "producer", or the codec that the
	// brokers write with, "uncompressed" for none.
	CompressionType Setting[string]
	// TimestampType is message.timestamp.type.
	TimestampType Setting[TimestampType]
	// TimestampBeforeMax and TimestampAfterMax are how far a timestamp may be
	// before and after the broker's clock; Forever for any.
	TimestampBeforeMax, TimestampAfterMax Setting[time.Duration]
	// Retention is retention.ms; Forever for any age.
	Retention Setting[time.Duration]
	// RetentionBytes is retention.bytes, of a partition; -1 for any size.
	RetentionBytes Setting[int64]
}

// Forever is a time limit that is never reached. Kafka writes it as -1, or as a
// number of milliseconds that no time.Duration holds.
const Forever time.Duration = 1<<63 - 1

// CleanupPolicy is what becomes of old messages.
type CleanupPolicy string

// Compacts tells whether the last message of each key is kept, which needs a key.
func (c CleanupPolicy) Compacts() bool { return c.has("compact") }

// Deletes tells whether old messages are deleted by age and size.
func (c CleanupPolicy) Deletes() bool { return c.has("delete") }

func (c CleanupPolicy) has(what string) bool {
	for one := range strings.SplitSeq(string(c), ",") {
		if strings.TrimSpace(one) == what {
			return true
		}
	}
	return false
}

// TimestampType is whose clock a message's timestamp is of.
type TimestampType string

// The timestamp types, in Kafka's words.
const (
	// CreateTime is the producer's.
	CreateTime TimestampType = "CreateTime"
	// LogAppendTime is the broker's.
	LogAppendTime TimestampType = "LogAppendTime"
)

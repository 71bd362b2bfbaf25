package kafka

import "time"

// GroupSample is what one poll cycle learned about one consumer group. It is
// immutable once handed out. What could not be read is an error in its place
// and never a number.
type GroupSample struct {
	// GroupID is the consumer group.
	GroupID string
	// ClusterID is the Kafka cluster's own id, empty while never learned.
	ClusterID string
	// At is when the cycle that produced the sample ended.
	At time.Time
	// ConnectionErr is set when no broker could be asked at all; then nothing
	// else in the sample but GroupID, ClusterID and At is set. It wraps
	// ErrUnreachable or another of this package's errors.
	ConnectionErr error
	// State is the group's state, StateUnknown when StateErr is set.
	State GroupState
	// StateErr says why state and members could not be read.
	StateErr error
	// Protocol is the name of the assignor that the members agreed on
	// ("range", "roundrobin", "sticky", ...), empty for a group without members.
	Protocol string
	// Members are the group's members, sorted by client id, then member id.
	Members []Member
	// Topics holds one entry for each topic asked for, sorted by name.
	Topics []TopicSample
}

// TopicSample is one topic's share of a GroupSample.
type TopicSample struct {
	Name string
	// Err is set when the topic's partitions could not be listed: it wraps
	// ErrTopicMissing, ErrUnauthorized, ErrUnavailable or ErrTimeout.
	Err error
	// Partitions are sorted by number and complete when Err is nil.
	Partitions []PartitionSample
}

// PartitionSample is the three offsets of one partition. With Err set none of
// them means anything.
type PartitionSample struct {
	Partition int32
	// Committed is the group's committed offset, NoOffset without a commit.
	Committed int64
	// Start is the log start offset, End the log end offset (high watermark).
	Start, End int64
	// Err says which of the three could not be read, and why.
	Err error
}

// Member is one member of a consumer group as the coordinator describes it.
type Member struct {
	// ID is the member id that the coordinator gave.
	ID string
	// ClientID is what the member calls itself: the pod's name for our workers.
	ClientID string
	// Host is the address that the coordinator saw ("/10.244.0.7").
	Host string
	// Assigned are the member's partitions, sorted.
	Assigned []TopicPartition
}

// GroupState is the state of a consumer group in the words of Kafka's protocol.
type GroupState string

// The states of a group. StateUnknown is ours: it could not be read.
const (
	StateUnknown             GroupState = ""
	StateEmpty               GroupState = "Empty"
	StateStable              GroupState = "Stable"
	StatePreparingRebalance  GroupState = "PreparingRebalance"
	StateCompletingRebalance GroupState = "CompletingRebalance"
	StateDead                GroupState = "Dead"
)

// Rebalancing tells whether partitions are being moved between members now.
func (s GroupState) Rebalancing() bool {
	return s == StatePreparingRebalance || s == StateCompletingRebalance
}

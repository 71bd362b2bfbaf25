package kafka

import (
	"fmt"
	"time"
)

// GroupSample is what one poll cycle learned about one consumer group. It is
// immutable once handed out. What could not be read is an error in its place
// and never a number.
type GroupSample struct {
	// GroupID is the consumer group.
	GroupID string
	// ClusterID is the Kafka cluster's own id, empty while never learned.
	ClusterID string
	// At is when the cycle that produced the sample began to read offsets: what
	// it holds was read then or later. With ConnectionErr it is when that was
	// known.
	At time.Time
	// ConnectionErr is set when no broker could be asked at all; then nothing
	// else in the sample but GroupID, ClusterID and At is set. It wraps
	// ErrUnreachable or another of this package's errors.
	ConnectionErr error
	// Type is the kind of group, TypeUnknown for one that no broker lists and
	// with brokers older than 3.8, which do not say it.
	Type GroupType
	// State is the group's state, StateUnknown when StateErr is set.
	State GroupState
	// StateErr says why state and members could not be read.
	StateErr error
	// Protocol is the name of the assignor that the members agreed on
	// ("range", "roundrobin", "sticky", ...), empty for a group without members.
	Protocol string
	// Members are the group's members, sorted by client id, then member id.
	Members []Member
	// DescribedAt is when Members and Protocol were read. They are read anew
	// when the group's state or its workers change, and every minute.
	DescribedAt time.Time
	// TopicsErr says why the topics that match a topic pattern could not be
	// listed; then Topics are those of the last time that they could.
	TopicsErr error
	// Topics holds one entry for each topic asked for, or that matches the
	// pattern, sorted by name.
	Topics []TopicSample
}

// TopicSample is one topic's share of a GroupSample.
type TopicSample struct {
	Name string
	// ID is the topic's id. A topic that was deleted and created anew under its
	// old name has another one. Zero when the brokers do not say it.
	ID TopicID
	// Err is set when the topic's partitions could not be listed: it wraps
	// ErrTopicMissing, ErrUnauthorized, ErrUnavailable or ErrTimeout.
	Err error
	// Partitions are sorted by number and complete when Err is nil.
	Partitions []PartitionSample
}

// TopicID identifies one life of a topic.
type TopicID [16]byte

// PartitionSample is the offsets of one partition. With Err set nothing else
// but Partition means anything.
type PartitionSample struct {
	Partition int32
	// Empty is true when fetches from max(Committed, Start), at the group's
	// isolation level, found no record up to End: what is left is transaction
	// markers, aborted records, or holes that compaction made. False means that
	// there are records, or that nobody looked yet: only where commit and end
	// stand still is there a look.
	Empty bool
	// Committed is the group's committed offset, NoOffset without a commit.
	Committed int64
	// Start is the log start offset. It may be as old as a minute: it only grows.
	Start int64
	// End is where a consumer of the group's isolation level gets to: the log end
	// offset (high watermark), or the last stable offset for read_committed.
	End int64
	// HighWatermark is the log end offset whatever the isolation level. It is
	// above End while a transaction is open, and equals End otherwise.
	HighWatermark int64
	// Open is the transaction that holds End back, nil while none does. Only known
	// for read_committed.
	Open *Transaction
	// Appended is when the first record that the group has not consumed was
	// appended: the one at max(Committed, Start). Zero when Committed is at End.
	Appended AppendTime
	// Err says which of the offsets could not be read, and why.
	Err error
}

// AppendTime is when a record was appended, as the log's growth over time tells.
type AppendTime struct {
	// At is the time; zero when it is not known at all.
	At time.Time
	// OrEarlier is set when the record is older than everything remembered: then
	// At is the oldest time remembered.
	OrEarlier bool
}

// Transaction is an open transaction of a producer. Whose it is is looked up once
// it has been open for five minutes, and left out where that is not allowed.
type Transaction struct {
	// Since is when it was first seen where it is: after a restart of the
	// operator it may have been open for longer.
	Since time.Time
	// ID is the producer's transactional id, empty while not known.
	ID string
	// ProducerID is the number that the cluster gave the producer, NoProducer
	// while not known.
	ProducerID int64
}

// NoProducer is the number of no producer.
const NoProducer int64 = -1

// String names whose transaction it is: `"payments-7" (producer 4002)`.
func (t Transaction) String() string {
	switch {
	case t.ID != "":
		return fmt.Sprintf("%q (producer %d)", t.ID, t.ProducerID)
	case t.ProducerID != NoProducer:
		return fmt.Sprintf("producer %d", t.ProducerID)
	default:
		return "an unknown producer"
	}
}

// Member is one member of a consumer group as the coordinator describes it.
type Member struct {
	// ID is the member id that the coordinator gave.
	ID string
	// ClientID is what the member calls itself: the pod's name for our workers.
	ClientID string
	// InstanceID is the name of a static member (KIP-345), empty for a dynamic one.
	InstanceID string
	// Host is the address that the coordinator saw ("/10.244.0.7").
	Host string
	// Assigned are the member's partitions, sorted.
	Assigned []TopicPartition
}

// GroupState is the state of a consumer group in the words of Kafka's protocol.
type GroupState string

// The states of a group. StateUnknown is ours: it could not be read. A classic
// group rebalances in PreparingRebalance and CompletingRebalance, one of KIP-848
// in Assigning and Reconciling.
const (
	StateUnknown             GroupState = ""
	StateEmpty               GroupState = "Empty"
	StateStable              GroupState = "Stable"
	StatePreparingRebalance  GroupState = "PreparingRebalance"
	StateCompletingRebalance GroupState = "CompletingRebalance"
	StateAssigning           GroupState = "Assigning"
	StateReconciling         GroupState = "Reconciling"
	StateDead                GroupState = "Dead"
)

// Rebalancing tells whether partitions are being moved between members now.
func (s GroupState) Rebalancing() bool {
	switch s {
	case StatePreparingRebalance, StateCompletingRebalance, StateAssigning, StateReconciling:
		return true
	default:
		return false
	}
}

// GroupType is the kind of group that a broker lists, in its own lower-case words.
type GroupType string

// The kinds of groups. Lagrange serves classic and consumer groups; share and
// streams groups have no committed offsets that lag could be counted from.
const (
	TypeUnknown  GroupType = ""
	TypeClassic  GroupType = "classic"
	TypeConsumer GroupType = "consumer" // KIP-848
	TypeShare    GroupType = "share"    // KIP-932
	TypeStreams  GroupType = "streams"  // KIP-1071
)

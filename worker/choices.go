package worker

import (
	"context"
	"time"
)

// InitialOffset is where a partition starts when no partition of its topic has
// a committed offset.
type InitialOffset string

// The initial offsets.
const (
	// Earliest starts at the log start.
	Earliest InitialOffset = "earliest"
	// Latest starts at the log end of the moment in which the partition is
	// first opened, which is committed before anything is read.
	Latest InitialOffset = "latest"
)

// Assignment is how the partitions are divided among the group's members.
type Assignment string

// The assignments.
const (
	// Range gives each member a run of neighbours of each topic: partition 3 of
	// topics of the same size goes to the same member, and more members than the
	// largest topic has partitions are of no use.
	Range Assignment = "range"
	// RoundRobin deals all partitions of all topics out in turn.
	RoundRobin Assignment = "roundRobin"
	// Sticky is balanced and moves few partitions when members come and go.
	Sticky Assignment = "sticky"
	// Stable is balanced, and a partition keeps its owner wherever the balance
	// allows: a member that comes back soon moves nobody else's partitions.
	Stable Assignment = "stable"
	// StableConsistent is Stable by partition number: the same number of all
	// topics goes to one member, as what belongs together by key needs.
	StableConsistent Assignment = "stableConsistent"
	// CooperativeSticky is Sticky that goes on with what stays while the rest
	// moves, once all members want it; until then the others take part eagerly.
	CooperativeSticky Assignment = "cooperativeSticky"
)

// IsolationLevel is which messages of transactions are handled.
type IsolationLevel string

// The isolation levels.
const (
	// ReadUncommitted handles all messages, also those of transactions that are
	// open or were aborted.
	ReadUncommitted IsolationLevel = "read_uncommitted"
	// ReadCommitted handles those of committed transactions, and waits behind
	// one that is open.
	ReadCommitted IsolationLevel = "read_committed"
)

// OutOfRange is where a partition goes on whose committed offset is not in its log.
type OutOfRange string

// The choices for an offset out of range.
const (
	// RangeEarliest goes on at the log start: everything that there is.
	RangeEarliest OutOfRange = "earliest"
	// RangeLatest goes on at the log end, and skips what is there.
	RangeLatest OutOfRange = "latest"
	// RangeFail ends Run with an OffsetOutOfRangeError.
	RangeFail OutOfRange = "fail"
)

// Ordering is which messages are handled one after another.
type Ordering string

// The orderings. In all three a message is committed only after every message
// before it in its partition is finished.
const (
	// OrderByPartition handles one message of a partition at a time.
	OrderByPartition Ordering = "partition"
	// OrderByKey handles messages of one topic and key one at a time and in
	// order, and different keys at the same time. Messages without a key keep
	// the order of their partition among themselves.
	OrderByKey Ordering = "key"
	// OrderNone handles messages in any order.
	OrderNone Ordering = "none"
)

// Retry is how a message is tried again whose handler failed. Meanwhile the
// messages that must come after it wait, and others go on.
type Retry struct {
	// Attempts is how often a message is handed in, the first time included,
	// until it goes to the dead letters or Run stops. Attempts are counted
	// by the process: another owner of the partition begins anew. 0, the
	// default, tries without end.
	Attempts int
	// InitialBackoff is the pause after the first failure; it doubles with each
	// one up to MaxBackoff. Defaults DefaultInitialBackoff and DefaultMaxBackoff, or
	// InitialBackoff where that is longer.
	InitialBackoff, MaxBackoff time.Duration
	// JitterPercent is by how much a pause is longer or shorter, at random:
	// with 20 a pause of 1 s takes 0.8 to 1.2 s. Default DefaultJitterPercent;
	// -1 is none.
	JitterPercent int
}

// DeadLetter is where messages go whose handler keeps failing. A message is
// finished only after the broker has acknowledged its dead letter.
type DeadLetter struct {
	// Topic must exist. It must not be one that the group reads.
	Topic string
}

// Batch is how many messages RunBatches hands in at once.
type Batch struct {
	// MaxMessages defaults to DefaultBatchMessages.
	MaxMessages int
	// MaxWait is how long a batch waits to become full. 0, the default, takes
	// what is there: batches grow with the load by themselves.
	MaxWait time.Duration
}

// Start is what is known of a partition before it is opened.
type Start struct {
	Topic     string
	Partition int32
	// Committed is the group's committed offset, -1 without one.
	Committed int64
	// LogStart and LogEnd bound what the partition holds; LogEnd is the offset
	// of the next message to be produced.
	LogStart, LogEnd int64
	// Offset is where the partition would open by the other settings.
	Offset int64
}

// StartHook returns the offset at which a partition opens; start.Offset leaves
// it as it is. An offset outside of LogStart and LogEnd, or an error, ends the
// attempt to open: the group is joined again after a pause.
type StartHook func(ctx context.Context, start Start) (offset int64, err error)

// Assigned is a partition that this member was given.
type Assigned struct {
	Topic     string
	Partition int32
	// Offset is where it opens: the offset of the first message to handle, or
	// the next one that there is. It is committed.
	Offset int64
}

// Revoked is a partition that this member gave up.
type Revoked struct {
	Topic     string
	Partition int32
	// Committed is the last offset that a broker has accepted from this member.
	Committed int64
	// Abandoned is how many messages were handed in and not finished in time;
	// the partition's next owner is given them again.
	Abandoned int
}

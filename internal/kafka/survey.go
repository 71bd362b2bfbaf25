package kafka

import "time"

// Survey is all that a reset needs to know of a group, read at one time. It is
// complete: where a part could not be read there is an error in its place and no
// Survey.
type Survey struct {
	GroupID, ClusterID string
	// At is when the reading began.
	At time.Time
	Membership
	// MayCommit and MayDelete tell whether the cluster lets us commit for the group,
	// and delete its commits; both are true where it does not say.
	MayCommit, MayDelete bool
	// Topics are those asked for, or that match the pattern, sorted by name.
	Topics []SurveyedTopic
}

// Membership is a group's state with its members.
type Membership struct {
	// Type is TypeUnknown with brokers older than 3.8, and for a group that no broker lists.
	Type GroupType
	// State is StateDead, or StateEmpty without Known, for a group that does not exist.
	State GroupState
	// Known tells whether a broker knows the group: it has members or commits, or had lately.
	Known bool
	// Members are sorted by client id, then member id.
	Members []Member
}

// Empty tells whether the broker takes commits from outside the group: it has no members.
func (m Membership) Empty() bool {
	return len(m.Members) == 0 && (m.State == StateEmpty || m.State == StateDead)
}

// SurveyedTopic is a topic of a Survey.
type SurveyedTopic struct {
	Name string
	ID   TopicID
	// MayCommit tells whether the cluster lets us commit, and delete commits, of
	// this topic; true where it does not say.
	MayCommit bool
	// Partitions are all, at their numbers: the partition at i is partition i.
	Partitions []SurveyedPartition
}

// SurveyedPartition is a partition of a Survey.
type SurveyedPartition struct {
	// Committed is the group's commit, and Source that of the other group that was
	// asked for; their Offset is NoOffset without one.
	Committed, Source Commit
	// Start is the log start offset, End the log end offset at the group's isolation level.
	Start, End int64
	// AtTime is the offset of the first message whose timestamp is not before the
	// time that was asked for, NoOffset where there is none.
	AtTime int64
}

// Commit is a committed offset.
type Commit struct {
	Offset int64
	// Metadata is what the committer wrote beside it.
	Metadata string
}

// PartitionCommit is a commit to be made.
type PartitionCommit struct {
	TopicPartition
	Commit
}

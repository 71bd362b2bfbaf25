package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// KafkaConsumerGroupStatus is what Lagrange saw and did. Lagrange alone writes it.
type KafkaConsumerGroupStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions tell how the group is. Ready: this generation is applied and its workers run; lag, a running
	// scale-up and a pause never make it False. Reconciling: a rollout is under way. Stalled: someone must act.
	// KafkaReachable, LagKnown, ScalingActive, ScalingLimited and Paused tell about the number of workers.
	// OffsetResetInProgress is there once the group has had a reset.
	// ConnectionResolved, where the connection names other objects, tells whether they could be read.
	// ProducerPolicyAccepted is there with producerPolicyRef.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// replicas is how many worker pods exist, ready or not.
	// +optional
	Replicas int32 `json:"replicas"`
	// availableReplicas is how many workers are available.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas"`
	// settledReplicas is how many workers the group last had when all that were asked for were available. Ready
	// asks for that many while more are starting. Absent until the first workers were available.
	// +optional
	SettledReplicas *int32 `json:"settledReplicas,omitempty"`
	// desiredReplicas is how many workers Lagrange asked for.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas"`
	// replicaSummary is available/desired, for people.
	// +optional
	ReplicaSummary string `json:"replicaSummary,omitempty"`
	// selector selects the worker pods, in the form that the scale subresource wants.
	// +optional
	Selector string `json:"selector,omitempty"`

	// scaling is why the group has this many workers.
	// +optional
	Scaling *ScalingStatus `json:"scaling,omitempty"`

	// bootstrapServers are the servers that the connection comes to, comma-separated; clusterID is the cluster
	// behind them. Another cluster that answers there later is not taken for it.
	// +optional
	BootstrapServers string `json:"bootstrapServers,omitempty"`
	// clusterID is the id of the Kafka cluster behind the bootstrap servers.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`
	// otherClusterID is the id of another cluster that answers behind them and is not accepted; absent otherwise.
	// +optional
	OtherClusterID string `json:"otherClusterID,omitempty"`
	// group is the consumer group as its coordinator describes it.
	// +optional
	Group *GroupStatus `json:"group,omitempty"`
	// partitions is the number of partitions over all topics that are known.
	// +optional
	Partitions int32 `json:"partitions,omitempty"`
	// lag is the group's lag. While it is unknown this is the last good value; LagKnown tells.
	// +optional
	Lag *LagStatus `json:"lag,omitempty"`
	// health is the worst verdict over the group's partitions: OK; Slow, consumes and falls behind; Stalled, a member
	// has the partition and commits nothing although there is work; Stopped, commits stopped altogether; Rewound, the
	// committed offset went back. Absent while not known.
	// +optional
	Health string `json:"health,omitempty"`
	// topicCount is how many topics the group has; topics lists at most 256 of them.
	// +optional
	TopicCount int32 `json:"topicCount,omitempty"`
	// topics is the lag of each topic, by name.
	// +listType=map
	// +listMapKey=name
	// +optional
	Topics []TopicStatus `json:"topics,omitempty"`
	// worstPartitions are the partitions with the most lag, at most five.
	// +listType=atomic
	// +optional
	WorstPartitions []PartitionStatus `json:"worstPartitions,omitempty"`

	// stuckPartitions are partitions on which work waits and commits stand still, the worst first, at most ten.
	// +listType=atomic
	// +optional
	StuckPartitions []StuckPartition `json:"stuckPartitions,omitempty"`

	// dedupPass is how many namespaces of consumer.dedup there have been: each KafkaOffsetReset with dedup NewNamespace
	// that succeeds starts one. Absent for 1.
	// +optional
	DedupPass int32 `json:"dedupPass,omitempty"`
	// dedupNamespace is the namespace that the workers are told: that of consumer.dedup, from the second on with "/" and
	// dedupPass. Absent without consumer.dedup.
	// +optional
	DedupNamespace string `json:"dedupNamespace,omitempty"`

	// seeding is the last time that partitions without a commit were to be given one; absent for never.
	// +optional
	Seeding *SeedingStatus `json:"seeding,omitempty"`
	// keptOffsets are the committed offsets of a group that has no members, which Kafka removes after a time. Absent
	// once it has members and none of these commits is gone.
	// +optional
	KeptOffsets *KeptOffsets `json:"keptOffsets,omitempty"`
	// restoredOffsets is the last time that committed offsets were gone and were to be committed again; absent for never.
	// +optional
	RestoredOffsets *RestoredOffsets `json:"restoredOffsets,omitempty"`
	// producerPolicy is the KafkaProducerPolicy by whose settings the workers produce; absent for none.
	// +optional
	ProducerPolicy *GroupProducerPolicy `json:"producerPolicy,omitempty"`
	// activeReset is the KafkaOffsetReset that has the group now; absent for none.
	// +optional
	ActiveReset *ActiveReset `json:"activeReset,omitempty"`
	// unfinishedReset is a KafkaOffsetReset that went before it had completed what it had begun to commit; the group
	// has no workers until another reset has written those partitions. Absent for none.
	// +optional
	UnfinishedReset *UnfinishedReset `json:"unfinishedReset,omitempty"`
	// resets are the KafkaOffsetResets that had the group, the newest first, at most 20.
	// +listType=atomic
	// +optional
	Resets []ResetRecord `json:"resets,omitempty"`
	// catchUp is the backlog that scaling.catchUp gives its time to; absent for none.
	// +optional
	CatchUp *CatchUpStatus `json:"catchUp,omitempty"`

	// warnings are things that work and will hurt: one sentence each, at most eight.
	// +listType=atomic
	// +optional
	Warnings []string `json:"warnings,omitempty"`
}

// ScalingStatus is why the group has as many workers as it has.
type ScalingStatus struct {
	// reason is the decision in one word.
	// +optional
	Reason string `json:"reason,omitempty"`
	// message is the decision in one sentence, with its numbers.
	// +optional
	Message string `json:"message,omitempty"`
	// usefulMembers is how many workers the assignor gives a partition; 0 while not known.
	// +optional
	UsefulMembers int32 `json:"usefulMembers,omitempty"`
	// recommendedReplicas is how many workers mode Auto would ask for now; in mode Recommend alone.
	// +optional
	RecommendedReplicas int32 `json:"recommendedReplicas,omitempty"`
	// shortSince is since when fewer workers have been available than were asked for; absent while all are there.
	// A scale-up that takes longer than the manager's progress deadline stalls.
	// +optional
	ShortSince *metav1.Time `json:"shortSince,omitempty"`
	// lastScaleTime is when desiredReplicas last changed.
	// +optional
	LastScaleTime *metav1.Time `json:"lastScaleTime,omitempty"`
}

// GroupStatus is a consumer group as its coordinator describes it.
type GroupStatus struct {
	// type is the kind of group: classic, or consumer for the protocol of KIP-848. Absent with brokers older than 3.8.
	// +optional
	Type string `json:"type,omitempty"`
	// state is Empty, Stable, PreparingRebalance, CompletingRebalance, Assigning, Reconciling or Dead.
	// +optional
	State string `json:"state,omitempty"`
	// members is how many members the group has.
	// +optional
	Members int32 `json:"members"`
}

// LagStatus is the lag of a group at one time.
type LagStatus struct {
	// messages is the lag over all partitions, rounded to two significant digits.
	Messages int64 `json:"messages"`
	// seconds is the age of the oldest message that is not consumed, over all partitions, rounded to two significant
	// digits; 0 for a group that has caught up, absent while not known.
	// +optional
	Seconds *int64 `json:"seconds,omitempty"`
	// atLeast is true when the message is older than what Lagrange remembers of the log: then it is at least seconds old.
	// +optional
	AtLeast bool `json:"atLeast,omitempty"`
	// behind is seconds and atLeast in one, for people.
	// +optional
	Behind string `json:"behind,omitempty"`
	// producedPerSecond is how many messages a second are written to the group's topics, rounded to two significant
	// digits; absent while not known.
	// +optional
	ProducedPerSecond *int64 `json:"producedPerSecond,omitempty"`
	// consumedPerSecond is how many messages a second the group commits, rounded to two significant digits; absent
	// while not known.
	// +optional
	ConsumedPerSecond *int64 `json:"consumedPerSecond,omitempty"`
	// observedAt is when the sample was taken that this status was written from.
	ObservedAt metav1.Time `json:"observedAt"`
}

// TopicStatus is one topic of the group.
type TopicStatus struct {
	// name is the topic.
	Name string `json:"name"`
	// partitions is how many it has; 0 while not known.
	Partitions int32 `json:"partitions"`
	// lag is the topic's lag, rounded to two significant digits; absent while a partition of it is unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`
}

// PartitionStatus is one partition of the group.
type PartitionStatus struct {
	// topic is the topic that it belongs to.
	Topic string `json:"topic"`
	// partition is its number in the topic.
	Partition int32 `json:"partition"`
	// lag is its lag, rounded to two significant digits.
	Lag int64 `json:"lag"`
	// owner is the client id of the member that has it; absent when nobody has.
	// +optional
	Owner string `json:"owner,omitempty"`
}

// StuckPartition is a partition on which work waits and commits stand still.
type StuckPartition struct {
	// topic is the topic that it belongs to.
	Topic string `json:"topic"`
	// partition is its number in the topic.
	Partition int32 `json:"partition"`
	// health is Stalled or Stopped.
	Health string `json:"health"`
	// since is since when it has been so.
	Since metav1.Time `json:"since"`
	// offset is the committed offset, at which it stands; absent without a commit.
	// +optional
	Offset *int64 `json:"offset,omitempty"`
	// owner is the client id of the member that has it; absent when nobody has.
	// +optional
	Owner string `json:"owner,omitempty"`
}

// SeedingStatus is the last time that partitions without a commit were to be
// given one while the group had no workers.
type SeedingStatus struct {
	// at is when.
	At metav1.Time `json:"at"`
	// partitions is how many were given one.
	Partitions int32 `json:"partitions"`
	// failed is why the others were not. The workers don't wait for it for long, and find their places themselves.
	// +optional
	Failed string `json:"failed,omitempty"`
}

// KeptOffsets are the committed offsets of a group that has no members. Kafka
// removes these offsets.retention.minutes after the group became empty, although
// somebody commits for it; before its workers return they are committed again.
type KeptOffsets struct {
	// emptySince is when Lagrange first saw the group without members.
	EmptySince metav1.Time `json:"emptySince"`
	// countedFrom is the earliest time that the retention can count from: when the group was last seen with members, or
	// when its offsets were committed again. Absent where Lagrange did not see it.
	// +optional
	CountedFrom *metav1.Time `json:"countedFrom,omitempty"`
	// clusterID is the Kafka cluster that they are of. In another one they mean nothing.
	ClusterID string `json:"clusterID"`
	// retention is offsets.retention.minutes of the group's coordinator, as of the last hour. Absent where the broker does
	// not say it, and for groups of KIP-848, whose offsets each have a time of their own.
	// +optional
	Retention *metav1.Duration `json:"retention,omitempty"`
	// expiresAt is when Kafka may remove the offsets; earlier where the group was empty before Lagrange saw it. Absent
	// without retention.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// offsets are what was committed, with the id of each topic.
	Offsets ResetOffsets `json:"offsets"`
}

// RestoredOffsets is a time that committed offsets of a group without members
// were gone and were to be committed again.
type RestoredOffsets struct {
	// at is when.
	At metav1.Time `json:"at"`
	// partitions is how many were committed again.
	Partitions int32 `json:"partitions"`
	// notRestored is how many were kept and not committed again; notes say why.
	// +optional
	NotRestored int32 `json:"notRestored,omitempty"`
	// notes are what is worth knowing of some partitions, such as those that were not and why; at most four sentences.
	// +listType=atomic
	// +optional
	Notes []string `json:"notes,omitempty"`
	// failed is why it could not be done. No worker is started before it is.
	// +optional
	Failed string `json:"failed,omitempty"`
}

// GroupProducerPolicy is the KafkaProducerPolicy by whose settings workers produce.
type GroupProducerPolicy struct {
	// name is the policy's.
	Name string `json:"name"`
	// files are what the workers are given, one for each client of the policy. Which of them a pod runs is in the
	// policy's status.workloads.
	// +listType=map
	// +listMapKey=client
	// +optional
	Files []ProducerFile `json:"files,omitempty"`
}

// ActiveReset is the KafkaOffsetReset that has the group now: while it is here
// the group has no workers.
type ActiveReset struct {
	// name is the KafkaOffsetReset.
	Name string `json:"name"`
	// uid is its uid.
	UID types.UID `json:"uid"`
	// specHash is that of its spec.
	SpecHash string `json:"specHash"`
	// since is when it was given the group.
	Since metav1.Time `json:"since"`
	// replicas is how many workers the group had then.
	Replicas int32 `json:"replicas"`
	// stopped: the workload asks for no workers, and no pod of it exists.
	// +optional
	Stopped bool `json:"stopped,omitempty"`
	// writing: it may have changed offsets. The reset waits for this before it does. One that goes without having
	// completed them leaves unfinishedReset.
	// +optional
	Writing bool `json:"writing,omitempty"`
}

// UnfinishedReset is a KafkaOffsetReset that went before it had completed what it
// had begun to commit: the group's offsets may be a mixture of before and after.
// The group has no workers until another reset has written all of them.
type UnfinishedReset struct {
	// name is the KafkaOffsetReset. Another one with target.rollbackOf of this name undoes it.
	Name string `json:"name"`
	// uid is its uid.
	UID types.UID `json:"uid"`
	// since is when it went.
	Since metav1.Time `json:"since"`
	// clusterID is the Kafka cluster of its plan.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`
	// snapshot is what was committed before it, and writes what it was committing. Absent when the reset was removed by
	// force, and they with it: then another reset has to write all partitions.
	// +optional
	Snapshot *ResetOffsets `json:"snapshot,omitempty"`
	// writes is what it was committing.
	// +optional
	Writes *ResetOffsets `json:"writes,omitempty"`
}

// ResetRecord is a KafkaOffsetReset that has ended.
type ResetRecord struct {
	// name is the KafkaOffsetReset.
	Name string `json:"name"`
	// uid is its uid.
	UID types.UID `json:"uid"`
	// specHash is that of its spec: a reset of the same name and spec does not run again.
	SpecHash string `json:"specHash"`
	// outcome is the phase that it ended in.
	Outcome ResetPhase `json:"outcome"`
	// committed: it changed offsets.
	// +optional
	Committed bool `json:"committed,omitempty"`
	// at is when it gave the group back.
	At metav1.Time `json:"at"`
}

// CatchUpStatus is a backlog with a time of its own: what a KafkaOffsetReset left
// in the log when it gave the group back.
type CatchUpStatus struct {
	// reset is the name of the KafkaOffsetReset.
	Reset string `json:"reset"`
	// since is when it gave the group back: the backlog is what was in the log then, and all that is behind it.
	Since metav1.Time `json:"since"`
	// replicas is how many workers the group had before the reset.
	Replicas int32 `json:"replicas"`
}

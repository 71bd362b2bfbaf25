package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ResetPhase is where a KafkaOffsetReset is on its way:
//
//	Planning ──> Planned ──approval──> Approved ──its turn──> Draining ──> Rechecking ──> Committing ──> Verifying ──> Resuming ──> Succeeded
//	   │  ^                    │           │ cancel              │ cancel, deadline │ drift                                  │
//	   │  └────────────────────│───────────│─────────────────────└──────> Resuming ─┴─> Planning, Failed or Cancelled        │
//	   └──> Failed, AlreadyRun └──> Cancelled                                                                      Failed <──┘
type ResetPhase string

// The phases of a reset.
const (
	// PhasePlanning: the plan is being made. It touches nothing.
	PhasePlanning ResetPhase = "Planning"
	// PhasePlanned: the plan waits for approval.
	PhasePlanned ResetPhase = "Planned"
	// PhaseApproved: the plan is approved and waits for its turn: one reset of a group is active at a time.
	PhaseApproved ResetPhase = "Approved"
	// PhaseDraining: the workers are being stopped.
	PhaseDraining ResetPhase = "Draining"
	// PhaseRechecking: the workers are stopped; what is committed is recorded and the plan held against it.
	PhaseRechecking ResetPhase = "Rechecking"
	// PhaseCommitting: offsets are being committed. From here on nothing but completion or rollback ends it.
	PhaseCommitting ResetPhase = "Committing"
	// PhaseVerifying: the offsets are committed, and must be read back for as long as verifyFor.
	PhaseVerifying ResetPhase = "Verifying"
	// PhaseResuming: the workers are being started again. status.outcome says what follows.
	PhaseResuming ResetPhase = "Resuming"
	// PhaseSucceeded, PhaseFailed, PhaseCancelled: it has ended.
	PhaseSucceeded ResetPhase = "Succeeded"
	PhaseFailed    ResetPhase = "Failed"
	PhaseCancelled ResetPhase = "Cancelled"
	// PhaseAlreadyRun: it has ended without doing anything, since a reset of this name and spec has run before.
	PhaseAlreadyRun ResetPhase = "AlreadyRun"
)

// Finished tells whether nothing follows the phase.
func (p ResetPhase) Finished() bool {
	return p == PhaseSucceeded || p == PhaseFailed || p == PhaseCancelled || p == PhaseAlreadyRun
}

// HoldsWorkers tells whether a reset in this phase needs its group at zero workers.
func (p ResetPhase) HoldsWorkers() bool {
	return p == PhaseDraining || p == PhaseRechecking || p == PhaseCommitting || p == PhaseVerifying
}

// KafkaOffsetResetStatus is what Lagrange plans, does and has done.
type KafkaOffsetResetStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// phase is Planning, Planned, Approved, Draining, Rechecking, Committing, Verifying, Resuming, Succeeded, Failed,
	// Cancelled or AlreadyRun.
	// +optional
	Phase ResetPhase `json:"phase,omitempty"`
	// since is when the phase began.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// until is when the phase ends at the latest; absent where only an event ends it.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// message is in one sentence what is being done or waited for, or how it ended.
	// +optional
	Message string `json:"message,omitempty"`
	// conditions tell how the reset is. Ready: it has succeeded, waits for approval, or ended with nothing done. Reconciling: it is under way.
	// Stalled: someone must act. Planned, Approved, Drained, Committed, Verified and Resumed: its steps.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// specHash is that of the spec without approved and cancel.
	// +optional
	SpecHash string `json:"specHash,omitempty"`
	// plan is what will be committed.
	// +optional
	Plan *ResetPlan `json:"plan,omitempty"`
	// approval is that of the plan, once accepted.
	// +optional
	Approval *ResetApproval `json:"approval,omitempty"`
	// draining is what is known of the workers on their way out.
	// +optional
	Draining *ResetDraining `json:"draining,omitempty"`
	// snapshot is what was committed right before the reset: what a rollback restores.
	// +optional
	Snapshot *ResetOffsets `json:"snapshot,omitempty"`
	// intent is what is being committed, stored before the first commit.
	// +optional
	Intent *ResetIntent `json:"intent,omitempty"`
	// outcome is what a reset that is resuming ends as: Succeeded, Failed, Cancelled, or Planning for another plan.
	// +optional
	Outcome *ResetOutcome `json:"outcome,omitempty"`
	// dedup is in which dedup namespace the workers go on, once the offsets are committed; absent without consumer.dedup.
	// +optional
	Dedup *ResetDedup `json:"dedup,omitempty"`
	// handOver: it is deleted and could not complete what it has begun to commit; the group's status takes that over.
	// +optional
	HandOver bool `json:"handOver,omitempty"`
	// resumed: the workers were stopped, and consume again.
	// +optional
	Resumed bool `json:"resumed,omitempty"`
	// replay is how far the workers are with what the reset gave them to do again.
	// +optional
	Replay *ResetReplay `json:"replay,omitempty"`
	// finishedAt is when it ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
}

// ResetPlan is what a reset will commit. What is frozen, and in its hash: the
// reset's uid, the revision, the Kafka cluster, the group, the rule, and of each
// partition the topic's id and the target. The rest is information, as of plannedAt.
type ResetPlan struct {
	// hash is what approved has to be.
	Hash string `json:"hash"`
	// revision counts the plans of this reset, from 1.
	Revision int32 `json:"revision"`
	// plannedAt is when the offsets in it were read.
	PlannedAt metav1.Time `json:"plannedAt"`
	// clusterID is the Kafka cluster that it is of.
	ClusterID string `json:"clusterID"`
	// groupID is the consumer group.
	GroupID string `json:"groupID"`
	// source is the sha256 of the snapshot that target.rollbackOf restores, offsets and metadata.
	// +optional
	Source string `json:"source,omitempty"`
	// rule is the target in words, with times resolved.
	Rule string `json:"rule"`
	// time is the time of target.datetime and target.ago.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
	// partitions is how many are in the plan; moved, skipped and deleted are those that get another offset, that stay
	// as they are, and that lose their commit.
	Partitions int32 `json:"partitions"`
	// moved is how many get another offset than they have now.
	Moved int32 `json:"moved"`
	// skipped is how many stay as they are.
	// +optional
	Skipped int32 `json:"skipped,omitempty"`
	// deleted is how many lose their commit.
	// +optional
	Deleted int32 `json:"deleted,omitempty"`
	// clamped is how many get another offset than the target asked for.
	// +optional
	Clamped int32 `json:"clamped,omitempty"`
	// distance is the sum over the partitions of target less committed offset, or log start where nothing is
	// committed, when it was planned: offsets, not messages. Negative is back. status.intent.distance is what it came to.
	Distance int64 `json:"distance"`
	// because is why it takes the place of a plan that was approved.
	// +optional
	Because string `json:"because,omitempty"`
	// farthestBack and farthestAhead are the partitions that move most, as topic-partition.
	// +optional
	FarthestBack string `json:"farthestBack,omitempty"`
	// farthestAhead is the partition that skips most, as topic-partition.
	// +optional
	FarthestAhead string `json:"farthestAhead,omitempty"`
	// notes are what whoever approves should know.
	// +listType=atomic
	// +optional
	Notes []string `json:"notes,omitempty"`
	// rows are the partitions, by topic and number.
	Rows ResetRows `json:"rows"`
}

// ResetRows is the partitions of a plan: here up to 300 of them, beyond that in ConfigMaps.
type ResetRows struct {
	// sha256 is that of the rows as JSON.
	SHA256 string `json:"sha256"`
	// items are the rows, absent when they are in ConfigMaps.
	// +listType=atomic
	// +optional
	Items []ResetRow `json:"items,omitempty"`
	// configMaps hold the rows as gzipped JSON under the key "rows.json.gz", split in this order.
	// +listType=atomic
	// +optional
	ConfigMaps []string `json:"configMaps,omitempty"`
}

// ResetAction is what a plan does to a partition.
type ResetAction string

// The actions.
const (
	// ResetCommit commits the target.
	ResetCommit ResetAction = "Commit"
	// ResetDelete deletes the commit.
	ResetDelete ResetAction = "Delete"
	// ResetSkip leaves it as it is.
	ResetSkip ResetAction = "Skip"
)

// ResetRow is one partition of a plan.
type ResetRow struct {
	// topic is its topic.
	Topic string `json:"topic"`
	// partition is its number in the topic.
	Partition int32 `json:"partition"`
	// topicID is the id of the topic: one that is created anew under the same name has another.
	// +optional
	TopicID string `json:"topicID,omitempty"`
	// action is Commit, Delete or Skip.
	Action ResetAction `json:"action"`
	// committed is the committed offset at plannedAt; absent without one.
	// +optional
	Committed *int64 `json:"committed,omitempty"`
	// start is the log start offset at plannedAt.
	Start int64 `json:"start"`
	// end is the log end offset at plannedAt, the last stable offset for a read_committed group.
	End int64 `json:"end"`
	// target is the offset to commit; absent for Delete and Skip. For shiftBy and toCurrent it is a preview: the rule
	// is applied to what is committed once the workers have stopped.
	// +optional
	Target *int64 `json:"target,omitempty"`
	// distance is target less committed, or less start without a commit.
	// +optional
	Distance *int64 `json:"distance,omitempty"`
	// reason is why the target is another than asked for, or why the partition is skipped.
	// +optional
	Reason string `json:"reason,omitempty"`
}

// ResetApproval is an accepted approval.
type ResetApproval struct {
	// hash is that of the approved plan.
	Hash string `json:"hash"`
	// at is when it was accepted. The order in which resets of one group run is by this time, then by uid.
	At metav1.MicroTime `json:"at"`
}

// ResetDraining is what is known of the workers on their way out.
type ResetDraining struct {
	// podsGoneSince is since when no worker pod has existed.
	// +optional
	PodsGoneSince *metav1.MicroTime `json:"podsGoneSince,omitempty"`
	// emptySince is since when the group has been seen without members and no worker pod has existed.
	// +optional
	EmptySince *metav1.MicroTime `json:"emptySince,omitempty"`
	// waitingFor are the pods and members that are still there, at most ten.
	// +listType=atomic
	// +optional
	WaitingFor []string `json:"waitingFor,omitempty"`
	// removing are static members of workers whose pods are gone, by their instance ids: they are removed from the
	// group, at most ten of them named.
	// +listType=atomic
	// +optional
	Removing []string `json:"removing,omitempty"`
}

// ResetOffsets are committed offsets: here up to 300 of them, beyond that in ConfigMaps.
type ResetOffsets struct {
	// takenAt is when they were read.
	TakenAt metav1.Time `json:"takenAt"`
	// count is how many there are, those without a commit among them.
	Count int32 `json:"count"`
	// mixed: they were read where another reset had left its commits unfinished, so that no rollback restores them.
	// +optional
	Mixed bool `json:"mixed,omitempty"`
	// sha256 is that of the offsets as JSON.
	SHA256 string `json:"sha256"`
	// items are the offsets, absent when they are in ConfigMaps.
	// +listType=atomic
	// +optional
	Items []SavedOffset `json:"items,omitempty"`
	// configMaps hold the offsets as gzipped JSON under the key "rows.json.gz", split in this order.
	// +listType=atomic
	// +optional
	ConfigMaps []string `json:"configMaps,omitempty"`
}

// SavedOffset is what is committed for a partition, or is to be.
type SavedOffset struct {
	// topic is its topic.
	Topic string `json:"topic"`
	// partition is its number in the topic.
	Partition int32 `json:"partition"`
	// topicID is the id of the topic.
	// +optional
	TopicID string `json:"topicID,omitempty"`
	// offset is the committed offset; absent for no commit.
	// +optional
	Offset *int64 `json:"offset,omitempty"`
	// metadata is what the committer wrote beside it, where that is text.
	// +optional
	Metadata string `json:"metadata,omitempty"`
	// metadataBase64 is what the committer wrote beside it, where that is no text (UTF-8).
	// +optional
	MetadataBase64 string `json:"metadataBase64,omitempty"`
}

// ResetIntent is what is being committed, stored before the first commit.
type ResetIntent struct {
	// at is when it was first stored.
	At metav1.Time `json:"at"`
	// offsets are what is written, one without an offset is deleted.
	Offsets ResetOffsets `json:"offsets"`
	// moved is how many partitions get another offset than they had when the workers had stopped.
	// +optional
	Moved int32 `json:"moved,omitempty"`
	// distance is by how many offsets in all, of those that had a commit then and have one after it. Negative is back.
	// +optional
	Distance int64 `json:"distance,omitempty"`
	// limit is how many bytes of records one commit request may make.
	Limit int32 `json:"limit"`
	// requests is how many requests the offsets take: commits, and one for deletions.
	Requests int32 `json:"requests"`
	// begun is how many of the requests were begun: each is stored before it is made.
	Begun int32 `json:"begun"`
	// rounds is how often all requests were gone through: more than once where another writer had overwritten them.
	Rounds int32 `json:"rounds"`
	// committedAt is when all requests were acknowledged.
	// +optional
	CommittedAt *metav1.MicroTime `json:"committedAt,omitempty"`
	// verifiedAt is when they were read back for the first time as they were written.
	// +optional
	VerifiedAt *metav1.MicroTime `json:"verifiedAt,omitempty"`
	// overwritten are partitions that another writer has overwritten since, with what it wrote, at most ten.
	// +listType=atomic
	// +optional
	Overwritten []string `json:"overwritten,omitempty"`
	// lost are topics that were deleted or created anew since the workers stopped, at most ten: commits that this reset
	// made on new ones are deleted.
	// +listType=atomic
	// +optional
	Lost []string `json:"lost,omitempty"`
}

// ResetOutcome is what a reset that is resuming ends as.
type ResetOutcome struct {
	// phase is Succeeded, Failed, Cancelled, or Planning for another plan.
	Phase ResetPhase `json:"phase"`
	// reason is why, in one word.
	Reason string `json:"reason"`
	// message is why, in one sentence.
	Message string `json:"message"`
}

// ResetDedup is the dedup namespace in which the workers go on after a reset. It
// is written with the outcome, before a worker starts, and the group's status
// takes the pass from here: however often its controller is killed, the same one.
type ResetDedup struct {
	// pass is what status.dedupPass of the group becomes, if it is not higher.
	Pass int32 `json:"pass"`
	// namespace is that of consumer.dedup with the pass.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// ResetReplay is how far the workers are with the messages between the reset's offsets and where they were before.
type ResetReplay struct {
	// offsets is how many offsets the reset went back, over the partitions that it moved back.
	Offsets int64 `json:"offsets"`
	// remaining is how many of them are not consumed again yet, rounded to two significant digits.
	Remaining int64 `json:"remaining"`
	// percent is how much of it is done.
	Percent int32 `json:"percent"`
	// estimatedEnd is when it will be done at the present rate; absent while that is not known.
	// +optional
	EstimatedEnd *metav1.Time `json:"estimatedEnd,omitempty"`
	// summary is percent and the time left, for people.
	// +optional
	Summary string `json:"summary,omitempty"`
}

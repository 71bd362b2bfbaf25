package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KafkaOffsetReset moves the committed offsets of one consumer group, once. It
// plans first, and a plan touches nothing; what is approved is that plan and no
// other. Then the workers are stopped, the offsets committed while the group is
// empty, read back, and the workers started again.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=kor,categories=lagrange
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.groupRef.name`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Plan",type=string,JSONPath=`.status.plan.hash`,description="what spec.approved has to be for this plan to run"
// +kubebuilder:printcolumn:name="Partitions",type=integer,JSONPath=`.status.plan.moved`,description="partitions whose offset is moved"
// +kubebuilder:printcolumn:name="Distance",type=integer,JSONPath=`.status.plan.distance`,description="sum of the offsets moved over, when planned; negative is back"
// +kubebuilder:printcolumn:name="Replayed",type=string,JSONPath=`.status.replay.summary`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 200",message="metadata.name must not be longer than 200 characters: the ConfigMaps of a large plan are named after it"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.target.rollbackOf) || self.spec.target.rollbackOf != self.metadata.name",message="target.rollbackOf must name another KafkaOffsetReset",fieldPath=".spec.target.rollbackOf"
type KafkaOffsetReset struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is to be done. Only approved and cancel can be changed.
	// +required
	Spec KafkaOffsetResetSpec `json:"spec"`
	// status is what Lagrange plans, does and has done. Lagrange alone writes it.
	// +optional
	Status KafkaOffsetResetStatus `json:"status,omitempty"`
}

// KafkaOffsetResetList is a list of KafkaOffsetReset.
//
// +kubebuilder:object:root=true
type KafkaOffsetResetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaOffsetReset `json:"items"`
}

// KafkaOffsetResetSpec is one move of one group's offsets.
//
// +kubebuilder:validation:XValidation:rule="has(self.scope) == has(oldSelf.scope)",message="scope can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden,fieldPath=".scope"
// +kubebuilder:validation:XValidation:rule="has(self.maxDrift) == has(oldSelf.maxDrift)",message="maxDrift can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden,fieldPath=".maxDrift"
// +kubebuilder:validation:XValidation:rule="has(self.ttlAfterFinished) == has(oldSelf.ttlAfterFinished)",message="ttlAfterFinished can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden,fieldPath=".ttlAfterFinished"
// +kubebuilder:validation:XValidation:rule="self.approval != 'Automatic' || !has(self.ttlAfterFinished)",message="ttlAfterFinished can't be used with approval: Automatic: what is removed may be created anew by the tool that applied it, and would run again",fieldPath=".ttlAfterFinished"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || !has(self.target.offsets)",message="scope can't be used with target.offsets, which names its partitions",fieldPath=".scope"
type KafkaOffsetResetSpec struct {
	// groupRef is the KafkaConsumerGroup of the same namespace whose group's offsets are moved.
	// +kubebuilder:validation:XValidation:rule="self.name == oldSelf.name",message="groupRef can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +required
	GroupRef GroupReference `json:"groupRef"`

	// target is where to: exactly one of its fields.
	// +kubebuilder:validation:XValidation:rule="has(self.earliest) == has(oldSelf.earliest) && has(self.latest) == has(oldSelf.latest) && has(self.datetime) == has(oldSelf.datetime) && has(self.ago) == has(oldSelf.ago) && has(self.offsets) == has(oldSelf.offsets) && has(self.shiftBy) == has(oldSelf.shiftBy) && has(self.toCurrent) == has(oldSelf.toCurrent) && has(self.fromGroup) == has(oldSelf.fromGroup) && has(self.rollbackOf) == has(oldSelf.rollbackOf)",message="target can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +required
	Target ResetTarget `json:"target"`

	// scope is which of the group's partitions are moved. Default: all partitions of all of the group's topics; with
	// target.rollbackOf all that that reset has written.
	// +optional
	Scope *ResetScope `json:"scope,omitempty"`

	// onOutOfRange is what happens where the target is below the log start or above the log end: Fail, the plan is
	// refused with the partitions' names, or Clamp, the nearest offset that exists is taken, and the plan says so.
	// Default: Fail.
	// +kubebuilder:validation:Enum=Fail;Clamp
	// +kubebuilder:default=Fail
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="onOutOfRange can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	OnOutOfRange OutOfRangePolicy `json:"onOutOfRange,omitempty"`

	// onTimestampPastEnd is what happens to a partition that has no message at or after the target's time: End moves
	// it to its log end, Skip leaves it as it is, Fail refuses the plan. Default: End.
	// +kubebuilder:validation:Enum=End;Skip;Fail
	// +kubebuilder:default=End
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="onTimestampPastEnd can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	OnTimestampPastEnd PastEndPolicy `json:"onTimestampPastEnd,omitempty"`

	// approval is who lets the plan run: Manual, who writes its hash into approved, or Automatic, nobody. Setting
	// Automatic needs the verb approve on kafkaoffsetresets, as setting approved does. Default: Manual.
	// +kubebuilder:validation:Enum=Manual;Automatic
	// +kubebuilder:default=Manual
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="approval can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	Approval ApprovalMode `json:"approval,omitempty"`

	// approved is the hash of the plan that may run, status.plan.hash. Once accepted it stays accepted:
	// removing it changes nothing, cancel does. To set it needs the verb approve on kafkaoffsetresets.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-f]*$`
	// +optional
	Approved string `json:"approved,omitempty"`

	// cancel stops the reset before anything is committed, and starts the workers again. Afterwards it changes
	// nothing: what is committed is undone by another reset with target.rollbackOf.
	// +optional
	Cancel bool `json:"cancel,omitempty"`

	// maxDrift is how far the committed offset of a partition may have moved between plan and commit, in offsets.
	// Beyond it the workers are started again and another plan waits for approval; with approval: Automatic the reset
	// fails. Default: no bound, since a group that works moves.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="maxDrift can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	MaxDrift *int64 `json:"maxDrift,omitempty"`

	// drainTimeout is how long the workers may take to leave the group. When it is over they are started again and
	// the reset fails. Default: 10m.
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:XValidation:rule="duration(self) == duration(oldSelf)",message="drainTimeout can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	DrainTimeout Duration `json:"drainTimeout,omitzero"`

	// verifyFor is how long the offsets must stay as committed before the workers are started: another writer, which
	// is no member of the group, is found in this time only. Default: 10s.
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:XValidation:rule="duration(self) == duration(oldSelf)",message="verifyFor can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	VerifyFor Duration `json:"verifyFor,omitzero"`

	// resume starts the workers again after the commit. With false the group stays at zero workers until the
	// annotation kafka.lagrange.dev/resume of this object is "true", or it is deleted. Default: true.
	// +kubebuilder:default=true
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="resume can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	Resume *bool `json:"resume,omitempty"`

	// dedup is what becomes of the namespace of consumer.dedup of the group. Keep goes on with it: what goes back to
	// the workers is swallowed as duplicates, as far as the ids are still stored. NewNamespace starts a new one with the
	// workers, in which nothing counts as handled: what goes back has its effects again. It needs consumer.dedup.
	// Default: Keep.
	// +kubebuilder:validation:Enum=Keep;NewNamespace
	// +kubebuilder:default=Keep
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="dedup can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	Dedup DedupPolicy `json:"dedup,omitempty"`

	// ttlAfterFinished removes the object that long after it has ended. The newest reset of a group that has
	// committed anything stays: it is what a rollback needs. Default: it stays.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s')",message="must be a duration of at least 1s, such as 72h"
	// +kubebuilder:validation:XValidation:rule="duration(self) == duration(oldSelf)",message="ttlAfterFinished can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	TTLAfterFinished *metav1.Duration `json:"ttlAfterFinished,omitempty"`
}

// GroupReference names a KafkaConsumerGroup.
type GroupReference struct {
	// name is a KafkaConsumerGroup of the same namespace.
	// +required
	Name ObjectName `json:"name"`
}

// ResetTarget is where offsets are moved to.
//
// +kubebuilder:validation:XValidation:rule="[has(self.earliest), has(self.latest), has(self.datetime), has(self.ago), has(self.offsets), has(self.shiftBy), has(self.toCurrent), has(self.fromGroup), has(self.rollbackOf)].filter(set, set).size() == 1",message="target needs exactly one of earliest, latest, datetime, ago, offsets, shiftBy, toCurrent, fromGroup and rollbackOf"
type ResetTarget struct {
	// earliest is the log start offset, written as {}.
	// +optional
	Earliest *ResetTargetEarliest `json:"earliest,omitempty"`
	// latest is the log end offset at the time of the plan, written as {}: what is produced after it is consumed.
	// For a read_committed group it is the last stable offset.
	// +optional
	Latest *ResetTargetLatest `json:"latest,omitempty"`
	// datetime is the first message whose timestamp is not before this time, in RFC 3339 with its zone:
	// 2026-03-01T14:00:00Z. Timestamps may be out of order: older ones may follow that message.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('1970-01-01T00:00:00Z')",message="datetime must not be before 1970: no Kafka message is as old"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="datetime can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	DateTime *metav1.Time `json:"datetime,omitempty"`
	// ago is datetime, counted back from when the plan is made, such as 24h. At most 87600h, ten years.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('87600h')",message="ago must be a duration between 1ms and 87600h, such as 24h or 1h30m"
	// +kubebuilder:validation:XValidation:rule="duration(self) == duration(oldSelf)",message="ago can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	Ago *metav1.Duration `json:"ago,omitempty"`
	// offsets are the offset of each partition that is moved, each partition once. At most 5000, and 200000 characters
	// of topic names among them, since the API server keeps no object above 1.5 MiB: more take several resets.
	// +listType=map
	// +listMapKey=topic
	// +listMapKey=partition
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5000
	// +kubebuilder:validation:XValidation:rule="self.map(o, size(o.topic)).sum() <= 200000",message="the topic names of offsets must not be longer than 200000 characters together: use several KafkaOffsetResets",reason=FieldValueForbidden
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="offsets can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	Offsets []PartitionOffset `json:"offsets,omitempty"`
	// shiftBy moves each committed offset by so many offsets: negative is back. Offsets are not messages: compaction
	// and transactions leave offsets without one. It is counted from what is committed once the workers have stopped.
	// A partition without a commit is left as it is.
	// +kubebuilder:validation:Minimum=-1000000000000000000
	// +kubebuilder:validation:Maximum=1000000000000000000
	// +kubebuilder:validation:XValidation:rule="self != 0",message="shiftBy 0 moves nothing: use toCurrent to write the committed offsets anew"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="shiftBy can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	ShiftBy *int64 `json:"shiftBy,omitempty"`
	// toCurrent commits what is committed, once the workers have stopped, and the log end where nothing is. Written as {}.
	// +optional
	ToCurrent *ResetTargetCurrent `json:"toCurrent,omitempty"`
	// fromGroup copies the commits of another consumer group of the same Kafka cluster, by its Kafka group id. A
	// partition on which that one has none is left as it is.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="fromGroup can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	FromGroup string `json:"fromGroup,omitempty"`
	// rollbackOf undoes an earlier KafkaOffsetReset of the same group: offsets and metadata are again what they were
	// right before it committed, and partitions that had no commit have none.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="rollbackOf can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +optional
	RollbackOf ObjectName `json:"rollbackOf,omitempty"`
}

// ResetTargetEarliest has no settings.
type ResetTargetEarliest struct{}

// ResetTargetLatest has no settings.
type ResetTargetLatest struct{}

// ResetTargetCurrent has no settings.
type ResetTargetCurrent struct{}

// PartitionOffset is an offset of a partition.
type PartitionOffset struct {
	// topic is one of the group's topics.
	// +required
	Topic TopicName `json:"topic"`
	// partition is its number in the topic.
	// +kubebuilder:validation:Minimum=0
	// +required
	Partition int32 `json:"partition"`
	// offset is that of the next message to consume.
	// +kubebuilder:validation:Minimum=0
	// +required
	Offset int64 `json:"offset"`
}

// ResetScope is which partitions are moved.
type ResetScope struct {
	// topics are those of the group's topics that are moved.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="self.map(t, has(t.partitions) ? size(t.partitions) : 0).sum() <= 20000",message="scope must not list more than 20000 partitions: leave out partitions of topics that are moved as a whole",reason=FieldValueForbidden
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="scope can't be changed: create another KafkaOffsetReset",reason=FieldValueForbidden
	// +required
	Topics []ScopedTopic `json:"topics"`
}

// ScopedTopic is a topic, or some partitions of it.
type ScopedTopic struct {
	// name is one of the group's topics.
	// +required
	Name TopicName `json:"name"`
	// partitions are their numbers. Default: all.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:Minimum=0
	// +optional
	Partitions []int32 `json:"partitions,omitempty"`
}

// OutOfRangePolicy is what happens to a target outside of the log.
type OutOfRangePolicy string

// The policies for a target outside of the log.
const (
	OutOfRangeFail  OutOfRangePolicy = "Fail"
	OutOfRangeClamp OutOfRangePolicy = "Clamp"
)

// PastEndPolicy is what happens where no message is as young as the target.
type PastEndPolicy string

// The policies for a time past the last message.
const (
	PastEndEnd  PastEndPolicy = "End"
	PastEndSkip PastEndPolicy = "Skip"
	PastEndFail PastEndPolicy = "Fail"
)

// DedupPolicy is what becomes of the namespace in which workers store the ids of
// handled messages.
type DedupPolicy string

// The policies for the namespace of handled messages.
const (
	DedupKeep         DedupPolicy = "Keep"
	DedupNewNamespace DedupPolicy = "NewNamespace"
)

// ApprovalMode is who lets a plan run.
type ApprovalMode string

// The modes of approval.
const (
	ApprovalManual    ApprovalMode = "Manual"
	ApprovalAutomatic ApprovalMode = "Automatic"
)

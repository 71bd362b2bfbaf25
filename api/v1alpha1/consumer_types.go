package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConsumerSpec is what the workers are told about consuming. The operator writes
// it into the file that they mount, and leaves out what has its default value.
//
// The rules ask whether a field is there although each has a default: the API
// server tries them on the default of the whole, {}, before it fills that in. And
// they leave alone what is no duration, of which the field's own rule tells.
//
// +kubebuilder:validation:XValidation:rule="!has(self.heartbeatInterval) || !has(self.sessionTimeout) || [self.heartbeatInterval, self.sessionTimeout].exists(d, !d.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$')) || duration(self.heartbeatInterval) < duration(self.sessionTimeout)",message="heartbeatInterval (default 1s) must be shorter than sessionTimeout (default 10s): a worker whose heartbeats come later is put out of the group",fieldPath=".heartbeatInterval"
// +kubebuilder:validation:XValidation:rule="!has(self.heartbeatInterval) || !has(self.rebalanceTimeout) || [self.heartbeatInterval, self.rebalanceTimeout].exists(d, !d.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$')) || duration(self.heartbeatInterval) < duration(self.rebalanceTimeout)",message="rebalanceTimeout must be longer than heartbeatInterval (default 1s): a worker learns of a rebalance by its heartbeat",fieldPath=".rebalanceTimeout"
// +kubebuilder:validation:XValidation:rule="!has(self.maxProcessingTime) || !has(self.rebalanceTimeout) || [self.maxProcessingTime, self.rebalanceTimeout].exists(d, !d.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$')) || duration(self.rebalanceTimeout).getMilliseconds() * 3 >= duration(self.maxProcessingTime).getMilliseconds() * 4",message="rebalanceTimeout must be at least four thirds of maxProcessingTime (default 10s): in a rebalance a message in hand may use three quarters of it, and one that needs longer is abandoned and handled again",fieldPath=".rebalanceTimeout"
// +kubebuilder:validation:XValidation:rule="!has(self.concurrency) || !has(self.inFlight) || self.concurrency <= self.inFlight.messages",message="concurrency must not be greater than inFlight.messages: no more messages than those can be in hand",fieldPath=".concurrency"
type ConsumerSpec struct {
	// initialOffset is where a partition without a committed offset starts: at the log start (earliest) or the
	// log end (latest). It also says what such a partition's lag is. A partition whose siblings have commits was
	// added later and starts at the log start in either case. Default: earliest, which skips nothing.
	// +kubebuilder:validation:Enum=earliest;latest
	// +kubebuilder:default=earliest
	// +optional
	InitialOffset string `json:"initialOffset,omitempty"`

	// seedOffsets has Lagrange commit where a partition without a commit starts, before the first worker does, so that
	// a worker that ends before its first commit skips nothing: with latest the next one would start at an end that has
	// moved on. So it is for partitions that were added while the group has no workers, at the log start. Only while the
	// group has no members, and never for a partition that has a commit. Rolls no worker. Default: true with
	// initialOffset latest, false with earliest.
	// +optional
	SeedOffsets *bool `json:"seedOffsets,omitempty"`

	// onOutOfRange is where a partition goes on whose committed offset is not in its log: below the log start, when
	// messages were deleted before they were read, or above the log end, when the topic was created again or lost
	// data. earliest goes on at the log start and so with all that there is; latest at the log end, and skips what is
	// there; fail ends the worker with an error that names the partition, until its offset is reset. Default: earliest.
	// +kubebuilder:validation:Enum=earliest;latest;fail
	// +kubebuilder:default=earliest
	// +optional
	OnOutOfRange string `json:"onOutOfRange,omitempty"`

	// maxMessageAge drops messages that are older by their timestamp, as a duration such as 30m or 168h, up to 8760h.
	// The workers never handle those: they open a partition at the first message that is young enough, drop what
	// grows too old while it waits, and count both. Default: not set, which drops none.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('8760h')",message="must be a duration between 1ms and 8760h, such as 30m or 168h; leave it out to drop nothing"
	// +optional
	MaxMessageAge metav1.Duration `json:"maxMessageAge,omitzero"`

	// isolationLevel is which records the workers read. read_uncommitted reads up to the log end, records of aborted
	// transactions included; read_committed up to the last stable offset, so that the first open transaction holds
	// back everything after it, which is then no lag. Default: read_uncommitted, as in Kafka.
	// +kubebuilder:validation:Enum=read_uncommitted;read_committed
	// +kubebuilder:default=read_uncommitted
	// +optional
	IsolationLevel string `json:"isolationLevel,omitempty"`

	// assignment is how partitions are divided among the workers. range: each topic by itself, in runs of neighbours;
	// roundRobin: all partitions of all topics in turn; sticky: balanced, and few move when workers come and go;
	// stable: balanced, and a partition keeps its owner wherever the balance allows; stableConsistent: stable, and one
	// worker has the same partition number of all topics with equally many partitions; cooperativeSticky: sticky, and
	// what doesn't move is handled on during a rebalance. It decides how many workers can be used: two topics of 12 partitions use 12 with
	// range and stableConsistent, and 24 with the others. Default: range. Workers built on the Go runtime share a group
	// whatever they were told, and divide it as the new ones were told once the last old one has left, so that a change
	// can roll them. Workers of your own must offer the old and the new assignment at once, or the new ones can join
	// only after the last old one has left.
	// +kubebuilder:validation:Enum=range;roundRobin;sticky;stable;stableConsistent;cooperativeSticky
	// +kubebuilder:default=range
	// +optional
	Assignment Assignment `json:"assignment,omitempty"`

	// maxProcessingTime is the longest that handling one message may take, as a duration such as 500ms or 1m30s, up to
	// 24h. A worker being stopped finishes the messages in hand for that long. Default: 10s.
	// +kubebuilder:default="10s"
	// +optional
	MaxProcessingTime Duration `json:"maxProcessingTime,omitzero"`

	// sessionTimeout is how long the group keeps a worker that has gone silent, as a duration such as 10s: for that
	// long nobody handles the partitions of one that crashed. Brokers accept 6s to 30m, unless their
	// group.min.session.timeout.ms and group.max.session.timeout.ms say otherwise. Default: 10s.
	// +kubebuilder:default="10s"
	// +optional
	SessionTimeout Duration `json:"sessionTimeout,omitzero"`

	// heartbeatInterval is the time between a worker's heartbeats, as a duration such as 1s; shorter than
	// sessionTimeout. By its heartbeat a worker learns of a rebalance, and the others wait for it. Default: 1s.
	// +kubebuilder:default="1s"
	// +optional
	HeartbeatInterval Duration `json:"heartbeatInterval,omitzero"`

	// rebalanceTimeout is how long the group waits for a worker in a rebalance, as a duration such as 1m. A message in
	// hand may use three quarters of it, so it is at least four thirds of maxProcessingTime; what takes longer is
	// abandoned, and handled again by the partition's next owner. Default: maxProcessingTime plus 30s.
	// +optional
	RebalanceTimeout Duration `json:"rebalanceTimeout,omitzero"`

	// commit is how handled messages are committed.
	// +optional
	Commit *CommitSpec `json:"commit,omitempty"`

	// ordering is which messages a worker handles one after another: those of a partition (partition), those of a topic
	// with the same key (key), or none. With key and none more messages are in hand than there are partitions. In all
	// three a message is committed only after all before it in its partition. Default: partition.
	// +kubebuilder:validation:Enum=partition;key;none
	// +kubebuilder:default=partition
	// +optional
	Ordering string `json:"ordering,omitempty"`

	// concurrency is how many messages one worker handles at the same time, 1 to 10000, over all its partitions.
	// Default: with ordering partition one for each partition, where more are of no use; with key and none 16.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	Concurrency int32 `json:"concurrency,omitempty"`

	// inFlight bounds what one worker has taken from Kafka and not yet committed, and so its memory and what a crash
	// repeats.
	// +optional
	InFlight *InFlightSpec `json:"inFlight,omitempty"`

	// retry is how a message is tried again that could not be handled. Meanwhile those wait that must come after it.
	// +optional
	Retry *RetrySpec `json:"retry,omitempty"`

	// deadLetter is where a message goes that could not be handled in retry.attempts, or that the worker declares
	// beyond help. Default: not set; the worker then stops at such a message, and is started again with it.
	// +optional
	DeadLetter *DeadLetterSpec `json:"deadLetter,omitempty"`

	// dedup is for workers whose effects happen once, since they store the id of each message with its effect, as with
	// the Go runtime's dedup.Store. Default: not set; Lagrange then knows of no such store, and tells workers of none.
	// +optional
	Dedup *DedupSpec `json:"dedup,omitempty"`
}

// CommitSpec is how handled messages are committed.
type CommitSpec struct {
	// interval is the time between a worker's commits, as a duration such as 1s. Up to so much is repeated after a
	// crash, and counts as lag until it is committed; a partition is called stuck so much later. Workers commit besides
	// when they give up a partition and when they stop. Default: 1s.
	// +kubebuilder:default="1s"
	// +optional
	Interval Duration `json:"interval,omitzero"`
}

// InFlightSpec bounds what one worker has taken from Kafka and not yet
// committed: waiting, in hand, to be tried again, or handled behind one that is not.
type InFlightSpec struct {
	// messages is the most messages, 1 to 10000000. Default: 10000.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000000
	// +kubebuilder:default=10000
	// +optional
	Messages int32 `json:"messages,omitempty"`

	// bytes is the most bytes of keys and values, at least 1048576 (1 MiB). What was fetched already comes on top,
	// at most 512 KiB for each partition. Default: 67108864 (64 MiB).
	// +kubebuilder:validation:Minimum=1048576
	// +kubebuilder:default=67108864
	// +optional
	Bytes int64 `json:"bytes,omitempty"`
}

// RetrySpec is how a message is tried again that could not be handled.
//
// +kubebuilder:validation:XValidation:rule="!has(self.initialBackoff) || !has(self.maxBackoff) || [self.initialBackoff, self.maxBackoff].exists(d, !d.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$')) || duration(self.initialBackoff) <= duration(self.maxBackoff)",message="initialBackoff (default 100ms) must not be longer than maxBackoff",fieldPath=".initialBackoff"
type RetrySpec struct {
	// attempts is how often a message is handled, the first time included, until it goes to deadLetter or the worker
	// stops. Another owner of the partition begins anew. Default: 0, which tries without end.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Attempts int32 `json:"attempts,omitempty"`

	// initialBackoff is the pause after the first failure, as a duration such as 100ms. It doubles with each further
	// one up to maxBackoff. Default: 100ms.
	// +kubebuilder:default="100ms"
	// +optional
	InitialBackoff Duration `json:"initialBackoff,omitzero"`

	// maxBackoff is the longest pause, as a duration such as 30s. Default: 30s, or initialBackoff where that is longer.
	// +optional
	MaxBackoff Duration `json:"maxBackoff,omitzero"`

	// jitterPercent is by how many per cent a pause is longer or shorter, at random, 0 to 100: with 20 one of 1s takes
	// 0.8s to 1.2s. 0 is none. Default: 20.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=20
	// +optional
	JitterPercent *int32 `json:"jitterPercent,omitempty"`
}

// DeadLetterSpec is where messages go that can't be handled.
type DeadLetterSpec struct {
	// topic takes the messages, with headers that say where they came from and why. It must exist, and must not be one
	// that the group consumes. A message is committed only after its dead letter was acknowledged.
	// +required
	Topic TopicName `json:"topic"`
}

// DedupSpec is in which namespace workers store the ids of the messages that they
// have handled.
type DedupSpec struct {
	// namespace is what the workers are told: 1 to 53 letters, digits and -_./: characters. A message whose id is stored
	// in it has no effect again. A KafkaOffsetReset with dedup NewNamespace starts another one, in which nothing counts
	// as handled yet: "chat" is followed by "chat/2", "chat/3" and so on, as status.dedupNamespace says. To change it
	// here while workers run has some messages handled twice.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=53
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_./:-]+$`
	// +required
	Namespace string `json:"namespace"`
}

// Assignment is how a group divides its partitions among its members.
type Assignment string

// The assignments, as package worker and internal/layout name them.
const (
	// AssignRange gives each member a contiguous range of each topic's partitions.
	AssignRange Assignment = "range"
	// AssignRoundRobin deals all partitions of all topics in turn.
	AssignRoundRobin Assignment = "roundRobin"
	// AssignSticky balances as roundRobin does and moves as few partitions as it can.
	AssignSticky Assignment = "sticky"
	// AssignStable balances as roundRobin does, and a partition keeps its owner wherever that allows.
	AssignStable Assignment = "stable"
	// AssignStableConsistent is stable by partition number: one member has a number of all topics.
	AssignStableConsistent Assignment = "stableConsistent"
	// AssignCooperativeSticky is sticky, and goes on with what stays while the rest moves.
	AssignCooperativeSticky Assignment = "cooperativeSticky"
)

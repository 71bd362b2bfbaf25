package v1alpha1

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KafkaConsumerGroup is one Kafka consumer group and the workers that form it.
// Lagrange runs the workers from the pod template and keeps their number: the
// fewest that hold the lag target, never more than the partitions can use.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=kcg,categories=lagrange
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.groupID`
// +kubebuilder:printcolumn:name="Replicas",type=string,JSONPath=`.status.replicaSummary`,description="available/desired workers"
// +kubebuilder:printcolumn:name="Partitions",type=integer,JSONPath=`.status.partitions`
// +kubebuilder:printcolumn:name="Lag",type=integer,JSONPath=`.status.lag.messages`,description="messages, two significant digits; the last that was known while LagKnown is not True"
// +kubebuilder:printcolumn:name="Behind",type=string,JSONPath=`.status.lag.behind`,description="age of the oldest message that is not consumed; >= when it is older than what Lagrange remembers"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Health",type=string,priority=1,JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.status.scaling.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 52 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label (lower case letters, digits, '-') of at most 52 characters: the Deployment, its labels and its ConfigMaps are named after it"
type KafkaConsumerGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the team states: the group, its topics, the workers, and how far they may lag.
	// +required
	Spec KafkaConsumerGroupSpec `json:"spec"`
	// status is what Lagrange saw and did. Numbers in it are rounded to two significant digits and at most
	// about half a minute old while they move; live numbers are metrics.
	// +optional
	Status KafkaConsumerGroupStatus `json:"status,omitempty"`
}

// KafkaConsumerGroupList is a list of KafkaConsumerGroup.
//
// +kubebuilder:object:root=true
type KafkaConsumerGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaConsumerGroup `json:"items"`
}

// KafkaConsumerGroupSpec is what a team states about its consumer group.
//
// +kubebuilder:validation:XValidation:rule="self.scaling.mode == 'Manual' || self.replicas == 0",message="replicas is computed by Lagrange unless scaling.mode is Manual: remove replicas, or set scaling.mode: Manual to fix it by hand",fieldPath=".replicas"
// +kubebuilder:validation:XValidation:rule="self.scaling.mode != 'Manual' || self.replicas >= 1",message="scaling.mode Manual needs replicas of at least 1; to stop the workers set pause.mode: ScaleToZero",fieldPath=".replicas"
// +kubebuilder:validation:XValidation:rule="has(self.topics) != has(self.topicPattern)",message="name the topics by topics or by topicPattern: by one of the two",fieldPath=".topics"
// +kubebuilder:validation:XValidation:rule="!has(self.consumer.deadLetter) || !has(self.topics) || !(self.consumer.deadLetter.topic in self.topics)",message="consumer.deadLetter.topic must not be one of topics: a dead letter would be read as a message again, without end",fieldPath=".consumer.deadLetter.topic"
// +kubebuilder:validation:XValidation:rule="!has(self.consumer.deadLetter) || !has(self.topicPattern) || !self.consumer.deadLetter.topic.matches('^(?:' + self.topicPattern + ')$')",message="consumer.deadLetter.topic must not match topicPattern: a dead letter would be read as a message again, without end",fieldPath=".consumer.deadLetter.topic"
type KafkaConsumerGroupSpec struct {
	// kafka is the cluster that holds the group and its topics: the connection itself, or connectionRef.
	// +required
	Kafka KafkaSource `json:"kafka"`

	// groupID is the consumer group that the workers join, as Kafka knows it. It can't be changed: the group's
	// offsets would stay behind. Printable ASCII without white space at either end.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^[!-~]([ -~]*[!-~])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="groupID can't be changed: the offsets of the old group would stay behind; create another KafkaConsumerGroup"
	// +required
	GroupID string `json:"groupID"`

	// topics are the topics that the group consumes, each named once. Lag and useful replicas are counted over
	// all of them. A topic that doesn't exist makes the lag unknown until it does. Either topics or topicPattern.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Topics []TopicName `json:"topics,omitempty"`

	// topicPattern is a regular expression (RE2) in place of topics: the group consumes every topic whose whole name
	// it matches and that is not internal to Kafka, new ones within a minute. Lag and useful replicas are counted over
	// all of them; status.topics lists them. Workers need to subscribe by the same pattern, as the Go runtime does.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:XValidation:rule="''.matches(self) in [true, false]",message="topicPattern must be a regular expression (RE2)"
	// +optional
	TopicPattern string `json:"topicPattern,omitempty"`

	// workload is how the workers are run.
	// +required
	Workload Workload `json:"workload"`

	// replicas is the number of workers in scaling.mode Manual, obeyed literally; at least 1 there, and 0 (not
	// set) in every other mode. The scale subresource reads and writes it.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:default=0
	// +optional
	Replicas int32 `json:"replicas"`

	// consumer is what the workers are told about consuming. The team that owns the workers sets it. Any change of it
	// rolls the workers once; to write down what is the default already changes nothing, and seedOffsets is not told.
	// +kubebuilder:default={}
	// +optional
	Consumer ConsumerSpec `json:"consumer,omitempty"`

	// producerPolicyRef names the KafkaProducerPolicy of the namespace by whose settings the workers produce: dead letters,
	// and what they send themselves. Its files are beside the workers' own; a change of what it has in force rolls the
	// workers once, after an offset reset that is in progress. The first workers wait until it has something in force.
	// Default: none; workers of the Go runtime then produce as with durability: Lossless.
	// +optional
	ProducerPolicyRef *ProducerPolicyReference `json:"producerPolicyRef,omitempty"`

	// scaling is how the number of workers is found.
	// +required
	Scaling ScalingSpec `json:"scaling"`

	// pause stops scaling, or the workers, while it is set. Removing it resumes.
	// +optional
	Pause *PauseSpec `json:"pause,omitempty"`

	// offsetsOnDelete is what becomes of the consumer group in Kafka, with all that it has committed, when this object
	// is deleted: Retain leaves it, so that an object that is created again goes on from there; Delete stops the workers
	// and deletes it. Delete needs the right DELETE on the group. It holds the object for at most five minutes: what
	// can't be deleted by then stays, and an event says why. Default: Retain.
	// +kubebuilder:validation:Enum=Retain;Delete
	// +kubebuilder:default=Retain
	// +optional
	OffsetsOnDelete OffsetsPolicy `json:"offsetsOnDelete,omitempty"`
}

// ProducerPolicyReference names a KafkaProducerPolicy.
type ProducerPolicyReference struct {
	// name is that of a KafkaProducerPolicy of the same namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`
}

// OffsetsPolicy is what becomes of a group's offsets.
type OffsetsPolicy string

// The policies.
const (
	// OffsetsRetain leaves the consumer group in Kafka.
	OffsetsRetain OffsetsPolicy = "Retain"
	// OffsetsDelete deletes the consumer group from Kafka.
	OffsetsDelete OffsetsPolicy = "Delete"
)

// TopicName is the name of a Kafka topic.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=249
// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
// +kubebuilder:validation:XValidation:rule="self != '.' && self != '..'",message="a topic can't be named '.' or '..'"
type TopicName string

// KafkaSource is the Kafka cluster of a group: said here, or by a KafkaConnection.
//
// +kubebuilder:validation:XValidation:rule="has(self.connectionRef) != has(self.bootstrapServers)",message="kafka needs bootstrapServers, or connectionRef, and not both"
// +kubebuilder:validation:XValidation:rule="!has(self.connectionRef) || !(has(self.version) || has(self.clusterID) || has(self.tls) || has(self.sasl))",message="with connectionRef the KafkaConnection says how to connect: remove version, clusterID, tls and sasl",fieldPath=".connectionRef"
type KafkaSource struct {
	Connection `json:",inline"`

	// connectionRef names a KafkaConnection of the same namespace, in place of everything else here.
	// +optional
	ConnectionRef *ConnectionReference `json:"connectionRef,omitempty"`
}

// ConnectionReference names a KafkaConnection.
type ConnectionReference struct {
	// name is a KafkaConnection of the same namespace.
	// +required
	Name ObjectName `json:"name"`
}

// Workload is how the workers are run: a Deployment of the object's own name, made from the template.
//
// +kubebuilder:validation:XValidation:rule="self.template.spec.containers.exists(c, c.name == 'worker')",message="the template needs a container named \"worker\": it is the one that gets the group's settings",fieldPath=".template"
type Workload struct {
	// template is the pod template of the workers. It needs a container named "worker": that one is given the
	// group's settings as environment variables (LAGRANGE_...) and as a file. Its labels and annotations reach
	// the pods. terminationGracePeriodSeconds should be at least 5 seconds longer than consumer.maxProcessingTime.
	// +required
	Template corev1.PodTemplateSpec `json:"template"`

	// metadata is added to the Deployment.
	// +optional
	Metadata *WorkloadMetadata `json:"metadata,omitempty"`

	// strategy is the Deployment's rollout strategy. Default: RollingUpdate with maxSurge 100% and
	// maxUnavailable 0. All new workers then join in one wave and all old ones leave in one, so a rollout
	// costs about two rebalances however many workers there are, and what runs keeps running when the new
	// pods can't start; the price is twice the pods for a moment.
	// +optional
	Strategy *appsv1.DeploymentStrategy `json:"strategy,omitempty"`

	// minReadySeconds is how long a new worker must be ready before it counts as available. Default 0.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`
}

// WorkloadMetadata is labels and annotations for the Deployment itself.
type WorkloadMetadata struct {
	// labels are added to the Deployment's own.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// annotations are added to the Deployment's own.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ScalingMode is who decides the number of workers.
type ScalingMode string

// The scaling modes.
const (
	// ScalingAuto follows the lag target.
	ScalingAuto ScalingMode = "Auto"
	// ScalingManual obeys spec.replicas literally.
	ScalingManual ScalingMode = "Manual"
	// ScalingRecommend holds the workers and tells how many the lag target asks for.
	ScalingRecommend ScalingMode = "Recommend"
)

// ScalingSpec is how the number of workers is found.
//
// +kubebuilder:validation:XValidation:rule="!has(self.maxReplicas) || self.maxReplicas >= self.minReplicas",message="maxReplicas must not be smaller than minReplicas",fieldPath=".maxReplicas"
// +kubebuilder:validation:XValidation:rule="self.mode == 'Manual' || has(self.lagTarget)",message="lagTarget is required in modes Auto and Recommend",fieldPath=".lagTarget"
// +kubebuilder:validation:XValidation:rule="!has(self.onUnknown) || !has(self.maxReplicas) || self.onUnknown.minReplicas <= self.maxReplicas",message="onUnknown.minReplicas must not be greater than maxReplicas",fieldPath=".onUnknown"
// +kubebuilder:validation:XValidation:rule="!has(self.capacityHint) || (has(self.lagTarget) && has(self.lagTarget.seconds))",message="capacityHint is for lagTarget.seconds: set that, or remove capacityHint",fieldPath=".capacityHint"
// +kubebuilder:validation:XValidation:rule="!has(self.risk) || (has(self.lagTarget) && has(self.lagTarget.seconds))",message="risk is for lagTarget.seconds: set that, or remove risk",fieldPath=".risk"
// +kubebuilder:validation:XValidation:rule="!has(self.prefer) || (has(self.lagTarget) && has(self.lagTarget.seconds))",message="prefer is for lagTarget.seconds: set that, or remove prefer",fieldPath=".prefer"
type ScalingSpec struct {
	// mode is Auto (follow the lag target), Recommend (hold the number of workers, and tell in status.scaling what the
	// lag target asks for) or Manual (obey spec.replicas). Default: Auto.
	// +kubebuilder:validation:Enum=Auto;Recommend;Manual
	// +kubebuilder:default=Auto
	// +optional
	Mode ScalingMode `json:"mode,omitempty"`

	// minReplicas is the fewest workers in mode Auto. It is rounded up to the next count that makes a
	// difference: with 12 partitions 5 workers leave the busiest one as many partitions as 4 do, so 5 becomes 6.
	// Default: 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=1
	// +optional
	MinReplicas int32 `json:"minReplicas,omitempty"`

	// maxReplicas is the most workers in mode Auto, rounded down to a count that makes a difference; it wins
	// over everything else. Default: as many as the partitions can use.
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`

	// lagTarget is how far the group may lag, in seconds or in messages. Required in modes Auto and Recommend.
	// +optional
	LagTarget *LagTarget `json:"lagTarget,omitempty"`

	// capacityHint is how many messages a second one worker handles, used until that is learned. Only with
	// lagTarget.seconds. Default: it is learned from workers that have more to do than they can.
	// +kubebuilder:validation:Minimum=1
	// +optional
	CapacityHint int64 `json:"capacityHint,omitempty"`

	// risk is in how many of 100 cases arrivals may be more than planned for until new workers work: less costs
	// workers, more costs time above the target. Only with lagTarget.seconds. Default: 20.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	// +optional
	Risk int32 `json:"risk,omitempty"`

	// prefer is Cost (spend the target: a backlog worth up to lagTarget.seconds stands) or Freshness (as many
	// workers as handle what arrives, so that none stands; it takes more workers). Only with lagTarget.seconds.
	// Default: Cost.
	// +kubebuilder:validation:Enum=Cost;Freshness
	// +optional
	Prefer Preference `json:"prefer,omitempty"`

	// onUnknown raises the number of workers to a floor when the lag has been unknown for long. It never lowers
	// it. Without it the number is held while the lag is unknown.
	// +optional
	OnUnknown *OnUnknown `json:"onUnknown,omitempty"`

	// catchUp is the time in which the backlog may be worked off that a KafkaOffsetReset leaves, as a duration such as
	// 1h, up to 8760h. In mode Auto the group then begins with as many workers as before the reset, and has as many
	// more as work the backlog off in that time at the rate that is measured; lagTarget counts the rest of the lag.
	// When the time is over, what is left is lag as any other. Without catchUp it is from the beginning.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="must be a duration between 1s and 8760h, such as 1h; leave it out to have the backlog of a reset count as any other lag"
	// +optional
	CatchUp metav1.Duration `json:"catchUp,omitzero"`
}

// Preference is what a group with a lag target in seconds gives up for what.
type Preference string

// The preferences.
const (
	// PreferCost spends the lag target on fewer workers.
	PreferCost Preference = "Cost"
	// PreferFreshness spends workers on less lag.
	PreferFreshness Preference = "Freshness"
)

// LagTarget is how far the group may lag: in seconds or in messages.
//
// +kubebuilder:validation:XValidation:rule="has(self.seconds) != has(self.messagesPerReplica)",message="set seconds or messagesPerReplica, and not both"
type LagTarget struct {
	// seconds is how long the oldest message that is not handled may wait: the number of workers is the fewest with
	// which none waits longer, found from arrivals, what a worker handles, and how long new workers take to start.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	// +optional
	Seconds int32 `json:"seconds,omitempty"`
	// messagesPerReplica is how many messages of lag one worker may carry: with 1000, a lag of 3500 wants 4 workers.
	// +kubebuilder:validation:Minimum=1
	// +optional
	MessagesPerReplica int64 `json:"messagesPerReplica,omitempty"`
}

// OnUnknown is the floor while the lag is unknown.
type OnUnknown struct {
	// after is how long the lag must have been unknown, as a duration such as 5m. Default: 5m.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s')",message="after must be a duration of at least 1s, such as 5m"
	// +kubebuilder:default="5m"
	// +optional
	After metav1.Duration `json:"after,omitempty"`
	// minReplicas is the floor: fewer workers than this are raised to it.
	// +kubebuilder:validation:Minimum=1
	// +required
	MinReplicas int32 `json:"minReplicas"`
}

// PauseMode is what a pause stops.
type PauseMode string

// The pause modes.
const (
	// PauseHoldReplicas keeps the workers running and their number as it is.
	PauseHoldReplicas PauseMode = "HoldReplicas"
	// PauseScaleToZero stops all workers.
	PauseScaleToZero PauseMode = "ScaleToZero"
)

// PauseSpec pauses the group.
type PauseSpec struct {
	// mode is HoldReplicas (keep the number of workers as it is) or ScaleToZero (stop all workers). Brokers
	// forget the committed offsets of a group without members after offsets.retention.minutes (7 days by
	// default), counted from when the last member left; they are kept in status.keptOffsets, and restored
	// before workers start. Default: HoldReplicas.
	// +kubebuilder:validation:Enum=HoldReplicas;ScaleToZero
	// +kubebuilder:default=HoldReplicas
	// +optional
	Mode PauseMode `json:"mode,omitempty"`
	// until ends the pause by itself at that time, in RFC 3339 with its zone: 2026-03-01T14:00:00Z. Without it the
	// pause lasts until it is removed.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// reason is shown to everyone who wonders.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Reason string `json:"reason,omitempty"`
}

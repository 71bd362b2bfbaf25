package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KafkaProducerPolicy says what the producers of some topics must do so that
// nothing is lost, doubled or reordered: a class that sets defaults, and fields
// over it. It is held against the topics, the brokers, and the other policies and
// consumer groups of the same topics; what would break it is a finding with a fix.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=kafkaproducerpolicies,shortName=kpp,categories=lagrange
// +kubebuilder:printcolumn:name="Durability",type=string,JSONPath=`.spec.durability`
// +kubebuilder:printcolumn:name="Topics",type=integer,JSONPath=`.status.topicCount`
// +kubebuilder:printcolumn:name="Errors",type=integer,JSONPath=`.status.findingCounts.errors`
// +kubebuilder:printcolumn:name="Warnings",type=integer,JSONPath=`.status.findingCounts.warnings`
// +kubebuilder:printcolumn:name="Unknown",type=integer,JSONPath=`.status.findingCounts.unknown`,description="rules that could not be checked, since the cluster does not tell what they need"
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Applied",type=string,JSONPath=`.status.workloadSummary`,description="workloads that run these settings/workloads selected"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label (lower case letters, digits, '-') of at most 63 characters: it is the value of a label on the workloads"
type KafkaProducerPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the team states: which topics, what must not happen to their messages, and whose settings these are.
	// +required
	Spec KafkaProducerPolicySpec `json:"spec"`
	// status is what Lagrange found and did. Lagrange alone writes it.
	// +optional
	Status KafkaProducerPolicyStatus `json:"status,omitempty"`
}

// KafkaProducerPolicyList is a list of KafkaProducerPolicy.
//
// +kubebuilder:object:root=true
type KafkaProducerPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaProducerPolicy `json:"items"`
}

// KafkaProducerPolicySpec is what the producers of some topics must do.
//
// Only what no client would start with is refused here; all else is a finding.
// The rules about idempotence say again what its default is.
//
// +kubebuilder:validation:XValidation:rule="has(self.topics) != has(self.topicPattern)",message="name the topics by topics or by topicPattern: by one of the two",fieldPath=".topics"
// +kubebuilder:validation:XValidation:rule="!has(self.idempotence) || !self.idempotence || !has(self.acks) && self.durability != 'BestEffort' || has(self.acks) && self.acks == 'all'",message="idempotence needs acks: all (the default but with durability BestEffort): no client starts without it",fieldPath=".idempotence"
// +kubebuilder:validation:XValidation:rule="!has(self.maxInFlight) || self.maxInFlight <= 5 || (has(self.idempotence) ? !self.idempotence : self.durability != 'Lossless' || has(self.acks) && self.acks != 'all')",message="maxInFlight must not be above 5 with idempotence (the default of durability Lossless with acks: all): no client starts with more",fieldPath=".maxInFlight"
// +kubebuilder:validation:XValidation:rule="!has(self.transaction) || (has(self.idempotence) ? self.idempotence : self.durability == 'Lossless' && (!has(self.acks) || self.acks == 'all'))",message="transaction needs idempotence and acks: all (the defaults of durability Lossless): no client starts without them",fieldPath=".transaction"
// +kubebuilder:validation:XValidation:rule="!has(self.compressionLevel) || !has(self.compression) || self.compression != 'gzip' || self.compressionLevel <= 9",message="compressionLevel of gzip is at most 9: no client takes more",fieldPath=".compressionLevel"
type KafkaProducerPolicySpec struct {
	// kafka is the cluster that holds the topics: the connection itself, or connectionRef.
	// +required
	Kafka KafkaSource `json:"kafka"`

	// topics are the topics that the producers write to, each named once. One that doesn't exist yet is a finding until
	// it does. Either topics or topicPattern.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Topics []TopicName `json:"topics,omitempty"`

	// topicPattern is a regular expression (RE2) in place of topics: every topic whose whole name it matches and that is
	// not internal to Kafka.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:XValidation:rule="''.matches(self) in [true, false]",message="topicPattern must be a regular expression (RE2)"
	// +optional
	TopicPattern string `json:"topicPattern,omitempty"`

	// durability is what must not happen to a message that was acknowledged, and sets the defaults of what follows.
	// Lossless: not lost, doubled or reordered. AtLeastOnce: not lost, while a retry may double or reorder it.
	// BestEffort: it may be lost with a broker. status.effective has what it comes to. Default: Lossless.
	// +kubebuilder:validation:Enum=Lossless;AtLeastOnce;BestEffort
	// +kubebuilder:default=Lossless
	// +optional
	Durability Durability `json:"durability,omitempty"`

	ProducerSettings `json:",inline"`

	// clients are the clients that the producers use: sarama, built on the Go runtime; java; librdkafka, with its
	// bindings for Python, .NET, Node.js and Go. Findings speak of these, and each gets a file of its own.
	// Default: sarama.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:default={sarama}
	// +optional
	Clients []ProducerClient `json:"clients,omitempty"`

	// selector selects, by their labels, the Deployments and StatefulSets of the namespace that get the settings, if they
	// ask for it by an annotation too. An empty one selects all. Default: none.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// enforcement is what findings of severity Error do: Warn, nothing but tell; Deny keeps the settings in force that
	// were accepted last, until there are none. Default: Warn.
	// +kubebuilder:validation:Enum=Warn;Deny
	// +kubebuilder:default=Warn
	// +optional
	Enforcement PolicyEnforcement `json:"enforcement,omitempty"`
}

// Durability is what must not happen to a message that was acknowledged.
type Durability string

// The classes, the strictest first.
const (
	// Lossless: not lost, doubled or reordered.
	Lossless Durability = "Lossless"
	// AtLeastOnce: not lost.
	AtLeastOnce Durability = "AtLeastOnce"
	// BestEffort: it may be lost.
	BestEffort Durability = "BestEffort"
)

// PolicyEnforcement is what errors do.
type PolicyEnforcement string

// The enforcements.
const (
	// EnforcementWarn has errors told and nothing else.
	EnforcementWarn PolicyEnforcement = "Warn"
	// EnforcementDeny keeps what was accepted last in force.
	EnforcementDeny PolicyEnforcement = "Deny"
)

// ProducerClient is a family of Kafka clients.
//
// +kubebuilder:validation:Enum=sarama;java;librdkafka
type ProducerClient string

// The clients.
const (
	// ClientSarama is Go with sarama, as the worker runtime has it.
	ClientSarama ProducerClient = "sarama"
	// ClientJava is Kafka's own.
	ClientJava ProducerClient = "java"
	// ClientLibrdkafka is the library in C, and what is built on it.
	ClientLibrdkafka ProducerClient = "librdkafka"
)

// How workloads and policies name each other.
const (
	// AnnotationProducerContainer is on a Deployment or StatefulSet that asks for
	// the settings of the policy that selects it: the name of the container that
	// is to have them.
	AnnotationProducerContainer = "kafka.lagrange.dev/producer-container"
	// LabelProducerPolicy is on workloads that were given a policy's settings, and
	// on their pods: the policy's name.
	LabelProducerPolicy = "kafka.lagrange.dev/producer-policy"
)

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KafkaProducerPolicyStatus is what Lagrange found and did.
type KafkaProducerPolicyStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions tell how the policy is. Ready: the settings of this generation are in force, and no workload is known
	// to run others. Stalled: someone must act. Accepted: the settings of this generation are in force. Applied, with
	// workloads only: all of them report that they run what is in force. KafkaReachable: the topics could be looked at.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// bootstrapServers are the servers that the connection comes to, comma-separated; clusterID is the cluster
	// behind them. Another cluster that answers there later is not taken for it.
	// +optional
	BootstrapServers string `json:"bootstrapServers,omitempty"`
	// clusterID is the id of the Kafka cluster that the topics were looked for in.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`
	// otherClusterID is the id of another cluster that answers behind them and is not accepted; absent otherwise.
	// +optional
	OtherClusterID string `json:"otherClusterID,omitempty"`
	// effective is what durability and the fields of the spec come to.
	// +optional
	Effective *EffectiveProducer `json:"effective,omitempty"`
	// inForce is what was accepted last, and is delivered; with enforcement: Deny that may be of an older generation.
	// +optional
	InForce *ProducerInForce `json:"inForce,omitempty"`

	// findingCounts is how many findings there are, those that findings has no room for too.
	// +optional
	FindingCounts *FindingCounts `json:"findingCounts,omitempty"`
	// findings are what would break the policy, the worst first, at most 64.
	// +listType=atomic
	// +optional
	Findings []ProducerFinding `json:"findings,omitempty"`

	// topicCount is how many topics the policy has.
	// +optional
	TopicCount int32 `json:"topicCount,omitempty"`
	// topics are their partitions as they were when the topic was first seen, or the policy was last changed: from
	// another number on, keys are in other partitions. At most 256, by name.
	// +listType=map
	// +listMapKey=name
	// +optional
	Topics []ProducerTopic `json:"topics,omitempty"`

	// workloadSummary is how many workloads run what is in force, of how many, for people.
	// +optional
	WorkloadSummary string `json:"workloadSummary,omitempty"`
	// workloads are those that the policy is for, at most 100, those that don't run it first.
	// +listType=atomic
	// +optional
	Workloads []ProducerWorkload `json:"workloads,omitempty"`
}

// EffectiveProducer is what durability and the fields of a spec come to.
type EffectiveProducer struct {
	// durability is the class.
	Durability       Durability `json:"durability"`
	ProducerSettings `json:",inline"`
	// retry is what retryBudget comes to where a client counts its tries.
	Retry ProducerRetry `json:"retry"`
}

// ProducerRetry is how often a message is tried again, and after what pauses.
type ProducerRetry struct {
	// attempts is how often a message is tried again, so that the pauses add up to retryBudget at least.
	Attempts int32 `json:"attempts"`
	// initialBackoff is the first pause. It doubles with each.
	InitialBackoff Duration `json:"initialBackoff"`
	// maxBackoff is the longest pause.
	MaxBackoff Duration `json:"maxBackoff"`
}

// ProducerInForce is what was accepted last.
type ProducerInForce struct {
	// generation is that of the spec that it was made of.
	Generation int64 `json:"generation"`
	// settings are what the workloads are given.
	Settings EffectiveProducer `json:"settings"`
	// files are what they are given it by, one for each client.
	// +listType=map
	// +listMapKey=client
	// +optional
	Files []ProducerFile `json:"files,omitempty"`
}

// ProducerFile is the settings in a client's own words.
type ProducerFile struct {
	// client reads it.
	Client ProducerClient `json:"client"`
	// name is the file's.
	Name string `json:"name"`
	// hash is that of its settings. A workload that reports it runs them.
	Hash string `json:"hash"`
}

// FindingSeverity is how much a finding matters.
type FindingSeverity string

// The severities, the worst first.
const (
	// SeverityError: what durability promises is broken, or a client does not start.
	SeverityError FindingSeverity = "Error"
	// SeverityUnknown: the rule could not be checked.
	SeverityUnknown FindingSeverity = "Unknown"
	// SeverityWarning: it works and will hurt.
	SeverityWarning FindingSeverity = "Warning"
	// SeverityInfo: what settings can't do, and the program must.
	SeverityInfo FindingSeverity = "Info"
)

// FindingCounts is how many findings there are of each severity.
type FindingCounts struct {
	// errors: what durability promises is broken, or a client does not start.
	// +optional
	Errors int32 `json:"errors"`
	// unknown: a rule could not be checked.
	// +optional
	Unknown int32 `json:"unknown"`
	// warnings: it works and will hurt.
	// +optional
	Warnings int32 `json:"warnings"`
	// infos: what settings can't do, and the program must.
	// +optional
	Infos int32 `json:"infos"`
}

// ProducerFinding is one way in which a rule is broken.
type ProducerFinding struct {
	// rule is its id, by which the documentation has it.
	Rule string `json:"rule"`
	// severity is Error, Unknown, Warning or Info.
	Severity FindingSeverity `json:"severity"`
	// client is the one that it holds for; absent for all.
	// +optional
	Client ProducerClient `json:"client,omitempty"`
	// topic is the one that it is about; absent for none.
	// +optional
	Topic string `json:"topic,omitempty"`
	// message is what goes wrong, in one sentence.
	Message string `json:"message"`
	// fix is what to do about it.
	Fix string `json:"fix"`
	// values are those that were seen, as name=value; ? for one that is not known.
	// +listType=atomic
	// +optional
	Values []string `json:"values,omitempty"`
}

// ProducerTopic is a topic of a policy.
type ProducerTopic struct {
	// name is the topic's.
	Name string `json:"name"`
	// id is the topic's: one that is created anew under the same name has another.
	// +optional
	ID string `json:"id,omitempty"`
	// partitions is how many it had.
	Partitions int32 `json:"partitions"`
}

// ProducerWorkloadState is whether a workload runs what is in force.
type ProducerWorkloadState string

// The states, the worst first.
const (
	// WorkloadConflict: something else has set what the policy would.
	WorkloadConflict ProducerWorkloadState = "Conflict"
	// WorkloadNotAsked: it is selected, and has no annotation that asks for the settings.
	WorkloadNotAsked ProducerWorkloadState = "NotAsked"
	// WorkloadRolling: its pods are being replaced.
	WorkloadRolling ProducerWorkloadState = "Rolling"
	// WorkloadNotReporting: it was given the file, and nobody says that it is used.
	WorkloadNotReporting ProducerWorkloadState = "NotReporting"
	// WorkloadDrifted: a pod reports other settings than it was given.
	WorkloadDrifted ProducerWorkloadState = "Drifted"
	// WorkloadApplied: all of its pods report the hash of what is in force.
	WorkloadApplied ProducerWorkloadState = "Applied"
)

// ProducerWorkload is one workload that a policy is for.
type ProducerWorkload struct {
	// kind is Deployment, StatefulSet or KafkaConsumerGroup.
	Kind string `json:"kind"`
	// name is the object's.
	Name string `json:"name"`
	// state is Conflict, NotAsked, Rolling, NotReporting, Drifted or Applied.
	State ProducerWorkloadState `json:"state"`
	// pods is how many it has, and applied how many of them report what is in force.
	Pods int32 `json:"pods"`
	// applied is how many of its pods report what is in force.
	Applied int32 `json:"applied"`
	// message is why it does not run what is in force.
	// +optional
	Message string `json:"message,omitempty"`
}

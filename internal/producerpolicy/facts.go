package producerpolicy

import (
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Facts are all that rules look at.
type Facts struct {
	// Name is the policy's own, namespace/name.
	Name string
	// Spec is the policy's own.
	Spec v1alpha1.KafkaProducerPolicySpec
	// Topics are those of the policy, each once: what topics names, or what
	// exists and matches topicPattern.
	Topics []kafka.TopicConfig
	// Brokers are those of the cluster.
	Brokers kafka.BrokerConfig
	// Policies are by topic those of the same cluster that have it, in all
	// namespaces that are watched. One index serves all policies: it may hold the
	// policy itself.
	Policies map[string][]TopicPolicy
	// Groups are by topic the consumer groups of the same cluster that read it.
	Groups map[string][]TopicGroup
	// Before is topics as they were, see v1alpha1.ProducerTopic; one that is seen
	// for the first time is not in it.
	Before map[string]TopicBefore
}

// TopicBefore is a topic as it was when its partitions were counted.
type TopicBefore struct {
	// ID is zero where the brokers didn't tell it.
	ID         kafka.TopicID
	Partitions int32
}

// is tells whether the topic is still the same, and none that was created anew.
func (b TopicBefore) is(t kafka.TopicConfig) bool {
	var untold kafka.TopicID
	return b.ID == t.ID || b.ID == untold || t.ID == untold
}

// TopicPolicy is a policy that has a topic.
type TopicPolicy struct {
	// Name is namespace/name.
	Name        string
	Partitioner v1alpha1.ProducerPartitioner
}

// TopicGroup is a consumer group that reads a topic.
type TopicGroup struct {
	// Name is namespace/name of its KafkaConsumerGroup.
	Name      string
	Isolation kafka.Isolation
}

// view is the facts as one rule sees them.
type view struct {
	Facts
	settings Settings
	// clients are those of the policy for which the rule holds.
	clients []v1alpha1.ProducerClient
}

func clientsOf(spec v1alpha1.KafkaProducerPolicySpec) []v1alpha1.ProducerClient {
	if len(spec.Clients) == 0 {
		return []v1alpha1.ProducerClient{v1alpha1.ClientSarama}
	}
	return slices.Compact(slices.Sorted(slices.Values(spec.Clients)))
}

// eachClient asks of every client for which the rule holds.
func (v view) eachClient(ask func(v1alpha1.ProducerClient) []Finding) []Finding {
	var all []Finding
	for _, client := range v.clients {
		for _, f := range ask(client) {
			f.Client = client
			all = append(all, f)
		}
	}
	return all
}

// eachTopic asks of every topic in the state.
func (v view) eachTopic(state kafka.TopicState, ask func(kafka.TopicConfig) []Finding) []Finding {
	var all []Finding
	for _, topic := range v.Topics {
		if topic.State != state {
			continue
		}
		for _, f := range ask(topic) {
			f.Topic = topic.Name
			all = append(all, f)
		}
	}
	return all
}

// whenKnown asks about a value, or finds that it is not known.
func whenKnown[T comparable](name string, setting kafka.Setting[T], ask func(T) []Finding) []Finding {
	if setting.IsKnown {
		return ask(setting.Value)
	}
	message := "it can't be checked, since " + name + " is not known"
	if setting.Reason != "" {
		message += ": " + setting.Reason
	}
	return found(v1alpha1.SeverityUnknown, message, seen(name, setting))
}

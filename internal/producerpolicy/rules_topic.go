package producerpolicy

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// topicRules are about the topics themselves.
var topicRules = []Rule{
	{
		ID: "topic-missing", Pitfalls: []int{24}, Severity: v1alpha1.SeverityWarning,
		Harm:  "The topic does not exist: it is mistyped, or will be created later. Nothing else of it can be checked.",
		Fix:   "create the topic, with three replicas and min.insync.replicas=2, or mend its name",
		check: topicMissing,
	},
	{
		ID: "topic-unread", Severity: v1alpha1.SeverityUnknown,
		Harm:  "The cluster does not say whether the topic exists. Nothing of it can be checked.",
		Fix:   "give the operator DESCRIBE and DESCRIBE_CONFIGS on the topic",
		check: topicUnread,
	},
	{
		ID: "topics-created-by-accident", Pitfalls: []int{24}, Severity: v1alpha1.SeverityWarning,
		Clients: []v1alpha1.ProducerClient{v1alpha1.ClientJava},
		Harm: "With auto.create.topics.enable the first message to a mistyped name creates a topic with the brokers' defaults, which are one partition and one " +
			"replica unless somebody changed them. The Java producer can't be told not to ask for it; the others are, by their files.",
		Fix:   "set auto.create.topics.enable=false on the brokers",
		check: topicsCreatedByAccident,
	},
	{
		ID: "topic-recompresses", Pitfalls: []int{22}, Severity: v1alpha1.SeverityWarning,
		Harm:  "The topic has a compression.type of its own. The brokers unpack every batch and compress it anew, at the cost of their CPU.",
		Fix:   "set compression to what the topic has, or compression.type=producer on the topic",
		check: topicRecompresses,
	},
}

func topicMissing(v view) []Finding {
	if v.Spec.TopicPattern != "" && len(v.Topics) == 0 {
		return found(v1alpha1.SeverityWarning, "no topic matches topicPattern", seen("topicPattern", v.Spec.TopicPattern))
	}
	return v.eachTopic(kafka.TopicMissing, func(kafka.TopicConfig) []Finding {
		return found(v1alpha1.SeverityWarning, "the topic does not exist")
	})
}

func topicUnread(v view) []Finding {
	return v.eachTopic(kafka.TopicUnread, func(t kafka.TopicConfig) []Finding {
		return found(v1alpha1.SeverityUnknown, "nothing of the topic can be checked: "+t.Reason)
	})
}

func topicsCreatedByAccident(v view) []Finding {
	const name = "auto.create.topics.enable"
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		return whenKnown(name, v.Brokers.AutoCreateTopics, func(enabled bool) []Finding {
			if !enabled {
				return nil
			}
			return found(v1alpha1.SeverityWarning, fmt.Sprintf("a message of %s to a mistyped name creates a topic", client), seen(name, enabled))
		})
	})
}

func topicRecompresses(v view) []Finding {
	const name = "compression.type"
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown(name, t.CompressionType, func(codec string) []Finding {
			mine := string(v.settings.Compression)
			if codec == "producer" || codec == mine || codec == "uncompressed" && mine == string(v1alpha1.CompressionNone) {
				return nil
			}
			return found(v1alpha1.SeverityWarning, "the brokers unpack every batch and compress it anew", seen("compression", mine), seen(name, codec))
		})
	})
}

package producerpolicy

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// replicaRules are about who keeps a message once it is written.
var replicaRules = []Rule{
	{
		ID: "replication-too-low", Pitfalls: []int{5}, Severity: v1alpha1.SeverityError,
		Harm: "With one replica a broker takes messages with it. With two, either min.insync.replicas is 1 and they are lost with the leader " +
			"while the other is away, or it is 2 and nothing can be written while any broker is down.",
		Fix: "give the topic three replicas first (kafka-reassign-partitions.sh), and min.insync.replicas=2 then; a cluster of fewer than three brokers " +
			"can keep no more than durability: BestEffort",
		check: replicationTooLow,
	},
	{
		ID: "unclean-election", Pitfalls: []int{5}, Severity: v1alpha1.SeverityError,
		Harm:  "When no replica in sync is alive, one that is behind becomes the leader. What it lacks is gone, although it was confirmed.",
		Fix:   "set unclean.leader.election.enable=false on the topic",
		check: uncleanElection,
	},
	{
		ID: "eligible-leaders-off", Severity: v1alpha1.SeverityInfo,
		Harm: "Without eligible leader replicas (KIP-966) the last replica in sync, when it comes back from a crash with a shorter log, " +
			"becomes the leader, and what the others had confirmed with it is cut off. It takes all brokers of a partition to fail, one after another.",
		Fix:   "with Kafka 4.0 or newer: kafka-features.sh upgrade --feature eligible.leader.replicas.version=1",
		check: eligibleLeadersOff,
	},
}

func replicationTooLow(v view) []Finding {
	if !durable(v.settings) {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("replication.factor", t.ReplicationFactor, func(replicas int32) []Finding {
			if replicas >= 3 {
				return nil
			}
			return found(v1alpha1.SeverityError, fmt.Sprintf("%d of the three replicas that durability %s needs", replicas, v.settings.Durability),
				seen("replication.factor", replicas))
		})
	})
}

func uncleanElection(v view) []Finding {
	if !durable(v.settings) {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("unclean.leader.election.enable", t.UncleanElection, func(enabled bool) []Finding {
			if !enabled {
				return nil
			}
			return found(v1alpha1.SeverityError, "a replica that is behind may become the leader, and what it lacks is gone",
				seen("unclean.leader.election.enable", enabled))
		})
	})
}

func eligibleLeadersOff(v view) []Finding {
	if !lossless(v.settings) || v.settings.Acks != v1alpha1.AcksAll {
		return nil
	}
	const feature = "eligible.leader.replicas.version"
	return whenKnown(feature, v.Brokers.EligibleLeaders, func(level int16) []Finding {
		if level > 0 {
			return nil
		}
		return found(v1alpha1.SeverityInfo, "when all replicas of a partition fail one after another, confirmed messages may be cut off", seen(feature, level))
	})
}

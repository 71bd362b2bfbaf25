package producerpolicy

import (
	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// isrRules are about how many replicas must be in sync.
var isrRules = []Rule{
	{
		ID: "min-isr-too-low", Pitfalls: []int{3}, Severity: v1alpha1.SeverityError,
		Harm: "acks: all waits for the replicas that are in sync. With min.insync.replicas=1 that may be the leader alone: " +
			"the same as acks: leader, at the moment when it matters.",
		Fix:   "set min.insync.replicas=2 on the topic",
		check: minISRTooLow,
	},
	{
		ID: "min-isr-equals-replicas", Pitfalls: []int{4}, Severity: v1alpha1.SeverityError,
		Harm: "As many replicas must be in sync as there are: one broker that restarts stops all writes (NOT_ENOUGH_REPLICAS). " +
			"With more than there are, nothing can be written at all.",
		Fix:   "set min.insync.replicas to one less than there are replicas; with fewer than three give the topic three first",
		check: minISREqualsReplicas,
	},
	{
		ID: "min-isr-above-brokers", Pitfalls: []int{4}, Severity: v1alpha1.SeverityError,
		Harm:  "Fewer brokers are alive than must be in sync: nothing can be written.",
		Fix:   "start the brokers that are down",
		check: minISRAboveBrokers,
	},
}

func minISRTooLow(v view) []Finding {
	if !durable(v.settings) || v.settings.Acks != v1alpha1.AcksAll {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("min.insync.replicas", t.MinInSyncReplicas, func(atLeast int32) []Finding {
			if few := t.ReplicationFactor; atLeast >= 2 || few.IsKnown && few.Value < 3 { // then replication-too-low comes first
				return nil
			}
			return found(v1alpha1.SeverityError, "a message counts as written that only the leader has, when no other replica is in sync",
				seen("min.insync.replicas", atLeast), seen("replication.factor", t.ReplicationFactor))
		})
	})
}

func minISREqualsReplicas(v view) []Finding {
	if v.settings.Acks != v1alpha1.AcksAll {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("min.insync.replicas", t.MinInSyncReplicas, func(atLeast int32) []Finding {
			return whenKnown("replication.factor", t.ReplicationFactor, func(replicas int32) []Finding {
				return writable(atLeast, replicas)
			})
		})
	})
}

// writable: one replica of one is replication-too-low.
func writable(atLeast, replicas int32) []Finding {
	values := []string{seen("min.insync.replicas", atLeast), seen("replication.factor", replicas)}
	switch {
	case atLeast > replicas:
		return found(v1alpha1.SeverityError, "nothing can be written: more replicas must be in sync than there are", values...)
	case atLeast == replicas && replicas > 1:
		return found(v1alpha1.SeverityWarning, "one broker that restarts stops all writes", values...)
	}
	return nil
}

func minISRAboveBrokers(v view) []Finding {
	if v.settings.Acks != v1alpha1.AcksAll {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("min.insync.replicas", t.MinInSyncReplicas, func(atLeast int32) []Finding {
			return whenKnown("brokers", v.Brokers.Count, func(alive int32) []Finding {
				if atLeast <= alive {
					return nil
				}
				return found(v1alpha1.SeverityError, "nothing can be written: fewer brokers are alive than must be in sync",
					seen("min.insync.replicas", atLeast), seen("brokers", alive))
			})
		})
	})
}

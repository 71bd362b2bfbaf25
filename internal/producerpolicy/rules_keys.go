package producerpolicy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// keyRules are about keys, and the partitions that they go to.
var keyRules = []Rule{
	{
		ID: "keyless-to-compacted", Pitfalls: []int{19}, Severity: v1alpha1.SeverityError,
		Harm:  "A compacted topic keeps the last message of each key. It refuses one without a key (INVALID_RECORD), and the batch that it is in.",
		Fix:   "set requireKey: true once every message has a key",
		check: keylessToCompacted,
	},
	{
		ID: "two-hashes", Pitfalls: []int{20}, Severity: v1alpha1.SeverityError,
		Harm: "Two producers that hash differently put one key into two partitions: its messages have no order, and topics that are joined by " +
			"partition don't match. The defaults differ: Java has murmur2, sarama fnv1a, librdkafka crc32. A policy of another namespace is a Warning: " +
			"it denies nothing.",
		Fix:   "set the same partitioner in all policies of the topic; keys that are already written stay where they are",
		check: twoHashes,
	},
	{
		ID: "hash-not-offered", Pitfalls: []int{20}, Severity: v1alpha1.SeverityError, Clients: byTime,
		Harm: "Java has murmur2 and no other hash without a class of your own, and librdkafka takes no partitions in turn: " +
			"its file leaves the client's default in force.",
		Fix:   "set partitioner: murmur2, which all clients have, or make a policy of its own for the other clients",
		check: hashNotOffered,
	},
	{
		ID: "keys-spread", Pitfalls: []int{20}, Severity: v1alpha1.SeverityWarning,
		Harm:  "With random and roundRobin messages of one key go to any partition, so that they have no order at all.",
		Fix:   "set partitioner: murmur2, or durability: AtLeastOnce if order doesn't matter",
		check: keysSpread,
	},
	{
		ID: "partitions-added", Pitfalls: []int{21}, Severity: v1alpha1.SeverityWarning,
		Harm: "A hash is taken modulo the number of partitions. Since it changed, keys have other partitions, and a new message of a key can be handled before " +
			"an old one that waits in its old partition.",
		Fix:   "let consumers catch up with what was written before; any change of the policy takes the number as it is now",
		check: partitionsAdded,
	},
	{
		ID: "stop-without-order", Severity: v1alpha1.SeverityError, Refuses: true,
		Clients: []v1alpha1.ProducerClient{v1alpha1.ClientSarama},
		Harm: "stopOnError keeps the order of a key. Where failures aren't known (acks: none) or keys have no partition there is none; " +
			"the worker runtime refuses to start.",
		Fix:   "leave stopOnError out",
		check: stopWithoutOrder,
	},
}

func keylessToCompacted(v view) []Finding {
	if v.settings.RequireKey {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		return whenKnown("cleanup.policy", t.CleanupPolicy, func(policy kafka.CleanupPolicy) []Finding {
			if !policy.Compacts() {
				return nil
			}
			return found(v1alpha1.SeverityError, "a message without a key is refused, with the batch that it is in",
				seen("cleanup.policy", policy), seen("requireKey", false))
		})
	})
}

func twoHashes(v view) []Finding {
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		var all []Finding
		for _, other := range v.Policies[t.Name] {
			if other.Name != v.Name && other.Partitioner != v.settings.Partitioner {
				all = append(all, v.otherHash(other)...)
			}
		}
		return all
	})
}

// otherHash: what programs choose may be the same.
func (v view) otherHash(other TopicPolicy) []Finding {
	values := []string{seen("partitioner", v.settings.Partitioner), seen(other.Name, other.Partitioner)}
	if slices.Contains([]v1alpha1.ProducerPartitioner{v.settings.Partitioner, other.Partitioner}, v1alpha1.PartitionManual) {
		return found(v1alpha1.SeverityUnknown, fmt.Sprintf("whether the policy %s puts keys into the same partitions is up to a program", other.Name), values...)
	}
	return found(errorIf(lossless(v.settings) && v.sameNamespace(other)), fmt.Sprintf("the policy %s puts keys into other partitions", other.Name), values...)
}

// sameNamespace: what another tenant states is told, and never denies anything:
// whoever may write a policy could else hold up those of all others.
func (v view) sameNamespace(other TopicPolicy) bool {
	mine, _, _ := strings.Cut(v.Name, "/")
	theirs, _, _ := strings.Cut(other.Name, "/")
	return mine == theirs
}

// hashNotOffered: without keys that have partitions it is only how evenly they spread.
func hashNotOffered(v view) []Finding {
	partitioner := v.settings.Partitioner
	return v.eachClient(func(client v1alpha1.ProducerClient) []Finding {
		if _, offered := partitionerOf(client, partitioner); offered {
			return nil
		}
		return found(errorIf(lossless(v.settings) && partitioner.KeepsKeys()),
			fmt.Sprintf("%s has no partitioner %s", client, partitioner), seen("partitioner", partitioner))
	})
}

func keysSpread(v view) []Finding {
	if !lossless(v.settings) || v.settings.Partitioner.KeepsKeys() {
		return nil
	}
	return found(v1alpha1.SeverityWarning, "messages of one key have no order", seen("partitioner", v.settings.Partitioner))
}

func partitionsAdded(v view) []Finding {
	if !v.settings.Partitioner.KeepsKeys() || v.settings.Partitioner == v1alpha1.PartitionManual {
		return nil
	}
	return v.eachTopic(kafka.TopicExists, func(t kafka.TopicConfig) []Finding {
		before, counted := v.Before[t.Name]
		if !counted || !before.is(t) {
			return nil
		}
		return whenKnown("partitions", t.Partitions, func(now int32) []Finding {
			if now == before.Partitions {
				return nil
			}
			return found(v1alpha1.SeverityWarning, fmt.Sprintf("keys have other partitions than before, when there were %d", before.Partitions), seen("partitions", now))
		})
	})
}

func stopWithoutOrder(v view) []Finding {
	if !stops(v.settings) || keepsOrder(v.settings) {
		return nil
	}
	return v.eachClient(func(v1alpha1.ProducerClient) []Finding {
		return found(v1alpha1.SeverityError, "there is no order of keys that stopOnError could keep",
			seen("acks", v.settings.Acks), seen("partitioner", v.settings.Partitioner))
	})
}

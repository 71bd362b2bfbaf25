package resetplan

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Dedup is in which namespace the group's workers store the ids of the messages
// that they have handled. Both are empty where the group names none.
type Dedup struct {
	// InForce is the one that they use, Next the one that a reset may start.
	InForce, Next string
}

// NoNamespace is why a new namespace can't be started, nil where it can or is not asked for.
func NoNamespace(spec v1alpha1.KafkaOffsetResetSpec, dedup Dedup) *Problem {
	if spec.Dedup != v1alpha1.DedupNewNamespace || dedup.InForce != "" {
		return nil
	}
	return &Problem{v1alpha1.ReasonNoDedupNamespace, fmt.Sprintf(
		"dedup is %s, and KafkaConsumerGroup %q has no consumer.dedup: nobody would tell its workers of a new namespace",
		v1alpha1.DedupNewNamespace, spec.GroupRef.Name)}
}

func namespaceMissing(d *draft) *Problem { return NoNamespace(d.spec, d.dedup) }

// dedupNotes say whether what goes back has its effects again.
func dedupNotes(d *draft) []string {
	if d.dedup.InForce == "" {
		return nil
	}
	var n notes
	if d.spec.Dedup == v1alpha1.DedupNewNamespace {
		n.list(d.that(move.back), fmt.Sprintf("handed to the workers again, and handled again, in dedup namespace %q", d.dedup.Next))
		n.when(true, fmt.Sprintf(
			"the workers start in dedup namespace %q, after %q: nothing counts as handled in it, on no partition", d.dedup.Next, d.dedup.InForce))
		return n
	}
	n.list(d.that(move.back), fmt.Sprintf(
		"handed to the workers again, and swallowed as duplicates as far as the ids are still stored in dedup namespace %q", d.dedup.InForce))
	n.when(true, fmt.Sprintf("dedup namespace %q stays in force: what was handled in it has no effect again", d.dedup.InForce))
	return n
}

// back: messages that were handed to the workers may be again. Without a commit
// they start at the group's initialOffset, which may be the log start.
func (m move) back() bool {
	return m.committed() && (m.deletes() || (m.commits() && m.target < m.now.Committed.Offset))
}

// sealedDedup is the policy as the hashes have it: those of plans and specs that
// keep the namespace are what they were before there was a choice.
func sealedDedup(policy v1alpha1.DedupPolicy) v1alpha1.DedupPolicy {
	if policy == v1alpha1.DedupKeep {
		return ""
	}
	return policy
}

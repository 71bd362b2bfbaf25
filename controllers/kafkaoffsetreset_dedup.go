package controllers

import (
	"fmt"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// dedup is in which namespace the group's workers store the ids of handled messages, and what comes after it.
func (t *resetTurn) dedup() resetplan.Dedup {
	spec, pass := t.group.Spec.Consumer.Dedup, max(1, t.group.Status.DedupPass)
	return resetplan.Dedup{InForce: dedupNamespace(spec, pass), Next: dedupNamespace(spec, pass+1)}
}

// unnamed refuses a new namespace where the group has lost its first one since the plan.
func (t *resetTurn) unnamed() []resetplan.Problem {
	if why := resetplan.NoNamespace(t.reset.Spec, t.dedup()); why != nil {
		return []resetplan.Problem{*why}
	}
	return nil
}

// passUnknown: the group's status says nothing of this reset, so that it may be
// one that was lost, and its pass with it. Its controller gives the group to this
// reset again, and says the pass in the same write.
func (t *resetTurn) passUnknown() *trouble {
	if t.reset.Spec.Dedup != v1alpha1.DedupNewNamespace || t.hasGroup() {
		return nil
	}
	return &trouble{v1alpha1.ReasonAwaitingTurn, "the offsets are committed; the group's status does not say which dedup namespace is in force", false}
}

// settleDedup says in which namespace the workers go on, in the write of the
// outcome: while this reset has the group, nobody else changes the pass.
func (t *resetTurn) settleDedup() (words string) {
	spec, pass, fresh := t.group.Spec.Consumer.Dedup, max(1, t.group.Status.DedupPass), t.reset.Spec.Dedup == v1alpha1.DedupNewNamespace
	if fresh {
		pass++
	}
	if spec == nil && !fresh {
		return ""
	}
	t.status.Dedup = &v1alpha1.ResetDedup{Pass: pass, Namespace: dedupNamespace(spec, pass)}
	switch {
	case spec == nil:
		return "; consumer.dedup was removed since, and the workers are told of no dedup namespace"
	case fresh:
		return fmt.Sprintf("; the workers start in dedup namespace %q", t.status.Dedup.Namespace)
	}
	return fmt.Sprintf("; dedup namespace %q stays in force", t.status.Dedup.Namespace)
}

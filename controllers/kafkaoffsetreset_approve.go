package controllers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// awaitApproval waits until spec.approved is the plan's hash, and latches it: from
// then on only cancel stops the reset.
func (r *KafkaOffsetResetReconciler) awaitApproval(ctx context.Context, t *resetTurn) (time.Duration, error) {
	spec, plan := t.reset.Spec, t.status.Plan
	switch {
	case spec.Cancel:
		t.finish(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before it was approved")
		return r.finished(ctx, t)
	case t.reset.Annotations[replanAnnotation] == strconv.Itoa(int(plan.Revision)):
		plan.Because = ""
		return r.makePlan(ctx, t)
	case spec.Approval == v1alpha1.ApprovalAutomatic, spec.Approved == plan.Hash:
		t.status.Approval = &v1alpha1.ResetApproval{Hash: plan.Hash, At: metav1.NewMicroTime(t.now)}
		t.enter(v1alpha1.PhaseApproved, 0, "approved; waits for its turn")
		return time.Nanosecond, nil
	case spec.Approved != "":
		words := fmt.Sprintf("spec.approved is %q, and the hash of the plan is %q: read the plan, and approve that one", spec.Approved, plan.Hash)
		if plan.Because != "" {
			words += "; " + plan.Because
		}
		t.waits(&trouble{v1alpha1.ReasonApprovalMismatch, words + t.unheard(), false})
	default:
		t.status.Message = t.plannedWords()
	}
	return 0, nil
}

// plannedWords are what whoever approves reads first.
func (t *resetTurn) plannedWords() string {
	plan := t.status.Plan
	words := planWords(*plan) + fmt.Sprintf("; to run it set spec.approved to %q", plan.Hash)
	if plan.Because != "" {
		words = plan.Because + ": " + words
	}
	return words + t.unheard()
}

// unheard says that somebody asks for another plan, and not of the one that there is;
// "" for nobody. The revision of an earlier plan has been heard.
func (t *resetTurn) unheard() string {
	asked, revision := t.reset.Annotations[replanAnnotation], t.status.Plan.Revision
	if n, err := strconv.Atoi(asked); asked == "" || err == nil && n > 0 && n <= int(revision) {
		return ""
	}
	return fmt.Sprintf("; the annotation %s is %q, and the plan has revision %d: only with that another one is made", replanAnnotation, shortName(asked), revision)
}

// awaitTurn waits until the group's controller gives the group to this reset.
func (r *KafkaOffsetResetReconciler) awaitTurn(ctx context.Context, t *resetTurn) (time.Duration, error) {
	switch {
	case t.reset.Spec.Cancel && !t.hasGroup():
		t.finish(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before its turn came")
		return r.finished(ctx, t)
	case t.reset.Spec.Cancel:
		t.end(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before anything was done")
		return r.resume(ctx, t)
	}
	why, err := r.unplannable(ctx, t)
	switch {
	case err != nil && !t.hasGroup():
		return 0, err // with the group it is held against once more before the commit, and that has an end
	case why != nil && t.hasGroup():
		t.end(v1alpha1.PhaseFailed, why.reason, why.message)
		return r.resume(ctx, t)
	case why != nil:
		t.waits(why)
		return replanEvery, nil
	case t.hasGroup():
		if err := r.hold(ctx, t); err != nil {
			return 0, err
		}
		t.enter(v1alpha1.PhaseDraining, t.reset.Spec.DrainTimeout.Duration, "the workers are being stopped")
		return time.Nanosecond, nil // they may have stopped already, and nothing else would wake it
	}
	t.waits(t.turnOf())
	return replanEvery, nil
}

// turnOf says whose turn it is.
func (t *resetTurn) turnOf() *trouble {
	if active := t.group.Status.ActiveReset; active != nil {
		return &trouble{v1alpha1.ReasonAwaitingTurn, fmt.Sprintf("KafkaOffsetReset %q has the group", active.Name), false}
	}
	for _, c := range t.group.Status.Conditions {
		if c.Type == v1alpha1.ConditionStalled && c.Status == yes {
			return &trouble{v1alpha1.ReasonGroupStalled, fmt.Sprintf("KafkaConsumerGroup %q is stalled: %s", t.group.Name, c.Message), true}
		}
	}
	return &trouble{v1alpha1.ReasonAwaitingTurn, "the group's controller has not given it the group yet", false}
}

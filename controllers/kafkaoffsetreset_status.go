package controllers

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// report writes what the turn has made of the status.
func (r *KafkaOffsetResetReconciler) report(ctx context.Context, t *resetTurn) error {
	if !t.reset.DeletionTimestamp.IsZero() && len(t.reset.Finalizers) == 0 {
		return nil // it is gone
	}
	return r.write(ctx, t)
}

// write writes the status if it is another than the API server has, and only over
// the reset that it was decided on.
func (r *KafkaOffsetResetReconciler) write(ctx context.Context, t *resetTurn) error {
	t.status.ObservedGeneration = t.reset.Generation
	t.setConditions()
	if reflect.DeepEqual(t.status, t.reset.Status) {
		return nil
	}
	before, after := t.reset.Status, *t.status.DeepCopy()
	err := r.patchGuarded(ctx, t, func(next *v1alpha1.KafkaOffsetReset) { next.Status = after }, func(next *v1alpha1.KafkaOffsetReset, patch client.Patch) error {
		return r.Status().Patch(ctx, next, patch)
	})
	if err != nil {
		return fmt.Errorf("write the status of KafkaOffsetReset %q: %w", client.ObjectKeyFromObject(t.reset), err)
	}
	t.status = *t.reset.Status.DeepCopy()
	for _, e := range resetEvents(before, t.reset.Status) {
		r.emit(t.reset, e)
		log.FromContext(ctx).Info(e.note, "reason", e.reason)
	}
	return nil
}

func (r *KafkaOffsetResetReconciler) emit(reset *v1alpha1.KafkaOffsetReset, e groupEvent) {
	r.Recorder.Eventf(reset, nil, e.kind, e.reason, e.action, "%s", e.shortNote())
}

// resetEvents tell each phase, and what keeps one from going on.
func resetEvents(before, after v1alpha1.KafkaOffsetResetStatus) []groupEvent {
	if before.Phase != after.Phase {
		kind := corev1.EventTypeNormal
		if after.Phase == v1alpha1.PhaseFailed || (after.Outcome != nil && after.Outcome.Phase == v1alpha1.PhaseFailed) {
			kind = corev1.EventTypeWarning
		}
		return []groupEvent{{kind, string(after.Phase), "Enter" + string(after.Phase), after.Message}}
	}
	if e, ok := conditionEvent(meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionStalled), meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionStalled)); ok {
		return []groupEvent{e}
	}
	return nil
}

// resetSteps are the conditions of the phases that can fail to go on, in their order.
var resetSteps = []struct {
	condition string
	phases    []v1alpha1.ResetPhase
	done      func(*resetTurn) bool
}{
	{v1alpha1.ConditionPlanned, []v1alpha1.ResetPhase{v1alpha1.PhasePlanning}, func(t *resetTurn) bool {
		return t.status.Plan != nil && t.status.Phase != v1alpha1.PhasePlanning // which makes another one
	}},
	{v1alpha1.ConditionApproved, []v1alpha1.ResetPhase{v1alpha1.PhasePlanned}, func(t *resetTurn) bool { return t.status.Approval != nil }},
	{v1alpha1.ConditionDrained, []v1alpha1.ResetPhase{v1alpha1.PhaseApproved, v1alpha1.PhaseDraining}, func(t *resetTurn) bool {
		return t.status.Intent != nil || t.status.Phase == v1alpha1.PhaseRechecking
	}},
	{v1alpha1.ConditionCommitted, []v1alpha1.ResetPhase{v1alpha1.PhaseRechecking, v1alpha1.PhaseCommitting}, func(t *resetTurn) bool {
		return t.status.Intent != nil && t.status.Intent.CommittedAt != nil
	}},
	{v1alpha1.ConditionVerified, []v1alpha1.ResetPhase{v1alpha1.PhaseVerifying}, func(t *resetTurn) bool {
		return t.status.Intent != nil && t.status.Outcome != nil && t.status.Outcome.Phase == v1alpha1.PhaseSucceeded
	}},
	{v1alpha1.ConditionResumed, []v1alpha1.ResetPhase{v1alpha1.PhaseResuming}, func(t *resetTurn) bool {
		return t.status.Resumed
	}},
}

// setConditions sums up the status. A step that is done is True, the one under
// way False with its reason, those that have not begun are absent.
func (t *resetTurn) setConditions() {
	for _, step := range resetSteps {
		v, shown := t.stepVerdict(step.done(t), slices.Contains(step.phases, t.status.Phase))
		if step.condition == v1alpha1.ConditionPlanned && t.refused() {
			v, shown = verdict{no, t.status.Outcome.Reason, t.status.Message}, true
		}
		if shown {
			t.setCondition(step.condition, v)
		} else {
			meta.RemoveStatusCondition(&t.status.Conditions, step.condition)
		}
	}
	t.setCondition(v1alpha1.ConditionReady, t.readyVerdict())
	t.setCondition(v1alpha1.ConditionReconciling, t.reconcilingVerdict())
	t.setCondition(v1alpha1.ConditionStalled, t.stalledVerdict())
}

// refused: there is no plan that could be approved, and there won't be one.
func (t *resetTurn) refused() bool {
	return t.status.Phase == v1alpha1.PhaseFailed && t.status.Approval == nil
}

func (t *resetTurn) stepVerdict(done, current bool) (verdict, bool) {
	switch {
	case done:
		return verdict{yes, v1alpha1.ReasonDone, "done"}, true
	case current && t.trouble != nil:
		return verdict{no, t.trouble.reason, t.trouble.message}, true
	case current && t.status.Phase == v1alpha1.PhasePlanned:
		return verdict{no, v1alpha1.ReasonAwaitingApproval, t.status.Message}, true
	case current:
		return verdict{no, v1alpha1.ReasonInProgress, t.status.Message}, true
	}
	return verdict{}, false
}

func (t *resetTurn) setCondition(kind string, v verdict) {
	meta.SetStatusCondition(&t.status.Conditions, metav1.Condition{
		Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
		ObservedGeneration: t.reset.Generation, LastTransitionTime: metav1.NewTime(t.now),
	})
}

// readyVerdict: a plan that waits for approval is all that was asked for so far.
func (t *resetTurn) readyVerdict() verdict {
	switch t.status.Phase {
	case v1alpha1.PhasePlanned:
		return verdict{yes, v1alpha1.ReasonAwaitingApproval, t.status.Message}
	case v1alpha1.PhaseSucceeded, v1alpha1.PhaseCancelled, v1alpha1.PhaseAlreadyRun:
		return verdict{yes, string(t.status.Phase), t.status.Message}
	case v1alpha1.PhaseFailed:
		return verdict{no, t.status.Outcome.Reason, t.status.Message}
	}
	return verdict{no, v1alpha1.ReasonInProgress, t.status.Message}
}

func (t *resetTurn) reconcilingVerdict() verdict {
	if t.status.Phase.Finished() || t.status.Phase == v1alpha1.PhasePlanned || t.stalledVerdict().status == yes {
		return verdict{no, v1alpha1.ReasonSettled, "nothing is under way"}
	}
	return verdict{yes, string(t.status.Phase), t.status.Message}
}

func (t *resetTurn) stalledVerdict() verdict {
	switch {
	case t.status.Phase == v1alpha1.PhaseFailed:
		return verdict{yes, t.status.Outcome.Reason, t.status.Message}
	case t.trouble != nil && t.trouble.stalled:
		return verdict{yes, t.trouble.reason, t.trouble.message}
	}
	return verdict{no, v1alpha1.ReasonNothingStalled, "nothing waits for someone to act"}
}

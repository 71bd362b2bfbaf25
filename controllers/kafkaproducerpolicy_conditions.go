package controllers

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func setPolicyConditions(
	policy *v1alpha1.KafkaProducerPolicy, s *v1alpha1.KafkaProducerPolicyStatus, seen policySnapshot, d policyDecision, done delivered,
) {
	set := func(kind string, v verdict) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
			ObservedGeneration: policy.Generation, LastTransitionTime: metav1.NewTime(seen.now),
		})
	}
	if seen.connection.named(policy.Spec.Kafka) {
		set(v1alpha1.ConditionConnectionResolved, seen.connection.resolvedVerdict(s.Conditions, policy.Generation))
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionConnectionResolved)
	}
	accepted := acceptedVerdict(policy, d)
	applied, any := appliedVerdict(s.Workloads, s.WorkloadSummary, done.notEnabled)
	if done.unreadable != nil {
		applied, any = verdict{no, v1alpha1.ReasonInvalidSelector, fmt.Sprintf("spec.selector can't be read, and selects no more workloads: %s", done.unreadable)}, true
	}
	set(v1alpha1.ConditionKafkaReachable, policyReachable(s.Conditions, seen))
	set(v1alpha1.ConditionAccepted, accepted)
	if any {
		set(v1alpha1.ConditionApplied, applied)
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionApplied)
	}
	stalled := policyStalled(seen, accepted, applied)
	set(v1alpha1.ConditionStalled, stalled)
	set(v1alpha1.ConditionReconciling, policyReconciling(stalled, accepted, applied))
	set(v1alpha1.ConditionReady, policyReady(stalled, accepted, applied))
}

// policyReachable stays as it was right after a restart, until the first look.
func policyReachable(before []metav1.Condition, seen policySnapshot) verdict {
	last := meta.FindStatusCondition(before, v1alpha1.ConditionKafkaReachable)
	switch {
	case !seen.connection.known && seen.connection.problem != nil:
		return verdict{notSeen, seen.connection.problem.reason, "nothing was tried: " + seen.connection.problem.message}
	case !seen.surveyed && last != nil:
		return verdict{last.Status, last.Reason, last.Message}
	case !seen.surveyed:
		return verdict{notSeen, v1alpha1.ReasonNotSampled, "the first look at the topics has not ended yet"}
	case seen.survey.Err != nil:
		return verdict{no, reasonOf(seen.survey.Err), seen.connection.blame(seen.survey.Err)}
	}
	return verdict{yes, v1alpha1.ReasonBrokersAnswer, "the brokers answer"}
}

// acceptedVerdict: what was decided for this generation stays while the topics
// can't be looked at.
func acceptedVerdict(policy *v1alpha1.KafkaProducerPolicy, d policyDecision) verdict {
	last := decidedOf(policy)
	switch {
	case d.unchecked == nil && d.verdict.Accepted:
		return verdict{yes, d.verdict.Reason, d.verdict.Message}
	case d.unchecked == nil:
		return verdict{no, d.verdict.Reason, d.verdict.Message}
	case last != nil:
		return verdict{last.Status, last.Reason, last.Message}
	case policy.Status.InForce != nil:
		return verdict{notSeen, v1alpha1.ReasonNotChecked, fmt.Sprintf(
			"%s; the settings of generation %d stay in force", d.unchecked.message, policy.Status.InForce.Generation)}
	}
	return verdict{notSeen, v1alpha1.ReasonNotChecked, d.unchecked.message + "; no settings are in force until then"}
}

// appliedReasons say how a policy with a workload in the state is applied. Those
// that did not ask are none of its business.
var appliedReasons = map[v1alpha1.ProducerWorkloadState]verdict{
	v1alpha1.WorkloadConflict:     {no, v1alpha1.ReasonWorkloadConflict, ""},
	v1alpha1.WorkloadDrifted:      {no, v1alpha1.ReasonWorkloadsDrifted, ""},
	v1alpha1.WorkloadRolling:      {no, v1alpha1.ReasonWorkloadsRolling, ""},
	v1alpha1.WorkloadNotReporting: {notSeen, v1alpha1.ReasonWorkloadsNotReporting, ""},
	v1alpha1.WorkloadApplied:      {yes, v1alpha1.ReasonAllApplied, ""},
}

// appliedVerdict is by the worst of the workloads, which come first; false without any.
func appliedVerdict(workloads []v1alpha1.ProducerWorkload, summary string, notEnabled bool) (verdict, bool) {
	if notEnabled {
		return verdict{no, v1alpha1.ReasonDeliveryNotEnabled, "spec.selector selects workloads, and this installation does not change workloads: " +
			"the manager needs --deliver-to-workloads and the right to, which config/components/producer-workloads adds"}, true
	}
	for _, w := range workloads {
		v, counts := appliedReasons[w.State]
		if !counts {
			continue
		}
		if v.message = summary + " workloads report the settings in force"; v.status != yes {
			v.message += fmt.Sprintf("; %s %q is %s: %s", w.Kind, w.Name, w.State, w.Message)
		}
		return v, true
	}
	return verdict{}, false
}

// policyStalled: a broker that is away may come back by itself, all else waits for
// someone.
func policyStalled(seen policySnapshot, accepted, applied verdict) verdict {
	err := seen.survey.Err
	switch {
	case seen.cluster.changed != nil:
		return verdict{yes, seen.cluster.changed.reason, seen.cluster.changed.message}
	case seen.connection.problem != nil:
		return verdict{yes, seen.connection.problem.reason, seen.connection.problem.message}
	case errors.Is(err, kafka.ErrAuthentication), errors.Is(err, kafka.ErrInvalid):
		return verdict{yes, reasonOf(err), seen.connection.blame(err)}
	case accepted.status == no:
		return verdict{yes, accepted.reason, accepted.message}
	case applied.reason == v1alpha1.ReasonWorkloadConflict, applied.reason == v1alpha1.ReasonDeliveryNotEnabled,
		applied.reason == v1alpha1.ReasonInvalidSelector:
		return verdict{yes, applied.reason, applied.message}
	}
	return verdict{no, v1alpha1.ReasonNothingStalled, "nothing waits for someone to act"}
}

func policyReconciling(stalled, accepted, applied verdict) verdict {
	switch {
	case stalled.status == yes:
	case accepted.status == notSeen:
		return verdict{yes, accepted.reason, accepted.message}
	case applied.reason == v1alpha1.ReasonWorkloadsRolling:
		return verdict{yes, applied.reason, applied.message}
	}
	return verdict{no, v1alpha1.ReasonSettled, "nothing is under way"}
}

// policyReady sums up. Workloads that tell nothing are no reason to doubt them.
func policyReady(stalled, accepted, applied verdict) verdict {
	switch {
	case stalled.status == yes:
		return verdict{no, stalled.reason, stalled.message}
	case accepted.status != yes:
		return verdict{no, accepted.reason, accepted.message}
	case applied.status == no:
		return verdict{no, applied.reason, applied.message}
	}
	return verdict{yes, accepted.reason, accepted.message}
}

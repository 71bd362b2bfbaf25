package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
)

// verdict is a condition without its type.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

// The statuses by short names.
const (
	yes     = metav1.ConditionTrue
	no      = metav1.ConditionFalse
	notSeen = metav1.ConditionUnknown
)

func (r *KafkaConsumerGroupReconciler) setConditions(
	group *v1alpha1.KafkaConsumerGroup, s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult,
) {
	set := func(kind string, v verdict) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
			ObservedGeneration: group.Generation, LastTransitionTime: metav1.NewTime(seen.now),
		})
	}
	if seen.connection.named(group.Spec.Kafka) {
		set(v1alpha1.ConditionConnectionResolved, seen.connection.resolvedVerdict(s.Conditions, group.Generation))
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionConnectionResolved)
	}
	set(v1alpha1.ConditionKafkaReachable, r.kafkaReachable(seen))
	set(v1alpha1.ConditionLagKnown, r.lagKnown(group, s, seen, d))
	set(v1alpha1.ConditionPaused, pausedVerdict(group, seen, d, done))
	if v, tell := resetInProgress(s); tell {
		set(v1alpha1.ConditionOffsetResetInProgress, v)
	}
	if seen.policy.ref != "" {
		if !done.overtaken() {
			set(v1alpha1.ConditionProducerPolicyAccepted, policyVerdict(seen.policy, d, done))
		}
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionProducerPolicyAccepted)
	}
	set(v1alpha1.ConditionScalingActive, scalingActive(group, seen, d, done))
	set(v1alpha1.ConditionScalingLimited, scalingLimited(group, d))
	if inSeconds(group.Spec.Scaling) {
		set(v1alpha1.ConditionSkewDetected, skewDetected(d))
		set(v1alpha1.ConditionScaleUpIneffective, scaleUpIneffective(d))
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionSkewDetected)
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionScaleUpIneffective)
	}
	stalled := r.stalled(s, seen, d, done)
	set(v1alpha1.ConditionStalled, stalled)
	if !done.overtaken() || meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReconciling) == nil {
		set(v1alpha1.ConditionReconciling, reconciling(s, seen, d, done, stalled))
	}
	set(v1alpha1.ConditionReady, r.ready(s, seen, d, stalled))
}

func (r *KafkaConsumerGroupReconciler) kafkaReachable(seen groupSnapshot) verdict {
	switch {
	case !seen.connection.known && seen.connection.problem != nil:
		return verdict{no, seen.connection.problem.reason, seen.connection.problem.message}
	case !seen.sampled:
		return verdict{notSeen, v1alpha1.ReasonNotSampled, "the first look at the cluster has not ended yet"}
	case seen.sample.ConnectionErr != nil:
		return verdict{no, reasonOf(seen.sample.ConnectionErr), seen.connection.blame(seen.sample.ConnectionErr)}
	}
	return verdict{yes, v1alpha1.ReasonBrokersAnswer, "the brokers answer"}
}

func (r *KafkaConsumerGroupReconciler) lagKnown(
	group *v1alpha1.KafkaConsumerGroup, s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision,
) verdict {
	switch {
	case !seen.sampled:
		return verdict{notSeen, v1alpha1.ReasonNotSampled, "the first look at the group has not ended yet"}
	case d.unknown != nil && s.Lag != nil:
		return verdict{no, d.unknown.reason, d.unknown.message + "; the lag shown is the last that was known"}
	case d.unknown != nil:
		return verdict{no, d.unknown.reason, d.unknown.message}
	case r.neverJoined(seen):
		return verdict{yes, v1alpha1.ReasonNeverCommitted, fmt.Sprintf(
			"group %q has never committed and has no members although its workers are ready: do the workers join this very group id?", group.Spec.GroupID)}
	}
	return verdict{yes, v1alpha1.ReasonAllPartitionsRead, "the lag of every partition is known"}
}

func pausedVerdict(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, done applyResult) verdict {
	p := group.Spec.Pause
	switch {
	case p == nil:
		return verdict{no, v1alpha1.ReasonNotPaused, "no pause is set"}
	case pauseOf(group).At(seen.now) == autoscale.PauseNone:
		return verdict{no, v1alpha1.ReasonPauseEnded, "the pause ended at " + p.Until.UTC().Format(time.RFC3339)}
	}
	message := "the number of workers is held"
	switch {
	case p.Mode == v1alpha1.PauseHoldReplicas && d.reset.stops != "":
		message = "the number of workers of before the reset is held when the reset has ended"
	case p.Mode == v1alpha1.PauseScaleToZero && done.replicas > 0:
		message = "the workers are not stopped, since nothing can be applied (see Stalled)"
	case p.Mode == v1alpha1.PauseScaleToZero:
		message = "all workers are stopped"
		if d.kept.after != nil {
			message += "; the group's committed offsets are kept in status.keptOffsets, since brokers forget those of a group without members"
		}
	}
	if p.Until != nil {
		message += ", until " + p.Until.UTC().Format(time.RFC3339)
	}
	if p.Reason != "" {
		message += ": " + p.Reason
	}
	return verdict{yes, string(p.Mode), message}
}

func scalingActive(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, done applyResult) verdict {
	switch {
	case d.blocked != nil:
		return verdict{no, d.blocked.reason, d.blocked.message}
	case d.held != nil:
		return verdict{no, d.held.reason, d.held.message}
	case done.invalid != nil:
		return verdict{no, done.invalid.reason, done.invalid.message}
	case d.scale.Reason == autoscale.ReasonOffsetReset:
		return verdict{no, string(autoscale.ReasonOffsetReset), "a KafkaOffsetReset has the group, which has no workers meanwhile"}
	case d.scale.Reason == autoscale.ReasonPaused:
		return verdict{no, string(autoscale.ReasonPaused), "a pause is in force"}
	case group.Spec.Scaling.Mode == v1alpha1.ScalingManual:
		return verdict{no, string(autoscale.ReasonManual), "scaling.mode is Manual"}
	case group.Spec.Scaling.Mode == v1alpha1.ScalingRecommend:
		return verdict{no, string(autoscale.ReasonRecommend), "scaling.mode is Recommend: the number of workers is held, and status.scaling tells what Auto would ask for"}
	case d.unknown != nil && d.unknown.reason == v1alpha1.ReasonNotSampled:
		return verdict{notSeen, v1alpha1.ReasonNotSampled, "the first look at the group has not ended yet"}
	case d.unknown != nil:
		return verdict{no, string(autoscale.ReasonLagUnknown), "the lag is unknown: the number of workers never goes down until it is known"}
	case seen.sample.StateErr != nil:
		return verdict{no, reasonOf(seen.sample.StateErr), "the number of workers is held: " + seen.sample.StateErr.Error()}
	case d.scale.Reason == autoscale.ReasonNeverJoined:
		return verdict{no, string(autoscale.ReasonNeverJoined), "the workers are ready and have not joined the group: more of them would not help"}
	}
	if d.scale.Reason == autoscale.ReasonCatchUp {
		return verdict{yes, string(autoscale.ReasonCatchUp), "the number of workers follows scaling.catchUp, until the backlog of the last reset is worked off"}
	}
	return verdict{yes, string(autoscale.ReasonLagTarget), "the number of workers follows the lag target"}
}

func scalingLimited(group *v1alpha1.KafkaConsumerGroup, d decision) verdict {
	switch {
	case d.scale.Reason == autoscale.ReasonOffsetReset:
		return verdict{no, string(autoscale.ReasonOffsetReset), "a KafkaOffsetReset has the group"}
	case d.scale.Reason == autoscale.ReasonPaused:
		return verdict{no, string(autoscale.ReasonPaused), "a pause is in force"}
	case group.Spec.Scaling.Mode == v1alpha1.ScalingManual:
		return verdict{no, string(autoscale.ReasonManual), "scaling.mode is Manual"}
	case group.Spec.Scaling.Mode == v1alpha1.ScalingRecommend:
		return verdict{no, string(autoscale.ReasonRecommend), "scaling.mode is Recommend"}
	case d.unknown != nil && d.scale.Limit == autoscale.LimitNone:
		return verdict{notSeen, string(autoscale.ReasonLagUnknown), "what the lag asks for is unknown"}
	}
	switch d.scale.Limit {
	case autoscale.LimitMaxReplicas:
		return verdict{yes, v1alpha1.ReasonAtMaxReplicas, "the lag asks for more workers than maxReplicas allows"}
	case autoscale.LimitUsefulMembers:
		return verdict{yes, v1alpha1.ReasonAtUsefulMembers, "the lag asks for more workers than the partitions can use"}
	case autoscale.LimitMinReplicas:
		return verdict{yes, v1alpha1.ReasonAtMinReplicas, "the lag asks for fewer workers than minReplicas"}
	}
	return verdict{no, v1alpha1.ReasonWithinBounds, "bounds and partitions allow what the lag asks for"}
}

// skewDetected is what only a lag target in seconds finds, as scaleUpIneffective is.
func skewDetected(d decision) verdict {
	switch {
	case d.unknown != nil:
		return verdict{notSeen, string(autoscale.ReasonLagUnknown), "the lag is unknown"}
	case d.scale.Hot != "":
		return verdict{yes, v1alpha1.ReasonHotPartition, d.scale.Hot +
			" gets more messages than one worker handles: no number of workers keeps up with it. Spread its keys, or make handling a message faster"}
	}
	return verdict{no, v1alpha1.ReasonNoHotPartition, "no partition is known to get more messages than one worker handles"}
}

func scaleUpIneffective(d decision) verdict {
	switch {
	case d.unknown != nil:
		return verdict{notSeen, string(autoscale.ReasonLagUnknown), "the lag is unknown"}
	case d.scale.Ineffective:
		return verdict{yes, v1alpha1.ReasonNoMoreHandled,
			"more workers handled no more, all of them busy: what holds the group up is elsewhere, as a database, a quota or a lock. They are taken back, and tried again later"}
	}
	return verdict{no, v1alpha1.ReasonNoneInVain, "no scale-up is known to have been in vain"}
}

// stalled is true when nothing will change until someone acts.
func (r *KafkaConsumerGroupReconciler) stalled(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult) verdict {
	switch {
	case d.blocked != nil:
		return verdict{yes, d.blocked.reason, d.blocked.message}
	case done.invalid != nil:
		return verdict{yes, done.invalid.reason, done.invalid.message}
	case seen.connection.outdated:
		return verdict{yes, seen.connection.problem.reason, seen.connection.problem.message + "; the workers go on with the connection of before"}
	}
	if v, is := unfinishedVerdict(s); is {
		return v
	}
	if v, is := r.unattended(s, seen.now); is {
		return v
	}
	if r.pastDeadline(s, seen, done.deployment) {
		return verdict{yes, v1alpha1.ReasonProgressDeadlineExceeded, fmt.Sprintf(
			"some workers have not become available within %s%s", r.Settings.ProgressDeadline, because(seen, d, done.deployment))}
	}
	return verdict{no, v1alpha1.ReasonNothingStalled, "nothing waits for someone to act"}
}

// unattended: a Secret that is gone, or credentials that are refused, for so long
// that nobody is about to bring others: a rotation takes less.
func (r *KafkaConsumerGroupReconciler) unattended(s *v1alpha1.KafkaConsumerGroupStatus, now time.Time) (verdict, bool) {
	for _, kind := range []string{v1alpha1.ConditionConnectionResolved, v1alpha1.ConditionKafkaReachable} {
		c := meta.FindStatusCondition(s.Conditions, kind)
		if c == nil || c.Status != no || now.Sub(c.LastTransitionTime.Time) < r.Settings.UnreachableAfter {
			continue
		}
		if kind == v1alpha1.ConditionConnectionResolved || needsSomeone(c.Reason) {
			return verdict{yes, c.Reason, fmt.Sprintf("for %s or longer: %s", r.Settings.UnreachableAfter, c.Message)}, true
		}
	}
	return verdict{}, false
}

// needsSomeone: a broker that is away may come back by itself, these don't end
// without other credentials or another spec.
func needsSomeone(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.ReasonAuthenticationFailed, v1alpha1.ReasonInvalidCredentials, v1alpha1.ReasonInvalidConnection,
	}, reason)
}

// pastDeadline covers rollouts by the Deployment's own deadline, and scale-ups,
// which the Deployment does not time, by since when workers are missing.
func (r *KafkaConsumerGroupReconciler) pastDeadline(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, deployment *appsv1.Deployment) bool {
	if deployment == nil {
		return false
	}
	// Also while the old workers suffice, as they do with maxUnavailable 0.
	c := deploymentCondition(deployment, appsv1.DeploymentProgressing)
	if c != nil && c.Reason == "ProgressDeadlineExceeded" && statusIsCurrent(deployment) {
		return true
	}
	return s.SettledReplicas != nil && s.Scaling.ShortSince != nil &&
		seen.now.Sub(s.Scaling.ShortSince.Time) >= r.Settings.ProgressDeadline
}

// reconciling is true while pods of a new template replace the old, and until
// the first workers are available. A scale-up is not a rollout.
func reconciling(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, done applyResult, stalled verdict) verdict {
	switch {
	case stalled.status == yes:
		return verdict{no, stalled.reason, "waits for someone to act"}
	case d.held != nil:
		return verdict{yes, d.held.reason, "waiting: " + d.held.message}
	case done.failed:
		return verdict{yes, v1alpha1.ReasonApplyFailed, "this generation could not be applied, and is tried again: " + done.err.Error()}
	case s.SettledReplicas == nil:
		return verdict{yes, v1alpha1.ReasonWorkersStarting, "waiting for the first workers" + because(seen, d, done.deployment)}
	case rollingOut(s, done):
		return verdict{yes, v1alpha1.ReasonRollingOut, "replacing the workers" + because(seen, d, done.deployment)}
	}
	return verdict{no, v1alpha1.ReasonSettled, "the workers run the present template"}
}

// rollingOut tells whether old pods are still to be replaced. Until the
// Deployment's controller has seen the newest spec its status speaks of the one
// before: then a template that this reconcile changed is a rollout, and
// otherwise it is as it was.
func rollingOut(s *v1alpha1.KafkaConsumerGroupStatus, done applyResult) bool {
	switch deployment := done.deployment; {
	case deployment == nil || done.rolled:
		return true
	case !statusIsCurrent(deployment):
		return meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReconciling)
	default:
		c := deploymentCondition(deployment, appsv1.DeploymentProgressing)
		return c != nil && c.Reason != "NewReplicaSetAvailable" && deployment.Status.UpdatedReplicas < deployment.Status.Replicas
	}
}

func statusIsCurrent(deployment *appsv1.Deployment) bool {
	return deployment.Status.ObservedGeneration >= deployment.Generation
}

// ready sums up: the generation is applied and as many workers are available as before.
func (r *KafkaConsumerGroupReconciler) ready(s *v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, d decision, stalled verdict) verdict {
	unreachable := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionKafkaReachable)
	switch {
	case stalled.status == yes:
		return verdict{no, stalled.reason, stalled.message}
	case s.ActiveReset != nil && s.SettledReplicas != nil:
		return verdict{yes, v1alpha1.ReasonResetInProgress, fmt.Sprintf("the workers are stopped for KafkaOffsetReset %q, and start again when it has ended", s.ActiveReset.Name)}
	case s.SettledReplicas == nil && d.held != nil:
		return verdict{no, d.held.reason, "there are no workers yet: " + d.held.message}
	case s.SettledReplicas == nil:
		return verdict{no, v1alpha1.ReasonWorkersStarting, "the first workers are not available yet" + because(seen, d, nil)}
	case s.AvailableReplicas < *s.SettledReplicas:
		return verdict{no, v1alpha1.ReasonWorkersUnavailable, "fewer workers are available than before" + because(seen, d, nil)}
	case unreachable.Status == metav1.ConditionFalse && seen.now.Sub(unreachable.LastTransitionTime.Time) >= r.Settings.UnreachableAfter:
		return verdict{no, unreachable.Reason, fmt.Sprintf("Kafka has not been reachable for %s: %s", r.Settings.UnreachableAfter, unreachable.Message)}
	}
	return verdict{yes, v1alpha1.ReasonWorkersAvailable, "the workers are available"}
}

// because is ": " and what is known of why workers don't start: first what keeps
// them from Kafka, of which their pods only show that they aren't ready.
func because(seen groupSnapshot, d decision, deployment *appsv1.Deployment) string {
	var known []string
	if cause := kafkaCause(seen, d); cause != "" {
		known = append(known, cause)
	}
	if problem := firstProblem(seen.pods); problem != "" {
		known = append(known, problem)
	} else if deployment != nil {
		if c := deploymentCondition(deployment, appsv1.DeploymentReplicaFailure); c != nil && c.Status == corev1.ConditionTrue {
			known = append(known, c.Message)
		}
	}
	if len(known) == 0 {
		return ""
	}
	return ": " + strings.Join(known, "; ")
}

// kafkaCause is what we know of Kafka or its credentials that workers run into
// as well, empty for nothing. What passes by itself is none.
func kafkaCause(seen groupSnapshot, d decision) string {
	passing := []string{v1alpha1.ReasonNotSampled, v1alpha1.ReasonSampleStale, v1alpha1.ReasonPartitionsUnread}
	switch {
	case seen.connection.problem != nil:
		return seen.connection.problem.message
	case d.unknown != nil && !slices.Contains(passing, d.unknown.reason):
		return d.unknown.message
	}
	return ""
}

func deploymentCondition(deployment *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range deployment.Status.Conditions {
		if deployment.Status.Conditions[i].Type == kind {
			return &deployment.Status.Conditions[i]
		}
	}
	return nil
}

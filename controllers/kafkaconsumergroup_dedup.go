package controllers

import (
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Workers that store the ids of handled messages do so in a namespace, and a reset
// may start a new one, the next pass:
//
//	reset: outcome and status.dedup.pass, n+1 ──> group: template with "chat/n+1" ──> workers
//	                                                     status.dedupPass, claim taken away
//
// Nobody counts: the reset says in the write of its outcome which pass follows, by
// the status of the group that it has, and the pass in force is the highest that
// the group's status, its Deployment and its resets know of. So it goes up by
// one however often managers are killed, and never back: a status that was lost
// comes back from the Deployment, and a group that was created anew from its resets.

// dedupPass is an annotation of the Deployment from the second pass on.
const dedupPass = "kafka.lagrange.dev/dedup-pass"

// dedupNamespace is the first pass's as the spec has it, then "chat/2", "chat/3"; empty without one.
func dedupNamespace(spec *v1alpha1.DedupSpec, pass int32) string {
	switch {
	case spec == nil:
		return ""
	case pass <= 1:
		return spec.Namespace
	}
	return fmt.Sprintf("%s/%d", spec.Namespace, pass)
}

// highestPass is the pass in force.
func highestPass(status v1alpha1.KafkaConsumerGroupStatus, seen groupSnapshot, resets ...v1alpha1.KafkaOffsetReset) int32 {
	pass := max(1, status.DedupPass)
	if seen.owned == ownedByUs || seen.owned == ownedOrphan {
		pass = max(pass, passOf(seen.deployment))
	}
	for i := range resets {
		if dedup := resets[i].Status.Dedup; dedup != nil {
			pass = max(pass, dedup.Pass)
		}
	}
	return pass
}

// passOf is the pass that a Deployment was applied with, 0 where it says of none.
func passOf(deployment *appsv1.Deployment) int32 {
	pass, err := strconv.ParseInt(deployment.Annotations[dedupPass], 10, 32)
	if err != nil {
		return 0
	}
	return int32(pass)
}

// inPass is the group as it is rendered: with the namespace of the pass.
func inPass(group *v1alpha1.KafkaConsumerGroup, pass int32) *v1alpha1.KafkaConsumerGroup {
	if group.Spec.Consumer.Dedup == nil || pass <= 1 {
		return group
	}
	told := *group
	told.Spec.Consumer.Dedup = &v1alpha1.DedupSpec{Namespace: dedupNamespace(group.Spec.Consumer.Dedup, pass)}
	return &told
}

// notePass writes the pass on the Deployment, in place of what a user may have put there.
func notePass(deployment *appsv1.Deployment, pass int32) {
	delete(deployment.Annotations, dedupPass)
	if pass > 1 {
		deployment.Annotations[dedupPass] = strconv.Itoa(int(pass))
	}
}

// setDedup says which pass is in force, and the namespace once the workers are told of it.
func setDedup(s *v1alpha1.KafkaConsumerGroupStatus, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, done applyResult) {
	s.DedupPass = seen.resets.pass
	if s.DedupPass == 1 {
		s.DedupPass = 0
	}
	if d.inForce(done) {
		s.DedupNamespace = dedupNamespace(group.Spec.Consumer.Dedup, seen.resets.pass)
	}
}

// dedupEvents tell of another namespace.
func dedupEvents(before, after v1alpha1.KafkaConsumerGroupStatus) []groupEvent {
	was, is := before.DedupNamespace, after.DedupNamespace
	switch {
	case was == is || before.ObservedGeneration == 0:
		return nil
	case is == "":
		return []groupEvent{{corev1.EventTypeNormal, "DedupNamespace", "SetDedupNamespace", fmt.Sprintf("the workers are told of no dedup namespace any more, it was %q", was)}}
	case was == "":
		return []groupEvent{{corev1.EventTypeNormal, "DedupNamespace", "SetDedupNamespace", fmt.Sprintf("the workers are told dedup namespace %q", is)}}
	}
	return []groupEvent{{corev1.EventTypeNormal, "DedupNamespace", "SetDedupNamespace", fmt.Sprintf(
		"the workers are told dedup namespace %q, after %q: nothing counts as handled in it yet", is, was)}}
}

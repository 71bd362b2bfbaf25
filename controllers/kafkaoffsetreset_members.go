package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// membersOf are the group's members. Static ones stay in the group when their
// pods have gone, until their session is over: those of the workers are removed.
func (r *KafkaOffsetResetReconciler) membersOf(ctx context.Context, t *resetTurn, podsGone bool) ([]kafka.Member, *trouble) {
	if why := t.reachable(); why != nil {
		return nil, why
	}
	groupID := t.group.Spec.GroupID
	membership, err := r.Kafka.Membership(ctx, t.connection.connection, groupID)
	if err != nil {
		return nil, t.kafkaFailed(err)
	}
	t.memory.failures = 0
	var static []string
	for _, m := range membership.Members {
		if podsGone && m.InstanceID != "" && t.isWorker(m) {
			static = append(static, m.InstanceID)
		}
	}
	if len(static) > 0 {
		if err := r.Kafka.RemoveStatic(ctx, t.connection.connection, groupID, static); err != nil {
			return nil, t.kafkaFailed(err)
		}
	}
	return membership.Members, nil
}

// isWorker: the workers call themselves by the names of their pods, which begin
// with that of a ReplicaSet of the group. A Deployment "orders-canary" is none of
// those of "orders".
func (t *resetTurn) isWorker(m kafka.Member) bool {
	return slices.ContainsFunc(t.podPrefixes, func(prefix string) bool { return strings.HasPrefix(m.ClientID, prefix) })
}

// podPrefixes are what the names of the group's pods begin with.
func (r *KafkaOffsetResetReconciler) podPrefixes(ctx context.Context, group *v1alpha1.KafkaConsumerGroup) ([]string, error) {
	var replicaSets appsv1.ReplicaSetList
	err := r.List(ctx, &replicaSets, client.InNamespace(group.Namespace), client.MatchingLabels(selectorLabels(group)), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the ReplicaSets of %q: %w", client.ObjectKeyFromObject(group), err)
	}
	if len(replicaSets.Items) == 0 {
		return []string{group.Name + "-"}, nil // they are not known
	}
	prefixes := make([]string, 0, len(replicaSets.Items))
	for i := range replicaSets.Items {
		prefixes = append(prefixes, truncated(replicaSets.Items[i].Name+"-"))
	}
	return prefixes, nil
}

func podWords(pod *corev1.Pod) string {
	words := fmt.Sprintf("pod %q", pod.Name)
	if pod.Spec.NodeName != "" {
		words += fmt.Sprintf(" on node %q", pod.Spec.NodeName)
	}
	if pod.DeletionTimestamp != nil {
		words += ", which is ending"
	}
	if pod.Status.Reason == "NodeLost" || nodeUnreachable(pod) {
		words += ": the node can't be reached, and the pod may still be working there"
	}
	return words
}

// nodeUnreachable: the node's controller has tainted the pod's node, which shows
// in the pod as a condition.
func nodeUnreachable(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue && c.Reason == "DeletionByTaintManager" {
			return true
		}
		if c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue && c.Reason == "NodeNotReady" {
			return true
		}
	}
	return false
}

func memberWords(m kafka.Member) string {
	m.ClientID, m.InstanceID, m.Host = shortName(m.ClientID), shortName(m.InstanceID), shortName(m.Host)
	if m.InstanceID != "" {
		return fmt.Sprintf("static member %q, client id %q at %q", m.InstanceID, m.ClientID, m.Host)
	}
	return fmt.Sprintf("member with client id %q at %q", m.ClientID, m.Host)
}

// shortName cuts what a member calls itself, which may be 32 KiB, to what a status has room for.
func shortName(name string) string {
	if len(name) <= 100 {
		return name
	}
	return strings.ToValidUTF8(name[:100], "") + "…"
}

// strangers are members that can't be workers: they have another name, and are
// there although the session of the last worker is over.
func (t *resetTurn) strangers(members []kafka.Member) []string {
	gone := t.status.Draining.PodsGoneSince
	session := cmp.Or(t.group.Spec.Consumer.SessionTimeout.Duration, defaultSession) + sessionSlack
	if gone == nil || t.now.Sub(gone.Time) < session {
		return nil
	}
	var strangers []string
	for _, m := range members {
		if !t.isWorker(m) {
			strangers = append(strangers, memberWords(m))
		}
	}
	return strangers
}

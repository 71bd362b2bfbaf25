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

// membersOf are the group's members.
func (r *KafkaOffsetResetReconciler) membersOf(ctx context.Context, t *resetTurn) ([]kafka.Member, *trouble) {
	if why := t.reachable(); why != nil {
		return nil, why
	}
	membership, err := r.Kafka.Membership(ctx, t.connection.connection, t.group.Spec.GroupID)
	if err != nil {
		return nil, t.kafkaFailed(err)
	}
	t.memory.failures = 0
	return membership.Members, nil
}

// removeStatic has static members of the workers leave the group when their pods
// have gone: by themselves they stay until their session is over. Who is removed
// is stored before.
func (r *KafkaOffsetResetReconciler) removeStatic(ctx context.Context, t *resetTurn, members []kafka.Member) (*trouble, error) {
	var static []string
	for _, m := range members {
		if m.InstanceID != "" && t.isWorker(m) {
			static = append(static, m.InstanceID)
		}
	}
	if len(static) == 0 {
		return nil, nil //nolint:nilnil // nobody to remove is the normal case
	}
	t.status.Draining.Removing = shortNames(static)
	if err := r.write(ctx, t); err != nil {
		return nil, err
	}
	if err := r.Kafka.RemoveStatic(ctx, t.connection.connection, t.group.Spec.GroupID, static); err != nil {
		return t.kafkaFailed(err), nil
	}
	return nil, nil //nolint:nilnil // it is done
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

// shortNames are as many names as a status has room for.
func shortNames(names []string) []string {
	var short []string
	for _, name := range names[:min(len(names), maxNamed)] {
		short = append(short, shortName(name))
	}
	return short
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

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// drainLook is how often is looked whether the workers have gone.
	drainLook = time.Second
	// defaultHeartbeat and defaultSession are those of Kafka's own consumers.
	defaultHeartbeat = 3 * time.Second
	defaultSession   = 45 * time.Second
	// sessionSlack is what a broker takes to notice that a session is over.
	sessionSlack = 5 * time.Second
	// maxNamed bounds the names in a status.
	maxNamed = 10
)

// drain waits until no pod of the workers exists and the group has been without
// members for a heartbeat: a member that was about to come back has then come.
func (r *KafkaOffsetResetReconciler) drain(ctx context.Context, t *resetTurn) (time.Duration, error) {
	if t.status.Draining == nil {
		t.status.Draining = &v1alpha1.ResetDraining{}
	}
	if r.stopped(t) {
		return r.resume(ctx, t)
	}
	pods, err := r.pods(ctx, t.group)
	if err == nil {
		t.podPrefixes, err = r.podPrefixes(ctx, t.group)
	}
	if err != nil {
		return 0, err
	}
	members, why := r.membersOf(ctx, t, len(pods) == 0)
	if why != nil {
		t.status.Draining.EmptySince = nil
		t.waits(why)
		return t.retryKafka(), nil
	}
	t.note(pods, members)
	if strangers := t.strangers(members); len(strangers) > 0 {
		t.end(v1alpha1.PhaseFailed, v1alpha1.ReasonForeignMembers, fmt.Sprintf(
			"the group has members that are no workers of KafkaConsumerGroup %q, and nothing was committed: %s", t.group.Name, firstFew(strangers)))
		return r.resume(ctx, t)
	}
	return t.awaitQuiet(), nil
}

// stopped ends a drain that is not to go on.
func (r *KafkaOffsetResetReconciler) stopped(t *resetTurn) bool {
	switch {
	case !t.hasGroup():
		t.end(v1alpha1.PhaseFailed, v1alpha1.ReasonGroupMissing, "the group was taken from the reset before anything was committed")
	case t.reset.Spec.Cancel:
		t.end(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before anything was committed")
	case t.overdue():
		t.end(v1alpha1.PhaseFailed, v1alpha1.ReasonDrainTimeout, t.tooLate())
	default:
		return false
	}
	return true
}

// tooLate says what was still waited for when the time to drain was over.
func (t *resetTurn) tooLate() string {
	timeout, d := t.reset.Spec.DrainTimeout.Duration, t.status.Draining
	switch {
	case t.status.Phase == v1alpha1.PhaseRechecking:
		return fmt.Sprintf("the plan could not be held against what is committed within %s, and nothing was committed: %s", timeout, t.status.Message)
	case d != nil && len(d.WaitingFor) > 0:
		return fmt.Sprintf("the workers had not left the group after %s, and nothing was committed; still there: %s", timeout, firstFew(d.WaitingFor))
	}
	return fmt.Sprintf("the workers had not left the group after %s, and nothing was committed: %s", timeout, t.status.Message)
}

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

// note writes down what is still there, and since when nothing is.
func (t *resetTurn) note(pods []corev1.Pod, members []kafka.Member) {
	d := t.status.Draining
	d.WaitingFor = nil
	if len(pods) > 0 || !t.group.Status.ActiveReset.Stopped {
		d.PodsGoneSince = nil
	} else if t.unset(d.PodsGoneSince) {
		d.PodsGoneSince = &metav1.MicroTime{Time: t.now}
	}
	if !t.group.Status.ActiveReset.Stopped && len(pods) == 0 {
		d.WaitingFor = append(d.WaitingFor, "the group's controller to stop the workers")
	}
	for i := range pods {
		d.WaitingFor = append(d.WaitingFor, podWords(&pods[i]))
	}
	for _, m := range members {
		d.WaitingFor = append(d.WaitingFor, memberWords(m))
	}
	quiet := len(d.WaitingFor) == 0
	d.WaitingFor = d.WaitingFor[:min(len(d.WaitingFor), maxNamed)]
	if !quiet {
		d.EmptySince = nil
	} else if t.unset(d.EmptySince) {
		d.EmptySince = &metav1.MicroTime{Time: t.now}
	}
}

// unset: nothing was noted, or at a time that has not come: the clock was set back,
// and waiting begins anew.
func (t *resetTurn) unset(noted *metav1.MicroTime) bool {
	return noted == nil || t.now.Before(noted.Time)
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

// awaitQuiet goes on when nobody has been there for a heartbeat.
func (t *resetTurn) awaitQuiet() time.Duration {
	d := t.status.Draining
	if d.EmptySince == nil {
		t.status.Message = "the workers are being stopped; still there: " + firstFew(d.WaitingFor)
		return drainLook
	}
	heartbeat := cmp.Or(t.group.Spec.Consumer.HeartbeatInterval.Duration, defaultHeartbeat)
	if left := heartbeat - t.now.Sub(d.EmptySince.Time); left > 0 {
		t.status.Message = "no worker is left; waiting whether one comes back"
		return left
	}
	until := t.status.Until
	t.enter(v1alpha1.PhaseRechecking, 0, "no worker is left; the plan is held against what is committed now")
	t.status.Until = until
	return time.Nanosecond
}

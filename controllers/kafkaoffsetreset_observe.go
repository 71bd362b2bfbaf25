package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// resetTurn is one reconcile of a reset: what it began with, and the status that
// it makes.
type resetTurn struct {
	now   time.Time
	reset *v1alpha1.KafkaOffsetReset
	// status is what the status becomes; it is written at the end, and before
	// each write to Kafka.
	status v1alpha1.KafkaOffsetResetStatus
	// group is the group as the API server has it, nil when it does not exist.
	group *v1alpha1.KafkaConsumerGroup
	// connection is how Kafka is reached; connectionOf says whether it can be.
	connection heldConnection
	memory     *resetMemory
	// podPrefixes are what the names of the group's pods begin with, read while draining.
	podPrefixes []string
	// mixed: the snapshot of this turn is of a mixture that another reset left.
	mixed bool
	// trouble is why the phase does not go on, nil when it does.
	trouble *trouble
}

// trouble is why a phase does not go on. With stalled someone must act.
type trouble struct {
	reason, message string
	stalled         bool
}

// observe reads the reset's group and how its Kafka is reached.
func (r *KafkaOffsetResetReconciler) observe(ctx context.Context, reset *v1alpha1.KafkaOffsetReset) (*resetTurn, error) {
	key := client.ObjectKeyFromObject(reset)
	t := &resetTurn{now: r.Clock.Now(), reset: reset, status: *reset.Status.DeepCopy(), memory: r.memories.of(key, reset.UID)}
	if t.status.Phase == "" {
		t.enter(v1alpha1.PhasePlanning, 0, "")
	}
	var err error
	if t.group, err = r.groupOf(ctx, reset); err != nil || t.group == nil {
		return t, err
	}
	if err := r.resolve(ctx, t); err != nil {
		return nil, err
	}
	t.connection = t.memory.connection
	return t, nil
}

func (r *KafkaOffsetResetReconciler) groupOf(ctx context.Context, reset *v1alpha1.KafkaOffsetReset) (*v1alpha1.KafkaConsumerGroup, error) {
	var group v1alpha1.KafkaConsumerGroup
	key := client.ObjectKey{Namespace: reset.Namespace, Name: string(reset.Spec.GroupRef.Name)}
	err := r.Live.Get(ctx, key, &group)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // no group is a fact, not a failure
	}
	if err != nil {
		return nil, fmt.Errorf("get KafkaConsumerGroup %q: %w", key, err)
	}
	return &group, nil
}

// resolve brings the connection up to date: it is that of the group.
func (r *KafkaOffsetResetReconciler) resolve(ctx context.Context, t *resetTurn) error {
	held := &t.memory.connection
	spec, err := kafkaOf(ctx, r.Live, t.group.Namespace, t.group.Spec.Kafka)
	if missing := (*problem)(nil); errors.As(err, &missing) {
		held.problem, held.known = missing, false
		return nil
	}
	if err != nil {
		return err
	}
	user := credentialUser{resetKind, client.ObjectKeyFromObject(t.reset)}
	r.Credentials.resolveFor(ctx, user, spec, r.Settings.AllowAmbientCredentials, held)
	return nil
}

// reachable returns why Kafka can't be asked about the group, nil when it can.
// What a group's own controller would not touch, a reset does not either.
func (t *resetTurn) reachable() *trouble {
	switch {
	case t.group == nil:
		return &trouble{v1alpha1.ReasonGroupMissing, fmt.Sprintf("KafkaConsumerGroup %q does not exist", t.reset.Spec.GroupRef.Name), true}
	case !t.group.DeletionTimestamp.IsZero():
		return &trouble{v1alpha1.ReasonGroupMissing, fmt.Sprintf("KafkaConsumerGroup %q is being deleted", t.group.Name), true}
	case t.status.Plan != nil && t.status.Plan.GroupID != t.group.Spec.GroupID:
		return &trouble{v1alpha1.ReasonGroupMissing, fmt.Sprintf(
			"KafkaConsumerGroup %q was created anew, with consumer group %q, and the plan is of %q", t.group.Name, t.group.Spec.GroupID, t.status.Plan.GroupID), true}
	case t.connection.problem != nil:
		return &trouble{t.connection.problem.reason, t.connection.problem.message, true}
	case !t.connection.known:
		return &trouble{v1alpha1.ReasonKafkaFailed, "the connection is not resolved yet", false}
	case t.group.Status.ClusterID == "":
		return &trouble{v1alpha1.ReasonClusterNotSeen, fmt.Sprintf("KafkaConsumerGroup %q has not seen its Kafka cluster yet", t.group.Name), false}
	}
	return nil
}

// question is what a survey of the group has to answer.
func (t *resetTurn) question() kafkaadmin.Question {
	q := kafkaadmin.Question{
		GroupID: t.group.Spec.GroupID, Topics: topicsOf(t.group), TopicPattern: t.group.Spec.TopicPattern,
		Isolation: kafka.Isolation(t.group.Spec.Consumer.IsolationLevel), SourceGroup: t.reset.Spec.Target.FromGroup,
	}
	if t.status.Plan != nil && t.status.Plan.Time != nil {
		q.At = t.status.Plan.Time.Time
	}
	return q
}

// survey asks Kafka, and holds the answering cluster against the one that is meant.
func (r *KafkaOffsetResetReconciler) survey(ctx context.Context, t *resetTurn, q kafkaadmin.Question) (kafka.Survey, *trouble) {
	survey, err := r.Kafka.Survey(ctx, t.connection.connection, q)
	if err != nil {
		return survey, t.kafkaFailed(err)
	}
	meant := t.group.Status.ClusterID
	if t.status.Plan != nil {
		meant = t.status.Plan.ClusterID
	}
	if survey.ClusterID != meant {
		return survey, &trouble{v1alpha1.ReasonClusterChanged, fmt.Sprintf(
			"Kafka cluster %q answers behind the bootstrap servers, and %q is meant", survey.ClusterID, meant), true}
	}
	t.memory.failures = 0
	return survey, nil
}

// kafkaFailed is the trouble of a request to Kafka that failed.
func (t *resetTurn) kafkaFailed(err error) *trouble {
	t.memory.failures++
	reason, stalled := v1alpha1.ReasonKafkaFailed, false
	switch {
	case errors.Is(err, kafka.ErrUnauthorized):
		reason, stalled = v1alpha1.ReasonNotPermitted, true
	case errors.Is(err, kafka.ErrUnsupported):
		reason, stalled = v1alpha1.ReasonGroupNotSupported, true
	case errors.Is(err, kafka.ErrTopicMissing):
		reason, stalled = v1alpha1.ReasonTopicMissing, true
	case credentialsFailed(err):
		reason, stalled = v1alpha1.ReasonAuthenticationFailed, true
	}
	return &trouble{reason, t.connection.blame(err), stalled}
}

// retryKafka is how long to wait before Kafka is asked again: 1 s, 2 s, 4 s, 8 s.
func (t *resetTurn) retryKafka() time.Duration {
	return time.Second << min(max(t.memory.failures-1, 0), 3)
}

// pods are the group's pods that may be working as the API server has them, those
// on their way out too.
func (r *KafkaOffsetResetReconciler) pods(ctx context.Context, group *v1alpha1.KafkaConsumerGroup) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := r.Live.List(ctx, &pods, client.InNamespace(group.Namespace), client.MatchingLabels(selectorLabels(group)))
	if err != nil {
		return nil, fmt.Errorf("list the pods of %q: %w", client.ObjectKeyFromObject(group), err)
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return hasEnded(&p) }), nil
}

// hasGroup tells whether the group is this reset's now.
func (t *resetTurn) hasGroup() bool {
	return t.group != nil && t.group.Status.ActiveReset != nil && t.group.Status.ActiveReset.UID == t.reset.UID
}

// enter begins a phase, which lasts no longer than limit unless that is 0.
func (t *resetTurn) enter(phase v1alpha1.ResetPhase, limit time.Duration, message string) {
	t.status.Phase, t.status.Message, t.trouble = phase, message, nil
	t.status.Since, t.status.Until = &metav1.Time{Time: t.now}, nil
	if limit > 0 {
		t.status.Until = &metav1.Time{Time: t.now.Add(limit)}
	}
}

// end begins to give the group back: what was decided is what follows then.
func (t *resetTurn) end(phase v1alpha1.ResetPhase, reason, message string) {
	t.status.Outcome = &v1alpha1.ResetOutcome{Phase: phase, Reason: reason, Message: message}
	how := "the workers are being started again"
	if t.stopsWorkers() {
		how = "the group is being given back, and has no workers while it is paused"
	}
	t.enter(v1alpha1.PhaseResuming, resumeWithin, how+"; then: "+message)
}

// waits says why the phase does not go on.
func (t *resetTurn) waits(why *trouble) {
	t.trouble, t.status.Message = why, why.message
}

func (t *resetTurn) overdue() bool {
	return t.status.Until != nil && !t.now.Before(t.status.Until.Time)
}

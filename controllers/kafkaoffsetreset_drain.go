package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	members, why := r.membersOf(ctx, t)
	if why == nil && len(pods) == 0 {
		why, err = r.removeStatic(ctx, t, members)
	}
	if err != nil {
		return 0, err
	}
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

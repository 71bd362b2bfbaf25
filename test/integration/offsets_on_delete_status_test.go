package integration

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestOffsetsEndingStatus: while it is held the object says that it is being deleted,
// for what it waits and until when, and is written only when that is another.
func TestOffsetsEndingStatus(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns)
	g := disposable(t, ns, "waiting", b)
	wantReplicas(t, g, 1)
	playPod(t, g, "waiting-1", ready(metav1.Now()))
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	remove(t, g)
	now, err := seen(g)
	if err != nil {
		t.Fatal(err)
	}
	until := now.DeletionTimestamp.Add(5 * time.Minute).UTC().Format(time.RFC3339)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantEndingStatus(t, g, `consumer group "billing"`, `pod "waiting-1"`, until)
	looks, written := wire.writesTo("configmaps"), wire.writesTo("kafkaconsumergroups/") // each look begins with a dry run
	eventually(t, func() error {
		if more := wire.writesTo("configmaps") - looks; more < 3 {
			return fmt.Errorf("%d looks", more)
		}
		return nil
	})
	if more := wire.writesTo("kafkaconsumergroups/") - written; more > 0 {
		t.Errorf("%d writes of what the status says already", more)
	}
	join(t, b, "billing")
	remove(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "waiting-1"}})
	wantEndingStatus(t, g, "members that are no workers of this object", until)
}

func wantEndingStatus(t *testing.T, g *v1alpha1.KafkaConsumerGroup, words ...string) {
	t.Helper()
	c := wantCondition(t, g, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonDeletingOffsets)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ReplicaSummary != "0/0" {
			return fmt.Errorf("replicas %s, want 0/0", s.ReplicaSummary)
		}
		c = conditionOf(s, v1alpha1.ConditionReady)
		if c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonDeletingOffsets || conditionOf(s, v1alpha1.ConditionStalled).Status != metav1.ConditionFalse {
			return fmt.Errorf("conditions %+v", s.Conditions)
		}
		return mentions(c.Message, words...)
	})
}

func conditionOf(s v1alpha1.KafkaConsumerGroupStatus, kind string) metav1.Condition {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return metav1.Condition{}
}

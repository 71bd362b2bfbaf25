package integration

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestClockJumps: a day forward and back takes no worker away. Forward, the
// sample looks a day old and decides nothing; back, all waiting starts anew.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	settings, start := fastSettings(), time.Now()
	settings.ScaleDownAfter = time.Hour
	clock := testclock.NewFakePassiveClock(start)
	startManager(t, managerOptions{settings: settings, clock: clock}, ns)
	g := group(ns, "jumping", kafka.address())
	create(t, g)
	kafka.produce(t, "orders", 50)
	wantReplicas(t, g, 6)
	play(t, g, allAvailable)
	kafka.commit(t, "jumping", "orders", 50) // one would do from here on
	wantReason(t, g, "CoolingDown")
	lowest := lowestReplicas(t, g)

	clock.SetTime(start.Add(24 * time.Hour))
	kafka.produce(t, "orders", 1) // something new to look at
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonSampleStale)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)

	clock.SetTime(start)
	kafka.produce(t, "orders", 1)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
	wantReason(t, g, "CoolingDown")

	clock.SetTime(start.Add(-24 * time.Hour))
	kafka.produce(t, "orders", 1)
	wantLag(t, g, 36) // numbers with a time in the future are refreshed
	kafka.produce(t, "orders", 97)
	wantReplicas(t, g, 12) // up still works
	wantReason(t, g, "LagTarget")
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	if got := lowest(); got != 6 {
		t.Errorf("the count went down to %d, want never below 6", got)
	}

	kafka.commit(t, "jumping", "orders", 150) // of 150 messages
	wantReason(t, g, "CoolingDown")
	clock.SetTime(start.Add(-23 * time.Hour)) // an hour after the jump, not a day and an hour
	kafka.produce(t, "orders", 1)
	wantReplicas(t, g, 1)
}

// wantReason waits for the reason of the count.
func wantReason(t *testing.T, g *v1alpha1.KafkaConsumerGroup, reason string) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("reason", s.Scaling.Reason, reason) })
}

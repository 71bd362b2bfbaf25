package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestBrokerAway: a broker that can't be used costs its own groups their
// scaling and nothing else, and they recover when it comes.
func TestBrokerAway(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		before func(*testing.T, *port)
		why    string
		words  []string
	}{
		"Unreachable": {"nobody listens", func(*testing.T, *port) {}, v1alpha1.ReasonUnreachable, []string{"connection refused"}},
		"Mute":        {"it accepts and never answers", func(t *testing.T, p *port) { p.listen(t) }, v1alpha1.ReasonTimeout, []string{"no answer in time"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, good, away := namespace(t), startBroker(t, map[string]int32{"orders": 12}), reservePort(t)
			tc.before(t, away)
			startManager(t, managerOptions{}, ns)
			g := group(ns, "away", away.address, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 3 })
			neighbour := group(ns, "neighbour", good.address())
			create(t, g)
			create(t, neighbour)

			wantReplicas(t, g, 3)
			reachable := wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionFalse, tc.why)
			if lacks := mentions(reachable.Message, append(tc.words, away.address)...); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, tc.why)
			wantEvent(t, g, corev1.EventTypeWarning, tc.why, "KafkaReachable is False")
			good.produce(t, "orders", 25)
			wantReplicas(t, neighbour, 3)
			wantReplicas(t, g, 3)

			back := away.startBroker(t, map[string]int32{"orders": 12})
			wantCondition(t, g, v1alpha1.ConditionKafkaReachable, metav1.ConditionTrue, v1alpha1.ReasonBrokersAnswer)
			back.produce(t, "orders", 50)
			wantReplicas(t, g, 6)
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
		})
	}
}

// TestBrokerGoesUnderLag: the count that lag asked for is held when the broker goes.
func TestBrokerGoesUnderLag(t *testing.T) {
	t.Parallel()
	ns, kafka, other := namespace(t), startBroker(t, map[string]int32{"orders": 12}), startBroker(t, map[string]int32{"orders": 1})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "held", kafka.address())
	create(t, g)
	create(t, group(ns, "clock", other.address()))
	kafka.produce(t, "orders", 50)
	wantReplicas(t, g, 6)
	wantLag(t, g, 600)
	kafka.Close()
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)
	other.cycles(t, 20) // four times the time after which a count goes down
	wantReplicas(t, g, 6)
	wantLag(t, g, 600) // the last good value, with its time
}

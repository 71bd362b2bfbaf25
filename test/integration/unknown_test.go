package integration

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
)

// TestUnknownAtZero: a group that was stopped and resumes while its broker is
// away gets what the user asked for at least, not zero.
func TestUnknownAtZero(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "resumed", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.MinReplicas = 2 })
	create(t, g)
	wantReplicas(t, g, 2)
	change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}))
	wantReplicas(t, g, 0)
	kafka.Close()
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)
	change(t, g, pause(nil))
	wantReplicas(t, g, 2)
	wantCondition(t, g, v1alpha1.ConditionScalingActive, metav1.ConditionFalse, string(autoscale.ReasonLagUnknown))
}

// TestOnUnknownFloor: after its time the floor raises the count, and it never
// lowers it. Nobody knows the partitions now, so it is not rounded.
func TestOnUnknownFloor(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason   string
		messages int // in each partition
		before   int32
		want     int32
	}{
		"Raises":      {"one worker is less than the floor", 0, 1, 5},
		"NeverLowers": {"lag asked for more when it was last known", 100, 12, 12},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka, other := namespace(t), startBroker(t, map[string]int32{"orders": 12}), startBroker(t, map[string]int32{"orders": 1})
			startManager(t, managerOptions{}, ns)
			g := group(ns, "floor", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
				g.Spec.Scaling.OnUnknown = &v1alpha1.OnUnknown{After: metav1.Duration{Duration: time.Second}, MinReplicas: 5}
			})
			kafka.produce(t, "orders", tc.messages)
			create(t, g)
			create(t, group(ns, "clock", other.address()))
			wantReplicas(t, g, tc.before)
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
			kafka.Close()
			wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)
			other.cycles(t, 25)
			wantReplicas(t, g, tc.want)
			if tc.want > tc.before {
				wantEvent(t, g, corev1.EventTypeNormal, "Scaled", "from 1 to 5: the lag has been unknown for 1s, and onUnknown asks for at least 5")
			}
		})
	}
}

package integration

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func pause(p *v1alpha1.PauseSpec) func(*v1alpha1.KafkaConsumerGroup) {
	return func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Pause = p }
}

// TestPauseHolds: the count stays while lag rises, and follows when the pause is removed.
func TestPauseHolds(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "holding", kafka.address())
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseHoldReplicas, Reason: "database migration"}))
	paused := wantCondition(t, g, v1alpha1.ConditionPaused, metav1.ConditionTrue, string(v1alpha1.PauseHoldReplicas))
	if lacks := mentions(paused.Message, "held", "database migration"); lacks != nil {
		t.Error(lacks)
	}
	wantEvent(t, g, corev1.EventTypeNormal, string(v1alpha1.PauseHoldReplicas), "database migration")
	kafka.produce(t, "orders", 1000)
	kafka.cycles(t, 10)
	wantReplicas(t, g, 3)
	change(t, g, pause(nil))
	wantReplicas(t, g, 12)
	wantCondition(t, g, v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused)
}

// TestPauseScaleToZero: all workers stop.
func TestPauseScaleToZero(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "stopped", kafka.address())
	kafka.produce(t, "orders", 25)
	create(t, g)
	wantReplicas(t, g, 3)
	play(t, g, allAvailable)
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
	change(t, g, pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}))
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	paused := wantCondition(t, g, v1alpha1.ConditionPaused, metav1.ConditionTrue, string(v1alpha1.PauseScaleToZero))
	if paused.Message != "all workers are stopped" { // nothing is committed, and nothing kept
		t.Errorf("it says %q", paused.Message)
	}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("replicas", s.ReplicaSummary, "0/0") })
	wantCondition(t, g, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonWorkersAvailable)
}

// TestPauseManual: a pause comes before the count set by hand, which returns after it.
func TestPauseManual(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "byhand", kafka.address(), pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling.Mode, g.Spec.Replicas = v1alpha1.ScalingManual, 5
	})
	create(t, g)
	wantReplicas(t, g, 0)
	change(t, g, pause(nil))
	wantReplicas(t, g, 5)
}

// TestPauseEndsByItself: at its time without anyone's doing, also when that is past already.
func TestPauseEndsByItself(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		until  time.Duration
	}{
		"Past": {"a manifest applied again after its time", -time.Hour},
		"Soon": {"it ends while nothing else changes", 3 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			startManager(t, managerOptions{}, ns)
			kafka.produce(t, "orders", 25)
			until := metav1.NewTime(time.Now().Add(tc.until))
			g := group(ns, "until", kafka.address(), pause(&v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero, Until: &until}))
			create(t, g)
			if tc.until > 0 {
				wantReplicas(t, g, 0)
			}
			wantReplicas(t, g, 3)
			ended := wantCondition(t, g, v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonPauseEnded)
			if lacks := mentions(ended.Message, until.UTC().Format(time.RFC3339)); lacks != nil {
				t.Errorf("%s: %v", tc.reason, lacks)
			}
		})
	}
}

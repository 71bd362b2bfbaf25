package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestEventForEachScale: each change of replicas is told with its reason, also
// when several come within minutes.
func TestEventForEachScale(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	kafka.produce(t, "orders", 50)
	// Commits move the lag of all partitions at once, so that no sample sees half of it.
	kafka.commit(t, "told", "orders", 50)
	startManager(t, managerOptions{}, ns)
	g := group(ns, "told", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	wantLag(t, g, 0)
	kafka.commit(t, "told", "orders", 25)
	wantEvent(t, g, corev1.EventTypeNormal, "Scaled", "from 1 to 3: 12 partitions, lag 300 at 100 a replica needs 3")
	kafka.commit(t, "told", "orders", 0)
	wantEvent(t, g, corev1.EventTypeNormal, "Scaled", "from 3 to 6: 12 partitions, lag 600 at 100 a replica needs 6")
	kafka.commit(t, "told", "orders", 50)
	wantEvent(t, g, corev1.EventTypeNormal, "Scaled", "from 6 to 1: 12 partitions, lag 0 at 100 a replica needs 1")
}

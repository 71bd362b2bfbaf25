package integration

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestFollowsLag: replicas rise with lag to what partitions can use, and fall when it is gone.
func TestFollowsLag(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "follow", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	kafka.produce(t, "orders", 25) // 300 messages at 100 a replica
	wantReplicas(t, g, 3)
	kafka.produce(t, "orders", 1000)
	wantReplicas(t, g, 12)
	wantCondition(t, g, v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonAtUsefulMembers)
	kafka.commit(t, "follow", "orders", 1025)
	wantReplicas(t, g, 1)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
}

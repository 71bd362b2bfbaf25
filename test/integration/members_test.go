package integration

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
)

// TestNeverCommitted: workers that are ready and join another group (a misspelt
// id, say) are named, and no more of them are started.
func TestNeverCommitted(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "misspelt", kafka.address())
	create(t, g)
	wantReplicas(t, g, 1)
	play(t, g, allAvailable)
	playPod(t, g, "misspelt-0", ready(metav1.NewTime(time.Now().Add(-time.Hour))))
	known := wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonNeverCommitted)
	if lacks := mentions(known.Message, `"misspelt"`, "never committed", "this very group id?"); lacks != nil {
		t.Error(lacks)
	}
	wantEvent(t, g, corev1.EventTypeWarning, v1alpha1.ReasonNeverCommitted, `"misspelt"`)
	kafka.produce(t, "orders", 1000)
	wantReason(t, g, string(autoscale.ReasonNeverJoined))
	wantCondition(t, g, v1alpha1.ConditionScalingActive, metav1.ConditionFalse, string(autoscale.ReasonNeverJoined))
	wantReplicas(t, g, 1)

	kafka.member(t, "misspelt", "misspelt-0")
	wantReplicas(t, g, 12)
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
}

// TestMembersShown: state, members and the owners of the worst partitions are those of the coordinator.
func TestMembersShown(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 2})
	kafka.produce(t, "orders", 10)
	kafka.member(t, "shown", "shown-0")
	eventually(t, func() error {
		if info := kafka.GroupInfo("shown"); info == nil || info.State != "Stable" {
			return fmt.Errorf("group %+v", info)
		}
		return nil
	})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "shown", kafka.address())
	create(t, g)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.Group == nil || *s.Group != (v1alpha1.GroupStatus{Type: "classic", State: "Stable", Members: 1}) {
			return fmt.Errorf("group %+v", s.Group)
		}
		want := v1alpha1.PartitionStatus{Topic: "orders", Partition: 0, Lag: 10, Owner: "shown-0"}
		if len(s.WorstPartitions) != 2 || s.WorstPartitions[0] != want {
			return fmt.Errorf("worst partitions %+v, want %+v first", s.WorstPartitions, want)
		}
		return same("cluster id", s.ClusterID, "TestMembersShown")
	})
}

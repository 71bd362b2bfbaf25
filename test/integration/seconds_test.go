package integration

import (
	"fmt"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestSecondsUpAndDown: a backlog that one worker needs a minute for, with a lag
// target of ten seconds, gets more workers; with next to nothing to do there is one again.
func TestSecondsUpAndDown(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	kafka.produce(t, "orders", 1000)
	stop := startManager(t, managerOptions{}, ns)
	g := group(ns, "timely", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling.LagTarget, g.Spec.Scaling.CapacityHint = &v1alpha1.LagTarget{Seconds: 10}, 200
	})
	create(t, g)
	wantReplicas(t, g, 1)
	kafka.produce(t, "orders", 1) // from here on it is known how much is produced
	var replicas int32
	eventually(t, func() error {
		d, err := deployment(g)
		if err != nil {
			return err
		}
		if replicas = *d.Spec.Replicas; replicas < 2 {
			now, err := seen(g)
			return fmt.Errorf("replicas %d, want more for the backlog; status %+v, %w", replicas, now.Status.Scaling, err)
		}
		return nil
	})
	wantReason(t, g, "LagTarget")

	crew := playCrew(t, g, []string{kafka.address()})
	crew.wantCommitted(t, 1001)
	stop() // and with it what is remembered of the way up, which forbids the way down for a while
	startManager(t, managerOptions{}, ns)
	kafka.produce(t, "orders", 1)
	crew.wantCommitted(t, 1002)
	wantReplicas(t, g, 1)
	wantReason(t, g, "LagTarget")
}

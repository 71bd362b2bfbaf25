//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestLagTargetInSeconds: 6,000 messages take one worker two minutes; with a target of
// 15 s there are more, and in the end one again. The status says why, in numbers.
func TestLagTargetInSeconds(t *testing.T) {
	ns, kafka := namespace(t), startBroker(t, "orders:6")
	g := group(ns, "orders", kafka, "20ms", func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Scaling = v1alpha1.ScalingSpec{LagTarget: &v1alpha1.LagTarget{Seconds: 15}, CapacityHint: 50}
	})
	create(t, g)
	kafka.produce(t, "orders", 60)
	wantCommitted(t, kafka, g, 60)
	kafka.produce(t, "orders", 6000)
	wantDesired(t, g, "messages a second arriving", func(n int32) bool { return n >= 3 })
	wantCommitted(t, kafka, g, 6060)
	wantDesired(t, g, "the target is 15 s", func(n int32) bool { return n == 1 })
}

// wantDesired waits for a number of workers, and for what the status says of it.
func wantDesired(t *testing.T, g *v1alpha1.KafkaConsumerGroup, says string, right func(int32) bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var now v1alpha1.KafkaConsumerGroup
		if err := kube.Get(ctx, client.ObjectKeyFromObject(g), &now); err != nil {
			return err
		}
		if s := now.Status.Scaling; s == nil || !right(now.Status.DesiredReplicas) || !strings.Contains(s.Message, says) {
			return fmt.Errorf("%d workers, %+v, want other, and it to say %q", now.Status.DesiredReplicas, s, says)
		}
		return nil
	})
}

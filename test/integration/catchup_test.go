package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestCatchUp: the group begins with the workers of before the reset, not with as
// many as the replay's lag wants at once, and follows its lag again when the
// replay is worked off.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		catchUp time.Duration
		after   int32
		why     string
	}{
		"Set":    {"an hour is given to it", time.Hour, 3, "CatchUp"},
		"NotSet": {"the lag target counts it as any other lag", 0, 12, "LagTarget"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
			stop := startManager(t, played(), ns)
			kafka.produce(t, "orders", 1000)
			kafka.commit(t, "replaying", "orders", 1000)
			g := threeWorkers(t, ns, "replaying", kafka, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.CatchUp.Duration = tc.catchUp })
			reset := playedReset(t, g, "replay")
			playApproval(t, reset, time.Now())
			wantReplicas(t, g, 0)
			kafka.commit(t, "replaying", "orders", 0) // 12,300 messages
			wantLag(t, g, 12000)
			counts := countsOf(t, g)
			playResume(t, reset, v1alpha1.PhaseSucceeded)
			wantReplicas(t, g, tc.after)
			wantReason(t, g, tc.why)
			stop()
			startManager(t, played(), ns)
			kafka.produce(t, "orders", 1)
			kafka.cycles(t, 10)
			wantReplicas(t, g, tc.after)
			wantReason(t, g, tc.why)
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
				if tc.catchUp == 0 {
					return same("no catch up", s.CatchUp == nil, true)
				}
				if s.CatchUp == nil || s.CatchUp.Reset != "replay" || s.CatchUp.Replicas != 3 {
					return fmt.Errorf("catch up %+v, want that of the replay with 3 workers", s.CatchUp)
				}
				return nil
			})
			kafka.commit(t, "replaying", "orders", 1026)
			wantReplicas(t, g, 1)
			wantReason(t, g, "LagTarget")
			wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return same("no catch up", s.CatchUp == nil, true) })
			if got := counts(); slices.Max(got) != tc.after {
				t.Errorf("%s: counts %v, want at most %d", tc.reason, got, tc.after)
			}
		})
	}
}

// TestCatchUpAdmission: a time that makes no sense is refused.
func TestCatchUpAdmission(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for catchUp, good := range map[time.Duration]bool{time.Second: true, 36 * time.Hour: true, 8760 * time.Hour: true, 999 * time.Millisecond: false, 8761 * time.Hour: false, -time.Hour: false} {
		g := group(ns, "catchup", "kafka:9092", func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.Scaling.CatchUp.Duration = catchUp })
		err := kube.Create(context.Background(), g, client.DryRunAll)
		if (err == nil) != good {
			t.Errorf("%s: %v, want it accepted: %t", catchUp, err, good)
		}
		if err != nil {
			if lacks := mentions(err.Error(), "spec.scaling.catchUp", "must be a duration between 1s and 8760h"); lacks != nil {
				t.Error(lacks)
			}
		}
	}
}

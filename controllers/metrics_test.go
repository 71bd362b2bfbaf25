package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// sent are how many series of a metric a view has.
func sent(v view, desc *prometheus.Desc) (count int) {
	out := make(chan prometheus.Metric, 100)
	groupMetrics{out, []string{"shop", "orders"}}.sample(v)
	close(out)
	for metric := range out {
		if metric.Desc() == desc {
			count++
		}
	}
	return count
}

// TestLagMetric: a lag of which nothing is known is no series, least of all 0.
func TestLagMetric(t *testing.T) {
	unread := stuckGroup(2)
	unread.Topics[0].Partitions[0].Err = kafka.ErrTimeout
	allUnread := stuckGroup(1)
	allUnread.Topics[0].Partitions[0].Err = kafka.ErrTimeout
	cases := map[string]struct {
		reason string
		group  lag.Group
		want   int
	}{
		"CaughtUp":     {"0 is a number when it is known", stuckGroup(1), 1},
		"SomeKnown":    {"the sum over the rest", unread, 1},
		"Unauthorized": {"the only topic may not be read", lag.Group{Topics: []lag.Topic{{Name: "orders", Err: kafka.ErrUnauthorized}}}, 0},
		"AllUnread":    {"none of the partitions could be read", allUnread, 0},
		"NoTopics":     {"none is listed", lag.Group{}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sent(view{lag: tc.group}, descLag); got != tc.want {
				t.Errorf("%s: %d series, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

// TestStuckMetric: the alarm counts what stands still, the verdicts show all.
func TestStuckMetric(t *testing.T) {
	group := stuckGroup(4, 0)
	for i, health := range []lag.Health{lag.HealthStopped, lag.HealthRewound} {
		group.Topics[0].Partitions[i+1].Health = health
	}
	status := v1alpha1.KafkaConsumerGroupStatus{DesiredReplicas: 1}
	if got := numbersOf(groupSnapshot{lag: group}, decision{}, status).stuck; got != 2 {
		t.Errorf("%v partitions are stuck, want the Stalled and the Stopped one", got)
	}
	if got := countHealth(group)["Rewound"]; got != 1 {
		t.Errorf("%d partitions are Rewound, want 1", got)
	}
}

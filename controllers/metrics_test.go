package controllers

import (
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// TestKeptMetrics: how much would be lost, and from when on, is told of each group.
func TestKeptMetrics(t *testing.T) {
	expires := metav1.NewTime(noon)
	kept := &v1alpha1.KeptOffsets{Offsets: v1alpha1.ResetOffsets{Count: 3}, ExpiresAt: &expires}
	unlimited := &v1alpha1.KeptOffsets{Offsets: v1alpha1.ResetOffsets{Count: 3}}
	cases := map[string]struct {
		kept     *v1alpha1.KeptOffsets
		restored *v1alpha1.RestoredOffsets
		want     map[string]float64
	}{
		"Nothing":     {nil, nil, map[string]float64{"kept_offsets": 0, "offsets_not_restored": 0}},
		"Kept":        {kept, nil, map[string]float64{"kept_offsets": 3, "offsets_not_restored": 0, "kept_offsets_expire_timestamp_seconds": float64(noon.Unix())}},
		"NoRetention": {unlimited, nil, map[string]float64{"kept_offsets": 3, "offsets_not_restored": 0}},
		"Restored":    {kept, &v1alpha1.RestoredOffsets{Partitions: 3}, map[string]float64{"kept_offsets": 3, "offsets_not_restored": 0, "kept_offsets_expire_timestamp_seconds": float64(noon.Unix())}},
		"Failed":      {unlimited, &v1alpha1.RestoredOffsets{Failed: "not authorized"}, map[string]float64{"kept_offsets": 3, "offsets_not_restored": 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.KafkaConsumerGroupStatus{KeptOffsets: tc.kept, RestoredOffsets: tc.restored}
			registry := prometheus.NewRegistry()
			registry.MustRegister(collected(numbersOf(groupSnapshot{}, decision{}, s)))
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, f := range families {
				if name := strings.TrimPrefix(f.GetName(), "lagrange_group_"); strings.Contains(name, "offsets") {
					got[name] = f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			if !maps.Equal(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// collected are the numbers of one group as they are scraped.
type collected groupNumbers

func (collected) Describe(chan<- *prometheus.Desc) {}

func (c collected) Collect(out chan<- prometheus.Metric) {
	groupMetrics{out, []string{"shop", "orders"}}.numbers(groupNumbers(c), view{})
}

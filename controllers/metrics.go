package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

var groupLabels = []string{"namespace", "name"}

// The metrics of a group come from the same sample as its status.
var (
	lagMessages = gauge("lagrange_group_lag_messages", "Lag of the group in messages over the partitions that are known.")
	lagUnknown  = gauge("lagrange_group_lag_unknown", "Number of partitions and topics whose lag is unknown; 1 while nothing is known.")
	sampledAt   = gauge("lagrange_group_sample_timestamp_seconds", "When the sample in use was taken.")
	desired     = gauge("lagrange_group_desired_replicas", "Workers asked for.")
	available   = gauge("lagrange_group_available_replicas", "Workers available.")
	useful      = gauge("lagrange_group_useful_members", "Members that the assignor gives a partition; 0 while not known.")
	members     = gauge("lagrange_group_members", "Members of the consumer group.")

	statusWrites = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lagrange_status_writes_total",
		Help: "Status writes, by whether something changed or only numbers were refreshed.",
	}, []string{"kind"})
)

func gauge(name, help string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, groupLabels)
}

func groupGauges() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{lagMessages, lagUnknown, sampledAt, desired, available, useful, members}
}

func init() {
	metrics.Registry.MustRegister(statusWrites)
	for _, g := range groupGauges() {
		metrics.Registry.MustRegister(g)
	}
}

func setMetrics(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, s v1alpha1.KafkaConsumerGroupStatus) {
	set := func(g *prometheus.GaugeVec, value float64) {
		g.WithLabelValues(group.Namespace, group.Name).Set(value)
	}
	set(desired, float64(s.DesiredReplicas))
	set(available, float64(s.AvailableReplicas))
	set(useful, float64(d.scale.Useful))
	messages, unknown := seen.lag.Known()
	if d.unknown != nil && unknown == 0 {
		unknown = 1
	}
	set(lagUnknown, float64(unknown))
	if seen.sampled && seen.sample.ConnectionErr == nil { // else the last good values stay, with their time
		set(lagMessages, float64(messages))
		set(sampledAt, float64(seen.sample.At.UnixMilli())/1000)
	}
	if seen.sampled && seen.sample.ConnectionErr == nil && seen.sample.StateErr == nil {
		set(members, float64(len(seen.sample.Members)))
	}
}

func forgetMetrics(key types.NamespacedName) {
	for _, g := range groupGauges() {
		g.DeleteLabelValues(key.Namespace, key.Name)
	}
}

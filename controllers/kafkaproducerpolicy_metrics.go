package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// The metrics of a policy, as its status has them.
var (
	policyFindings = policyGauge("findings", "Findings by severity.", "severity")
	policyAccepted = policyGauge("accepted", "1 while the settings of the newest generation are accepted, 0 while not or not known.")
	policyWorkload = policyGauge("workloads", "Workloads by state, at most 100 of a policy.", "state")
)

var policyGauges = []*prometheus.GaugeVec{policyFindings, policyAccepted, policyWorkload}

func policyGauge(name, help string, labels ...string) *prometheus.GaugeVec {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lagrange_producer_policy_" + name, Help: help}, append([]string{"namespace", "name"}, labels...))
	metrics.Registry.MustRegister(gauge)
	return gauge
}

func setPolicyGauges(policy *v1alpha1.KafkaProducerPolicy, s v1alpha1.KafkaProducerPolicyStatus) {
	at := func(gauge *prometheus.GaugeVec, value int, labels ...string) {
		gauge.WithLabelValues(append([]string{policy.Namespace, policy.Name}, labels...)...).Set(float64(value))
	}
	if counts := s.FindingCounts; counts != nil {
		at(policyFindings, int(counts.Errors), string(v1alpha1.SeverityError))
		at(policyFindings, int(counts.Unknown), string(v1alpha1.SeverityUnknown))
		at(policyFindings, int(counts.Warnings), string(v1alpha1.SeverityWarning))
		at(policyFindings, int(counts.Infos), string(v1alpha1.SeverityInfo))
	}
	accepted := 0
	if meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionAccepted) {
		accepted = 1
	}
	at(policyAccepted, accepted)
	states := map[v1alpha1.ProducerWorkloadState]int{}
	for _, w := range s.Workloads {
		states[w.State]++
	}
	for _, state := range stateOrder {
		at(policyWorkload, states[state], string(state))
	}
}

// forgetPolicyGauges ends the series of a policy that is gone.
func forgetPolicyGauges(key types.NamespacedName) {
	for _, gauge := range policyGauges {
		gauge.DeletePartialMatch(prometheus.Labels{"namespace": key.Namespace, "name": key.Name})
	}
}

package producerpolicy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestJudge: what is given to workloads, and what stays in force.
func TestJudge(t *testing.T) {
	const warn, deny = v1alpha1.EnforcementWarn, v1alpha1.EnforcementDeny
	before := &v1alpha1.ProducerInForce{Generation: 3}
	hides := brokers(func(b *kafka.BrokerConfig) { *b = kafka.BrokerConfig{} })
	cases := map[string]struct {
		facts       Facts
		enforcement v1alpha1.PolicyEnforcement
		before      *v1alpha1.ProducerInForce
		want        Verdict
	}{
		"Good":           {good(), deny, nil, Verdict{true, "NoErrors", "in force; no rule finds an error"}},
		"Hidden":         {good(hides), deny, nil, Verdict{true, "NoErrors", "in force; no rule finds an error in what the cluster tells, which is not all that rules need"}},
		"Warned":         {good(minISR(1)), warn, before, Verdict{true, "ErrorsTold", "in force in spite of errors, since enforcement is Warn: min-isr-too-low"}},
		"Default":        {good(minISR(1)), "", before, Verdict{true, "ErrorsTold", "in force in spite of errors, since enforcement is Warn: min-isr-too-low"}},
		"Denied":         {good(minISR(1), leader), deny, before, Verdict{false, "Denied", "the settings of generation 3 stay in force: enforcement is Deny: acks-leader, retries-double, retries-reorder"}},
		"DeniedAtFirst":  {good(minISR(1)), deny, nil, Verdict{false, "DeniedWithoutPredecessor", "no settings are in force: enforcement is Deny, and none were accepted before: min-isr-too-low"}},
		"Refused":        {good(minISR(1), inFlightOf(6)), warn, before, Verdict{false, "Denied", "the settings of generation 3 stay in force: a client does not take these settings: idempotence-in-flight"}},
		"WarningsPass":   {good(minISR(3)), deny, before, Verdict{true, "NoErrors", "in force; no rule finds an error"}},
		"RefusedAtFirst": {good(inFlightOf(6)), deny, nil, Verdict{false, "DeniedWithoutPredecessor", "no settings are in force: a client does not take these settings, and none were accepted before: idempotence-in-flight"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Judge(tc.enforcement, Check(tc.facts), tc.before)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestSummarise: a thousand topics with one fault hide no other fault.
func TestSummarise(t *testing.T) {
	facts := good(acks(v1alpha1.AcksLeader))
	for i := range 1000 {
		bad := goodTopic(fmt.Sprintf("topic-%04d", i))
		bad.ReplicationFactor, bad.Retention = kafka.Known[int32](1), kafka.Unknown[time.Duration](hidden)
		facts.Topics = append(facts.Topics, bad)
	}
	all := Check(facts)
	kept, counts := Summarise(all)
	if want := (v1alpha1.FindingCounts{Errors: 1000 + 4, Unknown: 1000, Infos: 2}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	if len(kept) != maxFindings || !slices.IsSortedFunc(kept, compare) {
		t.Errorf("%d are kept, or out of order", len(kept))
	}
	rules := make(map[string]int)
	for _, f := range kept {
		rules[f.Rule]++
	}
	if want := map[string]int{"acks-leader": 1, "retries-double": 1, "retries-reorder": 2, "failure-overtaken": 2, "replication-too-low": 29, "short-retention": 29}; !cmp.Equal(want, rules) {
		t.Errorf("kept by rule: %v", rules)
	}
	few, _ := Summarise(all[:3])
	if diff := cmp.Diff(all[:3], few); diff != "" {
		t.Errorf("three have room: %s", diff)
	}
}

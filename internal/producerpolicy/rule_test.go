package producerpolicy

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func allCases() map[string][]ruleCase {
	all := maps.Clone(settingsCases)
	maps.Copy(all, clusterCases)
	return all
}

// TestRules: each rule finds what it should, and nothing where there is nothing.
func TestRules(t *testing.T) {
	for id, cases := range allCases() {
		for _, tc := range cases {
			t.Run(id+"/"+tc.reason, func(t *testing.T) {
				rule := ruleOf(id)
				if rule.ID == "" {
					t.Fatalf("no rule %q", id)
				}
				findings := rule.Check(tc.facts)
				got := texts(findings)
				if diff := cmp.Diff(slices.Sorted(slices.Values(tc.want)), slices.Sorted(slices.Values(got))); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				for _, f := range findings {
					ofItsRule(t, rule, f)
				}
			})
		}
	}
}

// ofItsRule: a finding says what its rule says, and is a sentence.
func ofItsRule(t *testing.T, rule Rule, f Finding) {
	t.Helper()
	if f.Rule != rule.ID || f.Fix != rule.Fix || f.Message == "" {
		t.Errorf("not of its rule, or without words: %+v", f)
	}
	if f.Severity != v1alpha1.SeverityUnknown && rank(f.Severity) < rank(rule.Severity) {
		t.Errorf("worse than %s, which the rule says it is at worst: %+v", rule.Severity, f)
	}
	if rule.Clients != nil && f.Client != "" && !slices.Contains(rule.Clients, f.Client) {
		t.Errorf("for a client that it doesn't hold for: %+v", f)
	}
}

// TestEveryRuleIsTried: with a passing case, a failing one of its worst severity,
// and one in which something isn't known, if it reads anything that may be so.
func TestEveryRuleIsTried(t *testing.T) {
	cases := allCases()
	for _, rule := range Rules {
		passes, worst := false, false
		for _, tc := range cases[rule.ID] {
			passes = passes || tc.want == nil
			worst = worst || slices.ContainsFunc(tc.want, func(text string) bool { return strings.HasPrefix(text, string(rule.Severity)) })
		}
		if !passes || !worst {
			t.Errorf("%s: a passing case: %t, one of severity %s: %t", rule.ID, passes, rule.Severity, worst)
		}
	}
}

// TestUnknownSaysWhy: what the cluster said, if anything.
func TestUnknownSaysWhy(t *testing.T) {
	for want, reason := range map[string]string{
		"it can't be checked, since min.insync.replicas is not known: " + hidden: hidden,
		"it can't be checked, since min.insync.replicas is not known":            "",
	} {
		facts := good(topic(func(t *kafka.TopicConfig) { t.MinInSyncReplicas = kafka.Unknown[int32](reason) }))
		if got := ruleOf("min-isr-too-low").Check(facts)[0].Message; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package controllers

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// policyConditions are those of a policy whose changes are worth an event.
var policyConditions = []string{
	v1alpha1.ConditionConnectionResolved, v1alpha1.ConditionKafkaReachable, v1alpha1.ConditionAccepted,
	v1alpha1.ConditionApplied, v1alpha1.ConditionStalled,
}

// policyEvents tell of what changed between two statuses: what is in force, rules
// that are broken now or no longer, and conditions.
func policyEvents(before, after v1alpha1.KafkaProducerPolicyStatus) []groupEvent {
	var events []groupEvent
	if now := after.InForce; now != nil && (before.InForce == nil || !reflect.DeepEqual(before.InForce.Files, now.Files)) {
		events = append(events, groupEvent{corev1.EventTypeNormal, "InForce", "Accept",
			fmt.Sprintf("the settings of generation %d are in force: %s", now.Generation, describeFiles(now.Files))})
	}
	if fresh := rulesBeyond(after.Findings, before.Findings, asSevere); len(fresh) > 0 {
		events = append(events, groupEvent{corev1.EventTypeWarning, "RulesBroken", "Check", "broken now: " + strings.Join(fresh, "; ")})
	}
	if mended := rulesBeyond(before.Findings, after.Findings, doubted); len(mended) > 0 {
		events = append(events, groupEvent{corev1.EventTypeNormal, "RulesKept", "CheckAgain", "no longer found: " + strings.Join(mended, "; ")})
	}
	for _, kind := range policyConditions {
		if e, ok := conditionEvent(meta.FindStatusCondition(before.Conditions, kind), meta.FindStatusCondition(after.Conditions, kind)); ok {
			events = append(events, e)
		}
	}
	return events
}

func describeFiles(files []v1alpha1.ProducerFile) string {
	words := make([]string, 0, len(files))
	for _, file := range files {
		words = append(words, fmt.Sprintf("%s %s", file.Client, file.Hash))
	}
	return strings.Join(words, ", ")
}

// told tells whether a finding is worth an event.
func told(_, f v1alpha1.ProducerFinding) bool {
	return f.Severity == v1alpha1.SeverityError || f.Severity == v1alpha1.SeverityWarning
}

// doubted tells whether a rule is not kept, as far as is known.
func doubted(_, is v1alpha1.ProducerFinding) bool { return is.Severity != v1alpha1.SeverityInfo }

// asSevere tells whether what there was is no better than what there is.
func asSevere(is, was v1alpha1.ProducerFinding) bool {
	return was.Severity == is.Severity || was.Severity == v1alpha1.SeverityError
}

// rulesBeyond are the rules with errors and warnings in a that b has not, by a
// finding that counts for the same; each with the message of its first finding.
func rulesBeyond(a, b []v1alpha1.ProducerFinding, counts func(of, other v1alpha1.ProducerFinding) bool) []string {
	var ids, words []string
	for _, f := range a {
		same := func(other v1alpha1.ProducerFinding) bool { return other.Rule == f.Rule && counts(f, other) }
		if !told(f, f) || slices.Contains(ids, f.Rule) || slices.ContainsFunc(b, same) {
			continue
		}
		ids, words = append(ids, f.Rule), append(words, describeFinding(f))
	}
	return words
}

func describeFinding(f v1alpha1.ProducerFinding) string {
	about := ""
	if f.Topic != "" {
		about = fmt.Sprintf(" (topic %q)", f.Topic)
	}
	return f.Rule + about + ": " + f.Message
}

package producerpolicy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Finding is one way in which a rule is broken.
type Finding = v1alpha1.ProducerFinding

// Rule is one way to break what a policy promises.
type Rule struct {
	// ID names it, for ever.
	ID string
	// Pitfalls are the numbers of what it guards against, P1 to P25, in
	// docs/producer-policy.md; none for a rule that came later.
	Pitfalls []int
	// Severity is the worst that it finds, beside Unknown.
	Severity v1alpha1.FindingSeverity
	// Refuses tells that the client does not take what is found: it doesn't
	// start, or quietly does something else. Such settings are never given to workloads.
	Refuses bool
	// Clients are those for which it holds; nil is all.
	Clients []v1alpha1.ProducerClient
	// Harm is what goes wrong, and Fix what to do about it.
	Harm, Fix string

	check func(view) []Finding
}

// Rules are all rules, by what they are about.
var Rules = slices.Concat(acksRules, replicaRules, isrRules, retryRules, timeRules, sizeRules,
	transactionRules, keyRules, topicRules, ageRules, expiryRules, clientRules)

// Check is what the rule finds.
func (r Rule) Check(facts Facts) []Finding { return r.of(facts, Resolve(facts.Spec)) }

func (r Rule) of(facts Facts, settings Settings) []Finding {
	v := view{Facts: facts, settings: settings, clients: clientsOf(facts.Spec)}
	if r.Clients != nil {
		v.clients = slices.DeleteFunc(v.clients, func(c v1alpha1.ProducerClient) bool { return !slices.Contains(r.Clients, c) })
	}
	if len(v.clients) == 0 {
		return nil
	}
	findings := r.check(v)
	for i := range findings {
		findings[i].Rule = r.ID
		findings[i].Fix = r.Fix
	}
	return findings
}

// Check is what all rules find, sorted: the worst first, then by rule, topic and client.
func Check(facts Facts) []Finding {
	var all []Finding
	settings := Resolve(facts.Spec)
	for _, rule := range Rules {
		all = append(all, rule.of(facts, settings)...)
	}
	slices.SortFunc(all, compare)
	return all
}

func compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Message, b.Message), slices.Compare(a.Values, b.Values))
}

// rank is 0 for the worst.
func rank(severity v1alpha1.FindingSeverity) int {
	return slices.Index([]v1alpha1.FindingSeverity{
		v1alpha1.SeverityError, v1alpha1.SeverityUnknown, v1alpha1.SeverityWarning, v1alpha1.SeverityInfo}, severity)
}

// found is one finding.
func found(severity v1alpha1.FindingSeverity, message string, values ...string) []Finding {
	return []Finding{{Severity: severity, Message: message, Values: values}}
}

// errorIf is Error if it is, and otherwise Warning.
func errorIf(is bool) v1alpha1.FindingSeverity {
	if is {
		return v1alpha1.SeverityError
	}
	return v1alpha1.SeverityWarning
}

// seen is a value as findings list it.
func seen(name string, value any) string { return fmt.Sprintf("%s=%v", name, value) }

// ruleOf is the rule with the id; findings of rules that are no more have none.
func ruleOf(id string) Rule {
	i := slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}
	}
	return Rules[i]
}

package producerpolicy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// Verdict is whether the settings of a generation are given to workloads.
type Verdict struct {
	// Accepted tells that they are; what was accepted last stays in force otherwise.
	Accepted bool
	// Reason and Message are those of the condition Accepted.
	Reason, Message string
}

// Judge decides over what Check found. A setting that a client doesn't take is
// never accepted, whatever enforcement says: it would end workers that run. What
// is not known stands in the message and denies nothing: the policy of
// a cluster that hides its configuration could otherwise never be in force.
func Judge(enforcement v1alpha1.PolicyEnforcement, findings []Finding, before *v1alpha1.ProducerInForce) Verdict {
	errors := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Severity != v1alpha1.SeverityError })
	refused := slices.DeleteFunc(slices.Clone(errors), func(f Finding) bool { return !ruleOf(f.Rule).Refuses })
	switch {
	case len(refused) > 0:
		return denied("a client does not take these settings", refused, before)
	case len(errors) > 0 && enforcement == v1alpha1.EnforcementDeny:
		return denied("enforcement is Deny", errors, before)
	case len(errors) > 0:
		return Verdict{true, v1alpha1.ReasonErrorsTold, "in force in spite of errors, since enforcement is Warn: " + rulesOf(errors)}
	}
	message := "in force; no rule finds an error"
	if n := slices.IndexFunc(findings, func(f Finding) bool { return f.Severity == v1alpha1.SeverityUnknown }); n >= 0 {
		message += " in what the cluster tells, which is not all that rules need"
	}
	return Verdict{true, v1alpha1.ReasonNoErrors, message}
}

func denied(why string, errors []Finding, before *v1alpha1.ProducerInForce) Verdict {
	if before == nil {
		return Verdict{false, v1alpha1.ReasonDeniedWithoutPredecessor,
			fmt.Sprintf("no settings are in force: %s, and none were accepted before: %s", why, rulesOf(errors))}
	}
	return Verdict{false, v1alpha1.ReasonDenied,
		fmt.Sprintf("the settings of generation %d stay in force: %s: %s", before.Generation, why, rulesOf(errors))}
}

// rulesOf names rules, each once, without counts, so that it isn't another message with each topic.
func rulesOf(findings []Finding) string {
	var ids []string
	for _, f := range findings {
		if !slices.Contains(ids, f.Rule) {
			ids = append(ids, f.Rule)
		}
	}
	return strings.Join(ids, ", ")
}

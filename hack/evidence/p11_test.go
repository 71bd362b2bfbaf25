package main

import (
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// TestImpatienceIsFound: the rule finds an error in what is flagged, and in nothing
// that is compared with it.
func TestImpatienceIsFound(t *testing.T) {
	e := impatient()
	for i, a := range e.arms() {
		finds := slices.ContainsFunc(producerpolicy.Check(producerpolicy.Facts{Spec: a.policy}), func(f producerpolicy.Finding) bool {
			return f.Rule == e.Rule && f.Severity == v1alpha1.SeverityError
		})
		if finds != (i == flagged) {
			t.Errorf("%s finds an error with the settings of %s: %t", e.Rule, armNames[i], finds)
		}
	}
}

package policy

import (
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// TestManifest: it promises that nothing is lost, breaks no rule by itself, and
// is one file for the runtime.
func TestManifest(t *testing.T) {
	policy, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if policy.Spec.Durability != v1alpha1.Lossless {
		t.Errorf("durability is %s", policy.Spec.Durability)
	}
	for _, rule := range producerpolicy.Rules {
		for _, f := range rule.Check(producerpolicy.Facts{Spec: policy.Spec}) {
			if f.Severity == v1alpha1.SeverityError {
				t.Errorf("%s: %s", rule.ID, f.Message)
			}
		}
	}
	if name := Render(policy).Name; name != workerconfig.ProducerFileName || len(policy.Spec.Clients) != 1 {
		t.Errorf("the file is %s, of the clients %v", name, policy.Spec.Clients)
	}
}

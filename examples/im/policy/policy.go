// Package policy is what the producers of instant messages must do.
package policy

import (
	_ "embed" // the manifest
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

//go:embed policy.yaml
var manifest []byte

// Load is the KafkaProducerPolicy of the manifest.
func Load() (v1alpha1.KafkaProducerPolicy, error) {
	var policy v1alpha1.KafkaProducerPolicy
	if err := yaml.UnmarshalStrict(manifest, &policy); err != nil {
		return policy, fmt.Errorf("read the manifest of the producer policy: %w", err)
	}
	return policy, nil
}

// Render is the file that Lagrange gives to a program of the policy. The policy
// has one client, so it is one file.
func Render(policy v1alpha1.KafkaProducerPolicy) producerpolicy.File {
	return producerpolicy.Render(policy.Namespace+"/"+policy.Name, policy.Spec)[0]
}

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestEveryFieldDescribed: `kubectl explain` reads like documentation. What is
// embedded from Kubernetes has Kubernetes' own words.
func TestEveryFieldDescribed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			described(t, version.Name, *version.Schema.OpenAPIV3Schema)
		}
	}
}

// embedded are the subtrees that are Kubernetes' own.
var embedded = []string{"v1alpha1.metadata", "v1alpha1.spec.workload.template", "v1alpha1.spec.workload.strategy"}

func described(t *testing.T, at string, schema apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	for name, field := range schema.Properties {
		path := at + "." + name
		if slices.Contains(embedded, path) && name != "metadata" && field.Description == "" {
			t.Errorf("%s has no description", path)
		}
		if slices.Contains(embedded, path) {
			continue
		}
		if field.Description == "" {
			t.Errorf("%s has no description", path)
		}
		described(t, path, field)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		described(t, at+"[]", *schema.Items.Schema)
	}
}

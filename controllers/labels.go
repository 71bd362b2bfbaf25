package controllers

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

const (
	// FieldManager is the name under which Lagrange applies.
	FieldManager = "lagrange"

	// groupLabel holds the name of the KafkaConsumerGroup on everything made for it.
	groupLabel = "kafka.lagrange.dev/consumer-group"
	// managedByLabel says who made it.
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "lagrange"
	// appliedHash is the hash of the Deployment as it was last applied.
	appliedHash = "kafka.lagrange.dev/applied-hash"
)

// MadeForGroups selects everything that Lagrange made; the caches hold nothing else.
func MadeForGroups() labels.Selector {
	selector, err := labels.Parse(groupLabel)
	if err != nil {
		panic(err) // a constant
	}
	return selector
}

// selectorLabels select the workers of a group.
func selectorLabels(group *v1alpha1.KafkaConsumerGroup) map[string]string {
	return map[string]string{groupLabel: group.Name}
}

// identityLabels are on everything made for a group.
func identityLabels(group *v1alpha1.KafkaConsumerGroup) map[string]string {
	return map[string]string{groupLabel: group.Name, managedByLabel: managedBy}
}

// hasAll tells whether all of wanted are in have.
func hasAll(have, wanted map[string]string) bool {
	return !slices.ContainsFunc(slices.Collect(maps.Keys(wanted)), func(key string) bool {
		value, ok := have[key]
		return !ok || value != wanted[key]
	})
}

// merged is base with over laid over it.
func merged(base, over map[string]string) map[string]string {
	out := make(map[string]string, len(base)+len(over))
	maps.Copy(out, base)
	maps.Copy(out, over)
	return out
}

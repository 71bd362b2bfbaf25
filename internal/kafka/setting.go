package kafka

import "fmt"

// Setting is a value that a cluster may not tell. The zero value is not known.
// What is not known is never taken for a default: clusters hide and deny
// configuration, and a default that is guessed would pass for a fact.
type Setting[T comparable] struct {
	// Value means something with IsKnown only.
	Value   T
	IsKnown bool
	// Reason is why the value is not known, such as "the cluster denies
	// DescribeConfigs"; empty where nobody has asked.
	Reason string
}

// Known is a value that the cluster told.
func Known[T comparable](value T) Setting[T] { return Setting[T]{Value: value, IsKnown: true} }

// Unknown is a value that it did not tell, and why.
func Unknown[T comparable](reason string) Setting[T] { return Setting[T]{Reason: reason} }

// String is the value, or a question mark.
func (s Setting[T]) String() string {
	if !s.IsKnown {
		return "?"
	}
	return fmt.Sprint(s.Value)
}

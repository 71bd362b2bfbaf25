// Package v1alpha1 is the API of Lagrange, group kafka.lagrange.dev.
//
// A KafkaConsumerGroup is one Kafka consumer group together with the workers
// that form it: a team states the topics, a pod template and a lag target, and
// Lagrange keeps the number of workers.
//
// This is an alpha version: a field may change between releases, and each
// change is named in the release notes.
//
// +kubebuilder:object:generate=true
// +groupName=kafka.lagrange.dev
package v1alpha1

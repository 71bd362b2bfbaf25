// Package flow holds the decisions of a worker that need no Kafka: which offset
// of a partition may be committed (Window), which messages may be handled at the
// same time (Lanes), and how much may be in flight (Budget). Nothing in it
// locks, waits or reads a clock; its callers do.
package flow

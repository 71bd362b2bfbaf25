// Package kafka is the vocabulary in which the operator speaks of Kafka:
// partitions, offsets, group states and members, as plain values.
//
// It does no input or output and imports no client. internal/kafkaadmin fills
// these values, the pure packages decide over them.
package kafka

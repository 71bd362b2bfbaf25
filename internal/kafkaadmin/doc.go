// Package kafkaadmin reads Kafka for the operator: it is its only importer of
// sarama, and values of internal/kafka and typed errors are all that leaves it.
//
// A Pool keeps one client per distinct Connection and one poll cycle per
// client, which serves every consumer group on it:
//
//	metadata ──> committed offsets, state and members ──> start and end offsets
//	(one request)  (batched per group coordinator)          (batched per leader)
//
// What it promises:
//
//   - What could not be read is an error in its place, never a number. One bad
//     group, partition or broker never fails its siblings.
//   - Partitions are always explicit and no request is sent for an empty list,
//     which on the wire means everything.
//   - Committed offsets are read before end offsets, so that a group that only
//     moves forward is never seen ahead of its log.
//   - A step of a cycle returns at its deadline although sarama's calls take no
//     context: at the deadline the connection under the call is closed, and the
//     call is abandoned to end by itself.
//   - The same problem has the same error text: no counters, no timestamps, no
//     ephemeral ports.
package kafkaadmin

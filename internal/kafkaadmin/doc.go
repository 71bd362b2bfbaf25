// Package kafkaadmin reads Kafka for the operator, and writes the offsets of
// resets: it is its only importer of sarama, and values of internal/kafka and
// typed errors are all that leaves it.
//
// A Pool keeps one client per distinct Connection and one poll cycle per
// client, which serves every consumer group on it:
//
//	metadata ──> lists of groups ──> committed offsets, members ──> log ends
//	(1 request)   (1 per broker)      (per group coordinator)        (per leader)
//
// What it costs, for 3,000 groups with 96,000 offsets on 3 brokers: 10 requests
// a cycle where nothing changes its state, 16 at most. The brokers' lists tell
// type, state and coordinator of every group, so that a move of coordinators
// costs nothing; members are described where the state changed, where somebody
// asked (Refresh), and every minute.
//
// A cycle does not wait for slow brokers: see poller for its two lanes.
//
// Surveys keep a client of their own per distinct Connection, and read the
// settings of topics and brokers each minute: one Metadata, one ApiVersions, and
// one DescribeConfigs for each 1,000 topics.
//
// What it promises:
//
//   - What could not be read is an error in its place, never a number. One bad
//     group, partition or broker never fails its siblings.
//   - Partitions are always explicit and no request is sent for an empty list,
//     which on the wire means everything.
//   - Committed offsets are read before end offsets, so that a group that only
//     moves forward is never seen ahead of its log.
//   - A request returns at its deadline although sarama's calls take no
//     context: at the deadline the connection under the call is closed, and the
//     call is abandoned to end by itself. There is one such call a broker at
//     most.
//   - A write, which only an Admin makes, is sent once at most, and is
//     kafka.ErrUncertain where it may have been done.
//   - The same problem has the same error text: no counters, no timestamps, no
//     ephemeral ports.
package kafkaadmin

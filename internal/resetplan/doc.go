// Package resetplan decides what a KafkaOffsetReset commits. It is pure: spec,
// survey and time go in, a plan, its rows and what speaks against it come out;
// no input is changed, and the order of the input makes no difference.
//
//	Make ──> approval of Hash ──> drain ──> Recheck ──> Split ──> commit ──> Overwritten ──> Replay
//	 │                                        │                                  │
//	 └ Problems: can't be approved            └ Problems: nothing is written     └ another writer
//
// Make turns a target into one row a partition. What whoever approves has to
// rely on is frozen in the hash: reset, revision, cluster, group, rule and
// policies, and of each partition the topic's id, the action and the absolute
// target. Committed offset, log start and log end are information.
//
// Recheck holds that plan against what is there once the workers have stopped.
// It writes the approved targets and no others, with three exceptions that were
// approved with the rule: earliest follows the log start, shiftBy and toCurrent
// are computed from what is committed now, and onOutOfRange: Clamp moves what
// is no longer in the log into it.
//
// Split divides the writes into requests. The group's coordinator appends all
// commits of one request as one batch, and refuses a batch that is larger than
// max.message.bytes of __consumer_offsets, 1,048,588 by default. A committed
// offset takes 46 bytes at most, and group, topic and metadata. With names of
// 20 bytes and a tag of 16 bytes:
//
//	46 + 20 + 20 + 16 = 102 bytes; 1,000 partitions take 102,000 and 10,000 take 1,020,000: one request
//	with 60 bytes of metadata, 146 bytes: 10,000 take 1,460,000, which is two
package resetplan

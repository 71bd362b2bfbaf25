// Package worker is a runtime for members of Kafka consumer groups, and for
// producers, built on sarama. A program hands Run one function:
//
//	config, err := worker.Load()
//	if err != nil { ... }
//	err = worker.Run(ctx, config, func(ctx context.Context, msg worker.Message) error {
//		return store(ctx, msg.Key, msg.Value)
//	})
//
// The promise is at least once: a message whose offset was committed has been
// handled, and so has every message before it in its partition. It may be
// handled again after a crash, a rebalance that took longer than its timeout, or
// an offset reset, so effects should be idempotent; package worker/dedup makes
// those in a database happen once. Messages come in the order that
// Config.Ordering names: of a partition, of a key, or none.
//
// # Ways to run
//
//   - Run handles one message in a call, RunBatches many. Chain puts Middleware
//     around a Handler.
//   - RunTransactions reads, transforms and produces; outputs and offsets are
//     committed in one transaction.
//   - RunReaders is membership for programs that fetch by themselves.
//   - Replay reads partitions again without joining the group.
//   - NewProducer sends messages and tells the result of each.
//
// # Failures
//
// A handler that returns an error or panics is called again after a pause, as
// Config.Retry says; meanwhile only what must come after the message waits.
// After Retry.Attempts, or at once for a Permanent error, the message goes to
// Config.DeadLetter, or ends Run with a HandlerError. No message is skipped but
// by a policy that was asked for (Latest, RangeLatest, MaxMessageAge, StartAt),
// and each of those is logged and counted.
//
// # A session
//
// One membership goes
//
//	join -> resolve where each partition opens, commit what was resolved
//	     -> a claim for each partition: take -> lanes -> handlers -> finished
//	                                                  commit every second
//	     -> the session ends: nothing new begins, what is in hand is finished or
//	        abandoned at a deadline, commit, rejoin or leave
//
// A claim is one partition for as long as this member has it. What is finished
// after its claim was given up counts no more.
//
// # Settings
//
// Load reads the file that the operator mounts, and the environment; every
// setting can be given in Go as well. Config has them all, with their defaults.
// docs/worker.md of the repository has the same as tables, with the promise,
// what breaks it, and the metrics.
package worker

// Package worker is a runtime for Kafka consumer group members, built on
// sarama. A program hands Run one function and gets: messages of a partition
// one at a time and in order, offsets committed only after the function
// returned nil, an explicit starting position for every partition, and a
// shutdown that finishes and commits what is in hand.
//
//	config, err := worker.Load()
//	if err != nil { ... }
//	err = worker.Run(ctx, config, func(ctx context.Context, msg worker.Message) error {
//		return store(ctx, msg.Key, msg.Value)
//	})
//
// The promise is at least once: a message whose offset was committed has been
// handled. It may be handled again after a crash, a rebalance that took longer
// than its timeout, or an offset reset, so handlers should be idempotent.
//
// One membership, from joining to leaving or the next rebalance, goes
//
//	join -> resolve where each partition starts, commit what was resolved
//	     -> one claim per partition: take, handle, finish   (commit every second)
//	     -> the session ends: finish the message in hand, commit, rejoin or leave
package worker

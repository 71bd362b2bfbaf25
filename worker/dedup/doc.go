// Package dedup gives the effects of messages in a database exactly once, with
// the at least once of package worker.
//
// Kafka hands a message in again after a crash, a rebalance that came too late,
// or an offset reset. So each message gets an id, and the id is stored in the
// same SQL transaction as the effect: either both are there or neither, and a
// message whose id is there already has no effect again.
//
//	config, err := worker.Load()
//	if err != nil { ... }
//	store := dedup.Store{
//		Dialect:   dedup.MySQL,
//		Namespace: config.DedupNamespace, // or one of the program's own, as "chat"
//		ID:        dedup.IDFromHeader("message-id"),
//	}
//	if err := store.EnsureSchema(ctx, db); err != nil { ... }
//	err := worker.Run(ctx, config, store.Handler(db,
//		func(ctx context.Context, tx *sql.Tx, msg worker.Message) error {
//			_, err := tx.ExecContext(ctx, "INSERT INTO messages ...", msg.Key, msg.Value)
//			return err
//		}))
//
// BatchHandler is the same for worker.RunBatches: one transaction for many
// messages, which costs one write to the database's disk instead of many. Once
// is what both are made of, for other programs.
//
// # The id
//
// Who makes it, and why it is unique, is the choice that matters: two messages
// with one id are one message, and the second has no effect.
//
//   - IDFromHeader: the sender makes it, such as a UUID, once for each message
//     that it means, and sends it again with every repetition. It is the only
//     one that also finds what a sender, not Kafka, has doubled.
//   - IDFromKey, or a function of one's own: something in the message is an id
//     already, such as the number of an order.
//   - IDFromPosition: where the message is in Kafka. Nothing is asked of the
//     senders. What a sender has sent twice are two messages.
//
// An id may have any bytes and any length; one without bytes is refused. Ids of
// up to 63 bytes are stored as they are, longer ones as their SHA-256 in 64 hex
// digits. Nothing is cut off.
//
// # The namespace
//
// Ids are unique inside a namespace. It names the consumer, so that two may
// share a database and a table, and the pass: to have messages handled again on
// purpose, rewind the group's offsets and change the namespace ("chat" to
// "chat/2"). With the old namespace a rewind, which may well be an accident,
// repeats nothing: every message is found to be handled.
//
// The operator does both at once: with spec.consumer.dedup.namespace "chat" in
// the KafkaConsumerGroup it tells the workers "chat", as config.DedupNamespace, and
// "chat/2" from a KafkaOffsetReset with dedup NewNamespace on. No worker of before
// runs then, so that no two passes ever work at the same time.
//
// In a new namespace nothing counts as handled, on no partition: also what a worker
// had handled, and could not commit before it was stopped, is handled again.
//
// # How long ids are kept
//
// As long as their messages can come again, which is as long as Kafka keeps
// them. Purge removes older ones, in small steps; CheckRetention tells when that
// is too early. Ids of a namespace that is no longer used can all go.
//
// # What two workers do with one message
//
// They insert the same id. The database has the second one wait until the first
// one's transaction ends: after a commit the message was handled; after a
// rollback the second goes on. Both have their own connection, so neither is
// fooled by what it read before. A worker that is killed loses its connection,
// and with it the transaction. One that hangs, or is cut off from the network,
// keeps its lock until the database ends the transaction: set
// idle_transaction_timeout in MariaDB, idle_in_transaction_session_timeout in
// PostgreSQL, to less than the worker's processing time.
//
// # What breaks it
//
//   - Effects outside of the transaction that is handed in: another database, a
//     call to a service. They are done at least once.
//   - An error of the transaction that is not returned. After a deadlock MySQL
//     has rolled back on its own, the id too, and what follows is on its own.
//   - Statements that commit on their own, in MySQL CREATE, ALTER and TRUNCATE,
//     and tables of an engine without transactions.
//   - A database that loses what it has committed: a fail-over to a replica that
//     was behind, innodb_flush_log_at_trx_commit=0, synchronous_commit=off.
//
// # The table
//
// A row is the namespace, the id, and the second in which it was first seen: 160
// to 220 bytes with both indexes. The primary key begins with the namespace and
// goes on with the id as it is, not with a hash of it: ids that grow, as
// positions do for each partition and UUIDs of version 7 do, are then inserted
// next to each other, into pages that are in memory. Random ids, as UUIDs of
// version 4, touch a random page each; that costs nothing until the index is
// larger than the memory for it. A second index, by time, is for Purge.
package dedup

package worker_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
)

// transaction begins one and produces to partition 0 in it.
func (b *broker) transaction(t *testing.T, count int) sarama.SyncProducer {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = "test"
	producer, err := sarama.NewSyncProducer(b.ListenAddrs(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	if err := producer.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	for range count {
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("v")}); err != nil {
			t.Fatal(err)
		}
	}
	return producer
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	for level, want := range map[worker.IsolationLevel][]int64{
		worker.ReadUncommitted: {0, 1, 3, 4}, // 2 and 5 are the markers of the transactions' ends
		worker.ReadCommitted:   {3, 4},
	} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			b, handled := newBroker(t, 1), newRecord()
			aborted := b.transaction(t, 2)
			if err := aborted.AbortTxn(); err != nil {
				t.Fatal(err)
			}
			committed := b.transaction(t, 2)
			if err := committed.CommitTxn(); err != nil {
				t.Fatal(err)
			}
			b.produce(t, 0, 1)
			config := b.config()
			config.IsolationLevel = level
			w := start(t, config, handled.handle)
			await(t, "the last message", func() bool { return len(handled.of(0)) > 0 && handled.of(0)[len(handled.of(0))-1] == 6 })
			w.stop(t)
			if diff := cmp.Diff(append(want, 6), handled.of(0)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// With latest, what a transaction has written that is open at the start counts
// as not read: it may yet be committed.
func TestLatestStartsBehindNoOpenTransaction(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 2)
	open := b.transaction(t, 3)
	config := b.config()
	config.IsolationLevel, config.InitialOffset = worker.ReadCommitted, worker.Latest
	w := start(t, config, handled.handle)
	await(t, "the partition is open at the last stable offset", func() bool { return b.committed(0) == 2 })
	if err := open.CommitTxn(); err != nil {
		t.Fatal(err)
	}
	await(t, "its messages", func() bool { return len(handled.of(0)) == 3 })
	w.stop(t)
	if diff := cmp.Diff(offsets(2, 5), handled.of(0)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A commit above the last stable offset, by a member that reads uncommitted
// messages, is no commit above the log end.
func TestACommitWithinAnOpenTransactionIsNoMistake(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	open := b.transaction(t, 3)
	b.commit(t, 0, 2)
	config := b.config()
	config.IsolationLevel = worker.ReadCommitted
	w := start(t, config, handled.handle)
	b.awaitMembers(t, 1)
	if err := open.CommitTxn(); err != nil {
		t.Fatal(err)
	}
	await(t, "the message behind the commit", func() bool { return len(handled.of(0)) == 1 })
	w.stop(t)
	if diff := cmp.Diff(offsets(2, 3), handled.of(0)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

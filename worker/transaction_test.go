package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/worker"
)

// The topics that the transactions of these tests produce to.
const (
	results = "results"
	audit   = "audit"
	letters = "letters"
)

func newTransactionalBroker(t *testing.T, partitions int32) *broker {
	t.Helper()
	return newBrokerWith(t, func(*sarama.Config) {}, kfake.SeedTopics(partitions, topic), kfake.SeedTopics(2, results, audit), kfake.SeedTopics(1, letters))
}

// startTransactions runs a transactional worker until stop, or the end of the test.
func startTransactions(t *testing.T, config worker.Config, transform worker.Transform) *running {
	t.Helper()
	return startRun(t, func(ctx context.Context) error { return worker.RunTransactions(ctx, config, transform) })
}

// startRun runs something until stop, or the end of the test.
func startRun(t *testing.T, run func(context.Context) error) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, result: make(chan error, 1)}
	var alive sync.WaitGroup
	alive.Go(func() { r.result <- run(ctx) })
	t.Cleanup(func() {
		cancel()
		alive.Wait()
	})
	return r
}

// source names the message that an output is of.
func source(msg worker.Message) string { return fmt.Sprintf("%d/%06d", msg.Partition, msg.Offset) }

// twice produces a result and an audit record for each message.
func twice(_ context.Context, msg worker.Message) ([]worker.Outgoing, error) {
	return []worker.Outgoing{
		{Topic: results, Key: fmt.Append(nil, msg.Partition), Value: []byte(source(msg))},
		{Topic: audit, Key: fmt.Append(nil, msg.Offset), Value: []byte(source(msg))},
	}, nil
}

// reader is a client that sees what is committed.
func (b *broker) reader(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.ListenAddrs()...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.MaxVersions(kversion.V3_6_0()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// committedLog is what a reader of a topic sees, by partition, in order. Nothing
// is open in it.
func (b *broker) committedLog(t *testing.T, topic string) (records []*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	admin := kadm.NewClient(b.reader(t))
	stable, err := admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	from := make(map[int32]kgo.Offset)
	ends.Each(func(end kadm.ListedOffset) {
		if at, _ := stable.Lookup(topic, end.Partition); at.Offset != end.Offset {
			t.Fatalf("%s-%d is open from %d up to %d", topic, end.Partition, at.Offset, end.Offset)
		}
		from[end.Partition] = kgo.NewOffset().At(0)
	})
	client := b.reader(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}), kgo.KeepControlRecords())
	next := make(map[int32]int64)
	behind := func() bool {
		for partition := range from {
			if end, _ := ends.Lookup(topic, partition); next[partition] < end.Offset {
				return true
			}
		}
		return false
	}
	for behind() {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			next[record.Partition] = record.Offset + 1
			if !record.Attrs.IsControl() {
				records = append(records, record)
			}
		})
	}
	slices.SortStableFunc(records, func(a, b *kgo.Record) int { return int(a.Partition - b.Partition) })
	return records
}

// sources are the values of a topic, sorted: each message once.
func (b *broker) sources(t *testing.T, topic string) []string {
	t.Helper()
	var values []string
	for _, record := range b.committedLog(t, topic) {
		values = append(values, string(record.Value))
	}
	slices.Sort(values)
	return values
}

// allSources are those of so many messages in each partition.
func allSources(partitions int32, each int64) []string {
	var all []string
	for partition := range partitions {
		for offset := range each {
			all = append(all, source(worker.Message{Partition: partition, Offset: offset}))
		}
	}
	return all
}

// hasOnce fails the test unless each message took effect once in both topics.
func (b *broker) hasOnce(t *testing.T, partitions int32, each int64) {
	t.Helper()
	for _, topic := range []string{results, audit} {
		if diff := cmp.Diff(allSources(partitions, each), b.sources(t, topic)); diff != "" {
			t.Errorf("topic %s, -want +got:\n%s", topic, diff)
		}
	}
	ordered := make(map[string]string)
	for _, record := range b.committedLog(t, results) {
		if last := ordered[string(record.Key)]; string(record.Value) <= last {
			t.Errorf("the result of %s comes behind that of %s", record.Value, last)
		}
		ordered[string(record.Key)] = string(record.Value)
	}
}

func (b *broker) awaitCommitted(t *testing.T, partitions int32, each int64) {
	t.Helper()
	await(t, "everything is committed", func() bool {
		for partition := range partitions {
			if b.committed(partition) < each {
				return false
			}
		}
		return true
	})
}

// Members come and go in the middle of transactions.
func TestTransactionsTakeEffectOnceWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	for _, ordering := range []worker.Ordering{worker.OrderByPartition, worker.OrderByKey, worker.OrderNone} {
		t.Run(string(ordering), func(t *testing.T) {
			t.Parallel()
			const partitions, rounds, perRound = 4, 4, 50
			b := newTransactionalBroker(t, partitions)
			join := func(number int) *running {
				config := b.config()
				config.ClientID, config.Ordering = fmt.Sprint("member-", number), ordering
				config.CommitInterval = 5 * time.Millisecond
				return startTransactions(t, config, twice)
			}
			members := []*running{join(0)}
			for round := 1; round <= rounds; round++ {
				members = append(members, join(round))
				for partition := range int32(partitions) {
					b.produce(t, partition, perRound)
				}
				b.awaitMembers(t, len(members))
				if round%2 == 0 {
					members[0].stop(t)
					members = members[1:]
				}
			}
			b.awaitCommitted(t, partitions, rounds*perRound)
			for _, member := range members {
				member.stop(t)
			}
			b.hasOnce(t, partitions, rounds*perRound)
		})
	}
}

// Each request of a transaction fails in each way, several times.
func TestTransactionsTakeEffectOnceWhateverFails(t *testing.T) {
	t.Parallel()
	keys := []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn}
	errs := []*kerr.Error{
		kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions, kerr.UnknownServerError,
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.UnknownProducerID,
		kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend,
	}
	for _, key := range keys {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			b := newTransactionalBroker(t, 2)
			config := b.config()
			config.CommitInterval = 5 * time.Millisecond
			w := startTransactions(t, config, twice)
			each := int64(0)
			for _, err := range errs {
				one := kfake.Fault{Keys: []kmsg.Key{key}, Err: err}
				if key == kmsg.Produce {
					one.Topic = results // the test produces, too
				}
				faults := []kfake.Fault{one}
				if key == kmsg.InitProducerID { // which comes after a failure
					faults = append(faults, kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidTxnState})
				}
				fault := b.Fault(faults...)
				for partition := range int32(2) {
					b.produce(t, partition, 5)
				}
				each += 5
				b.awaitCommitted(t, 2, each)
				if fault.Hits() < len(faults) {
					t.Errorf("%s: no request failed with it", err.Message)
				}
				fault.Remove()
			}
			w.stop(t)
			b.hasOnce(t, 2, each)
		})
	}
}

// The connection breaks before and after the broker has done what was asked.
func TestTransactionsTakeEffectOnceOverBrokenConnections(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			b := newTransactionalBroker(t, 2)
			var asked atomic.Int32
			b.ControlKey(int16(key), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				if request, ok := kreq.(*kmsg.ProduceRequest); ok && request.TransactionID == nil {
					return nil, nil, false // the test's own
				}
				if asked.Add(1)%4 == 1 {
					return nil, errors.New("broken off"), true
				}
				return nil, nil, false
			})
			config := b.config()
			config.CommitInterval = 5 * time.Millisecond
			w := startTransactions(t, config, twice)
			for range 10 {
				b.produce(t, 0, 5)
				b.produce(t, 1, 5)
			}
			b.awaitCommitted(t, 2, 50)
			w.stop(t)
			if asked.Load() < 2 {
				t.Errorf("%d requests were seen, none was broken off", asked.Load())
			}
			b.hasOnce(t, 2, 50)
		})
	}
}

// Another process takes the transactional id for itself, again and again.
func TestAProducerThatIsFencedBeginsAgain(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	config := b.config()
	config.Transaction.ID = "shared"
	w := startTransactions(t, config, twice)
	for round := range int64(3) {
		b.produce(t, 0, 5)
		b.awaitCommitted(t, 1, 5*(round+1))
		other := b.reader(t, kgo.TransactionalID("shared"))
		if _, _, err := other.ProducerID(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.produce(t, 0, 5)
	b.awaitCommitted(t, 1, 20)
	if got := metric(t, config.Registry, "lagrange_worker_consumer_errors_total"); got < 3 {
		t.Errorf("%g errors counted: each failed transaction is one, and a pause follows", got)
	}
	w.stop(t)
	b.hasOnce(t, 1, 20)
}

func TestRunTransactionsRefusesWhatCannotBeExactlyOnce(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	for name, change := range map[string]func(*worker.Config){
		"cooperative":    func(c *worker.Config) { c.Assignment = worker.CooperativeSticky },
		"acks":           func(c *worker.Config) { c.Producer.Acks = worker.AcksLeader },
		"not idempotent": func(c *worker.Config) { c.Producer.NotIdempotent = true },
		"old":            func(c *worker.Config) { c.KafkaVersion = "2.4.0" },
		"timeout":        func(c *worker.Config) { c.Transaction.Timeout = -1 },
		"producer":       func(c *worker.Config) { c.Producer.Partitioner = "none such" },
	} {
		config := b.config()
		change(&config)
		if err := worker.RunTransactions(t.Context(), config, twice); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

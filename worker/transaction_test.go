package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
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
	"go.opentelemetry.io/otel/trace"

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

// What is finished behind an unfinished message is in no transaction.
func TestNoOutputGoesBeforeItsOffset(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	config := b.config()
	config.Ordering = worker.OrderNone
	b.produce(t, 0, 10)
	release := make(chan struct{})
	var finished atomic.Int32
	w := startTransactions(t, config, func(ctx context.Context, msg worker.Message) ([]worker.Outgoing, error) {
		if msg.Offset == 3 {
			<-release
		}
		defer finished.Add(1)
		return twice(ctx, msg)
	})
	await(t, "all but one are finished", func() bool { return finished.Load() == 9 })
	b.awaitCommitted(t, 1, 3)
	b.hasOnce(t, 1, 3)
	close(release)
	b.awaitCommitted(t, 1, 10)
	w.stop(t)
	b.hasOnce(t, 1, 10)
}

// An interval of an hour: transactions begin when half of the share waits.
func TestATransactionBeginsEarlyWhenMuchWaits(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	config := b.config()
	config.CommitInterval, config.MaxInFlight = time.Hour, 40
	b.produce(t, 0, 1000)
	w := startTransactions(t, config, twice)
	b.awaitCommitted(t, 1, 990)
	w.stop(t)
	b.hasOnce(t, 1, 1000)
}

func TestAnOutputThatIsTooLargeIsTheMessagesFailure(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	b.produce(t, 0, 5)
	large := func(ctx context.Context, msg worker.Message) ([]worker.Outgoing, error) {
		out, err := twice(ctx, msg)
		if msg.Offset == 2 {
			out[1].Value = make([]byte, 2000)
		}
		return out, err
	}
	config := b.config()
	config.Producer.MaxMessageBytes = 1000
	var failed *worker.HandlerError
	if err := startTransactions(t, config, large).ended(t); !errors.As(err, &failed) || failed.Offset != 2 || failed.Attempts != 1 {
		t.Fatalf("Run: %v, want the message of offset 2", err)
	}
	b.hasOnce(t, 1, 2)
	config.DeadLetter = &worker.DeadLetter{Topic: letters}
	w := startTransactions(t, config, large)
	b.awaitCommitted(t, 1, 5)
	w.stop(t)
	b.isDead(t, 2)
}

// isDead tells that one message of five went to the dead letters, and the
// others took effect.
func (b *broker) isDead(t *testing.T, offset int64) {
	t.Helper()
	all := allSources(1, 5)
	if diff := cmp.Diff(slices.Delete(all, int(offset), int(offset)+1), b.sources(t, results)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	dead := b.committedLog(t, letters)
	if len(dead) != 1 {
		t.Fatalf("%d dead letters, want 1", len(dead))
	}
	told := make(map[string]string)
	for _, header := range dead[0].Headers {
		told[header.Key] = string(header.Value)
	}
	if told[worker.HeaderOffset] != fmt.Sprint(offset) || told[worker.HeaderAttempts] != "1" {
		t.Errorf("the dead letter says %v", told)
	}
}

// The broker refuses every batch with the result of one message.
func refusing(b *broker, what string) *kfake.FaultHandle {
	return b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: -1, When: func(kreq kmsg.Request) bool {
		for _, topic := range kreq.(*kmsg.ProduceRequest).Topics {
			for _, partition := range topic.Partitions {
				if strings.Contains(string(partition.Records), what) {
					return true
				}
			}
		}
		return false
	}})
}

func TestAnOutputThatIsRefusedIsFoundAndIsTheMessagesFailure(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	b.produce(t, 0, 5)
	refusing(b, "0/000002")
	config := b.config()
	var failed *worker.HandlerError
	if err := startTransactions(t, config, twice).ended(t); !errors.As(err, &failed) || failed.Offset != 2 {
		t.Fatalf("Run: %v, want the message of offset 2", err)
	}
	b.hasOnce(t, 1, b.committed(0))
	config.DeadLetter = &worker.DeadLetter{Topic: letters}
	w := startTransactions(t, config, twice)
	b.awaitCommitted(t, 1, 5)
	w.stop(t)
	b.isDead(t, 2)
}

// One of a thousand messages over several partitions.
func TestARefusedOutputHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 4)
	for partition := range int32(4) {
		b.produce(t, partition, 250)
	}
	refusing(b, "2/000123")
	aborts := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Observe: true, Count: -1, When: func(kreq kmsg.Request) bool {
		return !kreq.(*kmsg.EndTxnRequest).Commit
	}})
	config := b.config()
	config.CommitInterval = 300 * time.Millisecond
	config.DeadLetter = &worker.DeadLetter{Topic: letters}
	w := startTransactions(t, config, twice)
	b.awaitCommitted(t, 4, 250)
	if got := metric(t, config.Registry, "lagrange_worker_rebalances_total"); got != 1 {
		t.Errorf("%g sessions, want that the first one goes on", got)
	}
	if got := aborts.Hits(); got == 0 || got > 15 {
		t.Errorf("%d transactions were aborted, want about 10: each time half of what is left", got)
	}
	w.stop(t)
	want := slices.DeleteFunc(allSources(4, 250), func(s string) bool { return s == "2/000123" })
	if diff := cmp.Diff(want, b.sources(t, results)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if dead := b.committedLog(t, letters); len(dead) != 1 {
		t.Errorf("%d dead letters, want 1", len(dead))
	}
}

func TestTransactionsCarryTheTraceOn(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	const given, own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	client := b.reader(t)
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(given)}}}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	var seen atomic.Value
	w := startTransactions(t, b.config(), func(ctx context.Context, msg worker.Message) ([]worker.Outgoing, error) {
		seen.Store(trace.SpanContextFromContext(ctx).TraceID().String())
		out, err := twice(ctx, msg)
		out[1].Headers = []worker.Header{{Key: []byte("traceparent"), Value: []byte(own)}}
		return out, err
	})
	b.awaitCommitted(t, 1, 1)
	w.stop(t)
	if seen.Load() != given[3:35] {
		t.Errorf("the handler saw trace %v", seen.Load())
	}
	for name, want := range map[string]string{results: given, audit: own} {
		headers := b.committedLog(t, name)[0].Headers
		if len(headers) != 1 || string(headers[0].Value) != want {
			t.Errorf("headers %v of topic %s, want trace %s", headers, name, want)
		}
	}
}

// undecided is a transaction of somebody else's that has an offset of the group.
type undecided struct {
	*broker
	id    string
	pid   int64
	epoch int16
}

func (b *broker) undecided(t *testing.T, partition int32, offset int64) *undecided {
	t.Helper()
	u := &undecided{broker: b, id: "elsewhere"}
	begin := kmsg.NewInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = &u.id, int32(patience.Milliseconds())
	begun, err := begin.RequestWith(t.Context(), b.reader(t))
	u.done(t, err, begun.ErrorCode)
	u.pid, u.epoch = begun.ProducerID, begun.ProducerEpoch
	add := kmsg.NewAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = u.id, u.pid, u.epoch, group
	added, err := add.RequestWith(t.Context(), b.reader(t))
	u.done(t, err, added.ErrorCode)
	at := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	at.Partition, at.Offset = partition, offset
	commit := kmsg.NewTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = u.id, u.pid, u.epoch, group
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{at}}}
	committed, err := commit.RequestWith(t.Context(), b.reader(t))
	u.done(t, err, committed.Topics[0].Partitions[0].ErrorCode)
	return u
}

func (u *undecided) done(t *testing.T, err error, code int16) {
	t.Helper()
	if err := errors.Join(err, kerr.ErrorForCode(code)); err != nil {
		t.Fatal(err)
	}
}

func (u *undecided) end(t *testing.T, commit bool) {
	t.Helper()
	end := kmsg.NewEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = u.id, u.pid, u.epoch, commit
	ended, err := end.RequestWith(t.Context(), u.reader(t))
	u.done(t, err, ended.ErrorCode)
}

// The partition's last owner left a transaction open: its offset decides where
// the next one begins.
func TestAPartitionOpensOnceItsTransactionIsDecided(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprint(committed), func(t *testing.T) {
			t.Parallel()
			b := newTransactionalBroker(t, 1)
			b.produce(t, 0, 10)
			b.commit(t, 0, 2)
			open := b.undecided(t, 0, 6)
			asked := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Observe: true, Count: -1, Group: group})
			joins := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1, Group: group})
			handled := newRecord()
			config := b.config()
			w := startTransactions(t, config, func(ctx context.Context, msg worker.Message) ([]worker.Outgoing, error) {
				return nil, handled.handle(ctx, msg)
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := asked.Wait(ctx, 8); err != nil { // sarama's, four tries, and those once more
				t.Fatal(err)
			}
			if b.committed(0) != 2 || len(handled.of(0)) > 0 {
				t.Errorf("committed %d, handled %v before the transaction was decided", b.committed(0), handled.of(0))
			}
			open.end(t, committed)
			b.awaitCommitted(t, 1, 10)
			if got := joins.Hits(); got > 2 { // the first is told its member id
				t.Errorf("%d requests to join: the first session did not wait", got)
			}
			w.stop(t)
			from := int64(2)
			if committed {
				from = 6
			}
			if diff := cmp.Diff(offsets(from, 10), handled.of(0)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A coordinator that has gone silent can't hold up the end.
func TestASilentCoordinatorDoesNotHoldUpTheEndOfTransactions(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			b := newTransactionalBroker(t, 1)
			b.produce(t, 0, 5)
			asked, over := make(chan struct{}), make(chan struct{})
			t.Cleanup(func() { close(over) })
			var once sync.Once
			b.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				once.Do(func() { close(asked) })
				b.SleepControl(func() { <-over })
				return nil, nil, false
			})
			config := b.config()
			config.GracePeriod = time.Second
			config.RebalanceTimeout = 2 * patience // so that no answer is waited for longer than the test
			config.Transaction.Timeout = 2 * patience
			config.Producer.RequestTimeout = 2 * patience
			w := startTransactions(t, config, twice)
			<-asked
			w.stop(t)
		})
	}
}

// A topic to produce to that is missing is waited for within the session: nothing
// is handled twice for it, and the probe says what is waited for.
func TestAnOutputTopicThatIsMissingIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 1)
	if err := b.DeleteTopic(audit); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 0, 10)
	var log lockedBuffer
	config := b.config()
	config.ListenAddress = freeAddress(t)
	config.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	config.Transaction.Timeout = time.Second // which is not that of the wait
	ends := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.EndTxn}, Observe: true, Count: -1})
	w := startTransactions(t, config, twice)
	await(t, "the log says so again and again", func() bool {
		return strings.Count(log.String(), `"msg":"transactions wait"`) >= 3 && strings.Contains(log.String(), `topic \"audit\"`)
	})
	code, text := get(t, "http://"+config.ListenAddress+"/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(text, `produce to topic "audit"`) {
		t.Errorf("/readyz says %d %s", code, text)
	}
	if ends.Hits() > 0 {
		t.Errorf("%d requests of a transaction while there is no topic for it", ends.Hits())
	}
	if err := b.CreateTopic(audit, 2, nil); err != nil {
		t.Fatal(err)
	}
	b.awaitCommitted(t, 1, 10)
	await(t, "it is ready", func() bool { return status(config.ListenAddress, "/readyz") == http.StatusOK })
	handled := metric(t, config.Registry, "lagrange_worker_messages_handled_total")
	sessions := metric(t, config.Registry, "lagrange_worker_rebalances_total")
	if handled != 10 || sessions != 1 {
		t.Errorf("handled %v messages in %v sessions, want 10 in one", handled, sessions)
	}
	w.stop(t)
	b.hasOnce(t, 1, 10)
}

// What waits for a topic holds up neither a rebalance nor the end.
func TestAWaitForAnOutputTopicEnds(t *testing.T) {
	t.Parallel()
	b := newTransactionalBroker(t, 2)
	if err := b.DeleteTopic(audit); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 0, 10)
	b.produce(t, 1, 10)
	var workers []*running
	for _, name := range []string{"one", "two"} {
		var log lockedBuffer
		config := b.config()
		config.ClientID = name
		config.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		config.Transaction.Timeout, config.GracePeriod = 2*patience, 2*patience
		workers = append(workers, startTransactions(t, config, twice))
		b.awaitMembers(t, len(workers))
		await(t, name+" waits", func() bool { return strings.Contains(log.String(), `"msg":"transactions wait"`) })
	}
	for _, w := range workers {
		w.stop(t)
	}
	if got := b.committed(0); got > 0 {
		t.Errorf("committed %d without the outputs", got)
	}
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

package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/trace"

	"github.com/lagrange-operator/lagrange/worker"
)

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

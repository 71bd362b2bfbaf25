package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.opentelemetry.io/otel/trace"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestChainPutsTheFirstOutermost(t *testing.T) {
	var calls []string
	named := func(name string) worker.Middleware {
		return func(next worker.Handler) worker.Handler {
			return func(ctx context.Context, msg worker.Message) error {
				calls = append(calls, name+" before")
				err := next(ctx, msg)
				calls = append(calls, name+" after")
				return err
			}
		}
	}
	failed := errors.New("failed")
	handler := func(context.Context, worker.Message) error {
		calls = append(calls, "handler")
		return failed
	}
	if err := worker.Chain(handler, named("first"), named("second"))(t.Context(), worker.Message{}); !errors.Is(err, failed) {
		t.Errorf("the chain returned %v, want what the handler returned", err)
	}
	want := []string{"first before", "second before", "handler", "second after", "first after"}
	if !slices.Equal(calls, want) {
		t.Errorf("called %q, want %q", calls, want)
	}
	calls = nil
	if err := worker.Chain(handler)(t.Context(), worker.Message{}); !errors.Is(err, failed) || !slices.Equal(calls, []string{"handler"}) {
		t.Errorf("without middleware: called %q, returned %v", calls, err)
	}
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// produceTraced appends a message with a trace, one without, and one with other headers.
func (b *broker) produceTraced(t *testing.T) {
	t.Helper()
	for _, headers := range [][]sarama.RecordHeader{
		{{Key: []byte("traceparent"), Value: []byte(traceparent)}}, nil, {{Key: []byte("own"), Value: []byte("1")}},
	} {
		if _, _, err := b.producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Headers: headers}); err != nil {
			t.Fatal(err)
		}
	}
}

// traces are the trace contexts that a handler's calls had.
type traces struct {
	mutex sync.Mutex
	seen  []string
}

func (s *traces) note(ctx context.Context) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		s.seen = append(s.seen, "")
		return
	}
	s.seen = append(s.seen, "00-"+span.TraceID().String()+"-"+span.SpanID().String()+"-"+span.TraceFlags().String())
}

// Calls of one goroutine have a context in common: a trace must not stay in it.
func TestAHandlerHasTheTraceOfItsMessage(t *testing.T) {
	t.Parallel()
	b, seen := newBroker(t, 1), &traces{}
	b.produceTraced(t)
	w := start(t, b.config(), func(ctx context.Context, _ worker.Message) error {
		seen.note(ctx)
		return nil
	})
	await(t, "all is committed", func() bool { return b.committed(0) == 3 })
	w.stop(t)
	if want := []string{traceparent, "", ""}; !slices.Equal(seen.seen, want) {
		t.Errorf("the handler's contexts had the traces %q, want %q", seen.seen, want)
	}
}

// The messages of a batch have a trace each, and the batch has none.
func TestABatchHasNoTrace(t *testing.T) {
	t.Parallel()
	b, seen := newBroker(t, 1), &traces{}
	b.produceTraced(t)
	var headers []string
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- worker.RunBatches(ctx, b.config(), func(ctx context.Context, batch []worker.Message) error {
			seen.note(ctx)
			for _, msg := range batch {
				for _, header := range msg.Headers {
					headers = append(headers, string(header.Key)+" "+string(header.Value))
				}
			}
			return nil
		})
	}()
	await(t, "all is committed", func() bool { return b.committed(0) == 3 })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := slices.Compact(seen.seen); !slices.Equal(got, []string{""}) {
		t.Errorf("the batches' contexts had the traces %q, want none", got)
	}
	if want := []string{"traceparent " + traceparent, "own 1"}; !slices.Equal(headers, want) {
		t.Errorf("the messages had the headers %q, want %q", headers, want)
	}
}

// An empty key is a key, and nil is none: those without one wait for each other
// and for no key, in each partition by itself, also behind one that failed.
func TestMessagesWithoutAKeyKeepTheOrderOfTheirPartition(t *testing.T) {
	t.Parallel()
	b, hands := newBroker(t, 2), newInHand()
	b.produceKeys(t, 0, "", "a", "", "")
	empty := &sarama.ProducerMessage{Topic: topic, Key: sarama.ByteEncoder{}, Value: sarama.StringEncoder("v")}
	if _, _, err := b.producer.SendMessage(empty); err != nil {
		t.Fatal(err)
	}
	b.produceKeys(t, 1, "", "")
	config := b.config()
	config.Ordering, config.Concurrency = worker.OrderByKey, 8
	config.Retry = worker.Retry{InitialBackoff: time.Millisecond}
	start(t, config, hands.handle)

	hands.await(t, "0", "0'", "4", "a1")
	hands.finish(t, "0", errors.New("not yet"))
	hands.finish(t, "0'", nil)
	hands.await(t, "0", "1'", "4", "a1")
	for _, name := range []string{"0", "2", "3"} {
		hands.finish(t, name, nil)
	}
	await(t, "those before a1 are committed, and a1 is not", func() bool { return b.committed(0) == 1 })
	for _, name := range []string{"1'", "a1", "4"} {
		hands.finish(t, name, nil)
	}
	await(t, "all is committed", func() bool { return b.committed(0) == 5 && b.committed(1) == 2 })
	hands.mutex.Lock()
	defer hands.mutex.Unlock()
	if got := slices.DeleteFunc(slices.Clone(hands.done), func(name string) bool {
		return !slices.Contains([]string{"0", "2", "3"}, name)
	}); !slices.Equal(got, []string{"0", "2", "3"}) {
		t.Errorf("those without a key were handled in the order %q", got)
	}
}

package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestSendTellsWhereAMessageWasWritten(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	p := newProducer(t, b.config())
	at := time.UnixMilli(1_700_000_000_123)
	messages := []worker.Outgoing{
		{Topic: topic, Key: []byte("k"), Value: []byte("v"), Timestamp: at, Headers: []worker.Header{
			{Key: []byte("b"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte("2")}, {Key: []byte("b"), Value: nil},
		}},
		{Topic: topic, Key: []byte("tombstone")},
		{Topic: topic, Key: []byte{}, Value: []byte{}},
	}
	for i, message := range messages {
		got, err := p.Send(soon(t), message)
		if want := (worker.Receipt{Partition: 0, Offset: int64(i)}); err != nil || got != want {
			t.Errorf("message %d: %+v, %v, want %+v", i, got, err, want)
		}
	}
	log := b.log(t, topic)[0]
	first := log[0]
	if string(first.Key) != "k" || string(first.Value) != "v" || !first.Timestamp.Equal(at) {
		t.Errorf("first is %q %q at %v", first.Key, first.Value, first.Timestamp)
	}
	wantHeaders := []kgo.RecordHeader{{Key: "b", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "b"}}
	if diff := cmp.Diff(wantHeaders, first.Headers); diff != "" {
		t.Errorf("headers, -want +got:\n%s", diff)
	}
	if log[1].Value != nil || log[2].Value == nil || log[2].Key == nil {
		t.Errorf("a tombstone has value %v; an empty key is %v and an empty value %v", log[1].Value, log[2].Key, log[2].Value)
	}
	if since := time.Since(log[1].Timestamp); since < 0 || since > patience {
		t.Errorf("the default timestamp is %v", log[1].Timestamp)
	}
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := b.config()
	config.Producer.MaxMessageBytes = 1000
	p := newProducer(t, config)
	config.Producer.Partitioner = worker.PartitionManual
	manual := newProducer(t, config)
	cases := map[string]struct {
		producer *worker.Producer
		message  worker.Outgoing
		want     string
	}{
		"no topic":             {p, worker.Outgoing{Value: []byte("v")}, "no topic"},
		"too large":            {p, worker.Outgoing{Topic: topic, Value: make([]byte, 1001)}, "larger than maxMessageBytes 1000"},
		"a partition":          {p, worker.Outgoing{Topic: topic, Partition: new(int32(0))}, `only partitioner "manual" takes`},
		"no partition":         {manual, worker.Outgoing{Topic: topic}, "has no partition"},
		"a partition too high": {manual, worker.Outgoing{Topic: topic, Partition: new(int32(1))}, "partition 1 of 1: " + sarama.ErrInvalidPartition.Error()},
		"a partition below 0":  {manual, worker.Outgoing{Topic: topic, Partition: new(int32(-1))}, "partition -1 of 1: "},
	}
	for name, c := range cases {
		receipt, err := c.producer.Send(soon(t), c.message)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "server rejected") || receipt != (worker.Receipt{Partition: -1, Offset: -1}) {
			t.Errorf("%s: %+v, %v, want %q", name, receipt, err, c.want)
		}
	}
	if log := b.log(t, topic); len(log) != 0 {
		t.Errorf("the log has %v", log)
	}
}

func TestSendBatchNamesEachMessageThatFailed(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 3)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.InvalidRecord, Count: -1})
	config := b.config()
	config.Producer.Partitioner = worker.PartitionManual
	p := newProducer(t, config)
	var messages []worker.Outgoing
	for i := range 6 {
		messages = append(messages, worker.Outgoing{Topic: topic, Value: fmt.Append(nil, i), Partition: new(int32(i % 3))})
	}
	messages[5].Topic = ""
	err := p.SendBatch(soon(t), messages)
	failed, ok := errors.AsType[*worker.BatchError](err)
	if !ok || len(failed.Errors) != 3 || failed.Messages != 6 {
		t.Fatalf("SendBatch: %v", err)
	}
	for _, index := range []int{1, 4} {
		if !errors.Is(failed.Errors[index], sarama.ErrInvalidRecord) {
			t.Errorf("message %d: %v", index, failed.Errors[index])
		}
	}
	if failed.Errors[5] == nil || !strings.HasPrefix(err.Error(), "3 of 6 messages failed, the first is message 1: ") {
		t.Errorf("message 5: %v, all: %v", failed.Errors[5], err)
	}
	if !errors.Is(err, sarama.ErrInvalidRecord) {
		t.Error("the errors can't be found in the error of the batch")
	}
	log := b.log(t, topic)
	if len(log[0]) != 2 || len(log[1]) != 0 || len(log[2]) != 1 {
		t.Errorf("the log has %d, %d, %d messages", len(log[0]), len(log[1]), len(log[2]))
	}
	if err := p.SendBatch(soon(t), nil); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
}

func TestEnqueueWaitsForRoom(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	arrived, release := b.hold()
	defer release()
	config := b.config()
	config.Producer.MaxInFlight = 2
	p := newProducer(t, config)
	told := newOutcomes()
	for _, value := range []string{"a", "b"} {
		p.Enqueue(soon(t), keyed("k", value), told.of(value))
	}
	<-arrived
	b.hasNoRoom(t, p, keyed("k", "refused"))
	go p.Enqueue(soon(t), keyed("k", "c"), told.of("c"))
	release()
	await(t, "all results", func() bool { return told.count() == 3 })
	if diff := cmp.Diff([]string{"a", "b", "c"}, b.values(t)); diff != "" {
		t.Errorf("log, -want +got:\n%s", diff)
	}
}

// hasNoRoom checks that the message waits until its context ends.
func (b *broker) hasNoRoom(t *testing.T, p *worker.Producer, message worker.Outgoing) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result, returned := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(returned)
		p.Enqueue(ctx, message, func(_ worker.Receipt, err error) { result <- err })
	}()
	select {
	case <-returned:
		t.Error("there was room")
	case <-b.someRequests():
	}
	cancel()
	<-returned
	select {
	case err := <-result:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("refused with %v", err)
		}
	default:
		t.Error("there was room, and no result")
	}
}

// someRequests is closed once another client has had some answers: time in
// which what must not happen could.
func (b *broker) someRequests() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			_ = b.refresh()
		}
	}()
	return done
}

func TestBytesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	arrived, release := b.hold()
	defer release()
	config := b.config()
	config.Producer.MaxInFlightBytes = 1000
	p := newProducer(t, config)
	told := newOutcomes()
	large := worker.Outgoing{Topic: topic, Value: make([]byte, 2000)}
	p.Enqueue(soon(t), large, told.of("alone")) // larger than the bound, and lets in no other
	<-arrived
	b.hasNoRoom(t, p, keyed("k", "small"))
	release()
	await(t, "the first result", func() bool { return told.count() == 1 })
}

func TestSendReturnsWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	arrived, release := b.hold()
	defer release()
	config := b.config()
	p := newProducer(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := p.Send(ctx, keyed("k", "v")); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may still succeed") {
		t.Errorf("Send: %v", err)
	}
	if err := p.SendBatch(ctx, []worker.Outgoing{keyed("k", "too late")}); !errors.Is(err, context.Canceled) {
		t.Errorf("SendBatch: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		await(t, "the batch is accepted", func() bool {
			return metric(t, config.Registry, "lagrange_producer_messages_in_flight") == 2
		})
		cancel()
	}()
	failed, ok := errors.AsType[*worker.BatchError](p.SendBatch(ctx, []worker.Outgoing{keyed("k", "w")}))
	if !ok || failed.Errors[0] == nil || !strings.Contains(failed.Error(), "may still succeed") {
		t.Errorf("SendBatch: %v", failed)
	}
	release()
	if err := p.Flush(soon(t)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"v", "w"}, b.values(t)); diff != "" {
		t.Errorf("log, -want +got:\n%s", diff)
	}
}

func TestFlushWaitsForWhatWasEnqueuedBefore(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := b.config()
	config.Producer.Linger = 50 * time.Millisecond
	p := newProducer(t, config)
	told := newOutcomes()
	for _, value := range numbered("v", 500) {
		p.Enqueue(soon(t), keyed("k", value), told.of(value))
	}
	if err := p.Flush(soon(t)); err != nil || told.count() != 500 {
		t.Errorf("%v, with %d results", err, told.count())
	}
	arrived, release := b.hold()
	defer release()
	p.Enqueue(soon(t), keyed("k", "held"), told.of("held"))
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush with a context that is over: %v", err)
	}
}

func TestTraceContextIsInjectedOnce(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 2}) // tried three times
	p := newProducer(t, b.config())
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	message := keyed("k", "v")
	message.Headers = []worker.Header{{Key: []byte("traceparent"), Value: []byte("of who sent it")}, {Key: []byte("own"), Value: []byte("1")}}
	if _, err := p.Send(trace.ContextWithSpanContext(soon(t), span), message); err != nil {
		t.Fatal(err)
	}
	want := []kgo.RecordHeader{
		{Key: "own", Value: []byte("1")},
		{Key: "traceparent", Value: []byte("00-01000000000000000000000000000000-0200000000000000-01")},
	}
	if diff := cmp.Diff(want, b.log(t, topic)[0][0].Headers); diff != "" {
		t.Errorf("headers, -want +got:\n%s", diff)
	}
	if len(message.Headers) != 2 || string(message.Headers[0].Value) != "of who sent it" {
		t.Errorf("the caller's headers were changed: %q", message.Headers)
	}
}

func TestProducersShareARegistry(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := b.config()
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, When: carries("bad"), Err: kerr.InvalidRecord, Count: -1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, When: carries("late"), Err: kerr.NotEnoughReplicas})
	for _, value := range []string{"v", "late"} {
		p := newProducer(t, config)
		_, err := p.Send(soon(t), keyed("k", value))
		_, refused := p.Send(soon(t), keyed("k", "bad"))
		if err != nil || refused == nil {
			t.Fatalf("%v, %v", err, refused)
		}
		if err := p.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]float64{
		"lagrange_producer_messages_sent_total": 2, "lagrange_producer_messages_failed_total": 2,
		"lagrange_producer_messages_in_flight": 0,
	} {
		if got := metric(t, config.Registry, name); got != want {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if metric(t, config.Registry, "lagrange_producer_retries_total") == 0 {
		t.Error("no retry was counted")
	}
	if got := observations(t, config.Registry, "lagrange_producer_seconds"); got != 4 {
		t.Errorf("%d durations", got)
	}
}

// observations of a histogram.
func observations(t *testing.T, registry *prometheus.Registry, name string) (count uint64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, series := range family.GetMetric() {
				count += series.GetHistogram().GetSampleCount()
			}
		}
	}
	return count
}

// Not parallel: it compares all goroutines of the process.
func TestAProducerLeavesNothingRunning(t *testing.T) {
	b := newBroker(t, 3)
	b.produce(t, 0, 1) // the test's own client is connected
	before := []goleak.Option{
		goleak.IgnoreCurrent(),
		// sarama's metrics have one ticker for the process.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	}
	p := newProducer(t, b.config())
	for _, value := range numbered("v", 100) {
		p.Enqueue(soon(t), keyed(value, value), func(worker.Receipt, error) {})
	}
	if err := p.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := goleak.Find(before...); err != nil {
		t.Error(err)
	}
	if _, err := p.Send(soon(t), keyed("k", "v")); !errors.Is(err, worker.ErrProducerClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	if err := p.Close(soon(t)); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

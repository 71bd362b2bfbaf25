package worker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// Errors that may pass are waited out, whatever the batches are by then, and
// cost no message and no order.
func TestErrorsThatMayPassAreWaitedOut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kfake.Fault{
		"another leader":            {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 4},
		"too few replicas":          {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 4},
		"appended, and no answer":   {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 4},
		"the partition is unknown":  {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.UnknownTopicOrPartition, Count: 4},
		"no leader at first":        {Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: 4},
		"a topic that is not known": {Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.UnknownTopicOrPartition, Count: 4},
		"no leader after an error":  {Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: 4, When: func(kmsg.Request) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			p := newProducer(t, b.config())
			if name == "no leader after an error" {
				if _, err := p.Send(soon(t), keyed("k", "first")); err != nil {
					t.Fatal(err)
				}
				fault.When = nil
				b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition})
			}
			handle := b.Fault(fault)
			told, want := newOutcomes(), numbered("v", 200)
			for _, value := range want {
				p.Enqueue(soon(t), keyed("k", value), told.of(value))
			}
			if err := p.Flush(soon(t)); err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(b.values(t), func(value string) bool { return value == "first" })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("each message once, in order, -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(want, told.order); diff != "" || len(told.errors) > 0 {
				t.Errorf("results %v, -want +got:\n%s", told.errors, diff)
			}
			if handle.Hits() == 0 {
				t.Error("there was no fault")
			}
		})
	}
}

// What can't pass is told at once.
func TestErrorsThatCannotPassAreTold(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	requests := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
	if err := b.CreateTopic("narrow", 1, map[string]string{"max.message.bytes": "200"}); err != nil {
		t.Fatal(err)
	}
	p := newProducer(t, b.config())
	_, err := p.Send(soon(t), worker.Outgoing{Topic: "narrow", Value: make([]byte, 500)})
	if !errors.Is(err, sarama.ErrMessageSizeTooLarge) || !strings.Contains(err.Error(), `"narrow" (maxMessageBytes must not be above`) {
		t.Errorf("too large: %v", err)
	}
	if got := requests.Hits(); got != 1 {
		t.Errorf("%d requests to produce", got)
	}
}

// A name that is mistyped fails, creates no topic, and holds up no other.
func TestAnUnknownTopicFails(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := b.config()
	config.Producer.RetryBudget = 300 * time.Millisecond
	p := newProducer(t, config)
	told := newOutcomes()
	for _, value := range numbered("x", 20) {
		p.Enqueue(soon(t), worker.Outgoing{Topic: "oders", Value: []byte(value)}, told.of(value))
	}
	if _, err := p.Send(soon(t), keyed("k", "v")); err != nil {
		t.Error(err)
	}
	await(t, "all results", func() bool { return told.count() == 20 })
	if len(told.errors) != 20 || !errors.Is(told.errors["x-0"], sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("%d failed, the first: %v", len(told.errors), told.errors["x-0"])
	}
	if b.TopicInfo("oders") != nil {
		t.Error("the topic was created")
	}
}

// Once the budget is used up the failure is told, and not before: three tries
// with pauses of 0.1 and 0.2 s.
func TestARetryBudgetEnds(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	handle := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	config := b.config()
	config.Producer.RetryBudget = 300 * time.Millisecond
	p := newProducer(t, config)
	if _, err := p.Send(soon(t), keyed("k", "v")); !errors.Is(err, sarama.ErrNotEnoughReplicas) {
		t.Errorf("Send: %v", err)
	}
	if got := handle.Hits(); got != 3 {
		t.Errorf("tried %d times", got)
	}
}

// Answers are lost, so that what was appended is sent again: the broker must
// recognize it. Four goroutines send at the same time, each its own keys.
func TestLostAnswersNeitherDoubleNorLoseNorReorder(t *testing.T) {
	t.Parallel()
	const goroutines, keys, each = 4, 5, 40
	for name, change := range map[string]func(*worker.Config){
		"as it comes":   func(*worker.Config) {},
		"stop on error": func(c *worker.Config) { c.Producer.StopOnError = true },
		"in batches":    func(c *worker.Config) { c.Producer.Linger = 5 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answers lossy
			b := newBrokerWith(t, func(*sarama.Config) {}, kfake.SeedTopics(4, topic), answers.option())
			config := b.config()
			change(&config)
			p, told := newProducer(t, config), newOutcomes()
			answers.oneIn.Store(10)
			var sending sync.WaitGroup
			for goroutine := range goroutines {
				sending.Go(func() {
					for i := range each {
						for k := range keys {
							key, value := fmt.Sprintf("%d-%d", goroutine, k), fmt.Sprintf("%d-%d/%d", goroutine, k, i)
							p.Enqueue(soon(t), keyed(key, value), told.of(value))
						}
					}
				})
			}
			sending.Wait()
			if err := p.Flush(soon(t)); err != nil {
				t.Fatal(err)
			}
			answers.oneIn.Store(0)
			if len(told.errors) != 0 || told.told != goroutines*keys*each {
				t.Errorf("%d results, failed: %v", told.told, told.errors)
			}
			inOrder(t, b.log(t, topic), told, each)
			if answers.lost.Load() == 0 {
				t.Error("no answer was lost")
			}
		})
	}
}

// inOrder checks that each key has its values 0 to each-1 once and in order, in
// one partition, where the receipts say.
func inOrder(t *testing.T, log map[int32][]*kgo.Record, told *outcomes, each int) {
	t.Helper()
	seen := make(map[string]int)
	for partition, records := range log {
		for _, record := range records {
			key, value := string(record.Key), string(record.Value)
			if want := fmt.Sprintf("%s/%d", key, seen[key]); value != want {
				t.Fatalf("offset %d of partition %d has %s, want %s", record.Offset, partition, value, want)
			}
			seen[key]++
			at := told.receipts[value]
			if at.Partition != partition || at.Offset >= 0 && at.Offset != record.Offset {
				t.Errorf("%s is at %d of %d, told was %+v", value, record.Offset, partition, at)
			}
		}
	}
	for key, count := range seen {
		if count != each {
			t.Errorf("key %s has %d messages", key, count)
		}
	}
}

// After a failure sarama goes on with what it has under a new epoch: later
// messages of the key are written, and the failed one comes after them when it
// is sent again. StopOnError keeps them back until the program says so.
func TestWhatComesAfterAFailure(t *testing.T) {
	t.Parallel()
	values := []string{"poison", "after-1", "after-2"}
	for name, c := range map[string]struct {
		cause *kerr.Error
		stop  bool
		want  []string
	}{
		"refused, going on":      {kerr.InvalidRecord, false, []string{"after-1", "after-2", "poison"}},
		"refused, stopping":      {kerr.InvalidRecord, true, values},
		"out of tries, stopping": {kerr.NotEnoughReplicas, true, values},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, When: carries("poison"), Err: c.cause, Count: -1})
			arrived, release := b.hold()
			defer release()
			config := b.config()
			config.Producer.RetryBudget, config.Producer.StopOnError = 100*time.Millisecond, c.stop
			p, told := newProducer(t, config), newOutcomes()
			p.Enqueue(soon(t), keyed("k", "poison"), told.of("poison"))
			<-arrived
			for _, value := range values[1:] {
				p.Enqueue(soon(t), keyed("k", value), told.of(value))
			}
			release()
			flush(t, p)
			for _, value := range []string{"late", "still late"} { // whoever enqueues need not know yet
				p.Enqueue(soon(t), keyed("k", value), told.of(value))
			}
			p.Enqueue(soon(t), keyed("other", "other"), told.of("other"))
			flush(t, p)
			fault.Remove()
			again := stopped(t, told, c.stop, append(values, "late", "still late"))
			p.Resume(keyed("k", ""))
			for _, value := range again {
				p.Enqueue(soon(t), keyed("k", value), told.of(value+" again"))
			}
			flush(t, p)
			got := slices.DeleteFunc(b.values(t), func(value string) bool { return value == "other" || strings.Contains(value, "late") })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("log, -want +got:\n%s", diff)
			}
			if told.failure("other") != nil {
				t.Errorf("another key failed as well: %v", told.failure("other"))
			}
		})
	}
}

func flush(t *testing.T, p *worker.Producer) {
	t.Helper()
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// stopped checks which of the values failed, and returns them.
func stopped(t *testing.T, told *outcomes, stop bool, values []string) []string {
	t.Helper()
	var failed []string
	for i, value := range values {
		err := told.failure(value)
		_, behind := errors.AsType[*worker.KeyStoppedError](err)
		if behind != (stop && i > 0) {
			t.Errorf("%s: %v", value, err)
		}
		if err != nil {
			failed = append(failed, value)
		}
	}
	return failed
}

// A batch reports all of a key that it could not keep in order, and leaves no
// key stopped; nor does Send.
func TestSendAndSendBatchStopAKeyForThemselvesOnly(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, When: carries("poison"), Err: kerr.InvalidRecord, Count: -1})
	config := b.config()
	config.Producer.StopOnError, config.Producer.MaxInFlight = true, 2 // the rest comes after the failure
	p := newProducer(t, config)
	batch := []worker.Outgoing{keyed("k", "0"), keyed("k", "poison"), keyed("l", "2")}
	for i := range 20 {
		batch = append(batch, keyed("k", fmt.Sprintf("behind %d", i)))
	}
	failed, ok := errors.AsType[*worker.BatchError](p.SendBatch(soon(t), batch))
	if !ok || len(failed.Errors) != 21 {
		t.Fatalf("SendBatch: %v", failed)
	}
	if _, err := p.Send(soon(t), keyed("k", "poison")); !errors.Is(err, sarama.ErrInvalidRecord) {
		t.Errorf("Send: %v", err)
	}
	large := keyed("k", "")
	large.Value = make([]byte, worker.DefaultMaxMessageBytes)
	if failed, ok = errors.AsType[*worker.BatchError](p.SendBatch(soon(t), []worker.Outgoing{large, keyed("k", "behind"), keyed("l", "3")})); !ok || len(failed.Errors) != 2 {
		t.Errorf("behind one that is refused: %v", failed)
	}
	if _, err := p.Send(soon(t), keyed("k", "last")); err != nil {
		t.Errorf("Send: %v", err)
	}
	if diff := cmp.Diff([]string{"0", "2", "3", "last"}, b.values(t)); diff != "" {
		t.Errorf("log, -want +got:\n%s", diff)
	}
}

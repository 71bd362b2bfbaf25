package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker"
)

// produceKeys appends messages with the keys, in this order; "" is no key.
func (b *broker) produceKeys(t *testing.T, partition int32, keys ...string) {
	t.Helper()
	for _, key := range keys {
		message := &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder("v")}
		if key != "" {
			message.Key = sarama.StringEncoder(key)
		}
		if _, _, err := b.producer.SendMessage(message); err != nil {
			t.Fatal(err)
		}
	}
}

// inHand are the messages that wait in the handler for a test to release them.
type inHand struct {
	mutex   sync.Mutex
	waiting map[string]chan error
	done    []string
	// running are in the handler, most is how many ever were at once.
	running, most int
}

func newInHand() *inHand { return &inHand{waiting: make(map[string]chan error)} }

// name is the key and offset of a message, with a dash for each partition before.
func name(msg worker.Message) string {
	return fmt.Sprintf("%s%d", msg.Key, msg.Offset) + strings.Repeat("'", int(msg.Partition))
}

func (h *inHand) handle(ctx context.Context, msg worker.Message) error {
	result := make(chan error, 1)
	h.mutex.Lock()
	h.waiting[name(msg)] = result
	h.running++
	h.most = max(h.most, h.running)
	h.mutex.Unlock()
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		err = ctx.Err()
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.running--
	if err == nil {
		h.done = append(h.done, name(msg))
	}
	return err
}

func (h *inHand) names() []string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	names := []string{}
	for name := range h.waiting {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// finish has the handler of the message return.
func (h *inHand) finish(t *testing.T, name string, err error) {
	t.Helper()
	await(t, name+" is in hand", func() bool { return slices.Contains(h.names(), name) })
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting[name] <- err
	delete(h.waiting, name) // its handler is about to return
}

func (h *inHand) await(t *testing.T, want ...string) {
	t.Helper()
	await(t, fmt.Sprintf("in hand are %v", want), func() bool { return slices.Equal(h.names(), want) })
}

func TestKeysGoSideBySideAndEachInOrder(t *testing.T) {
	t.Parallel()
	b, hands := newBroker(t, 1), newInHand()
	b.produceKeys(t, 0, "a", "a", "b", "", "c", "", "b")
	config := b.config()
	config.Ordering, config.Concurrency = worker.OrderByKey, 8
	start(t, config, hands.handle)

	hands.await(t, "3", "a0", "b2", "c4") // one of each key, and one without
	hands.finish(t, "b2", nil)
	hands.await(t, "3", "a0", "b6", "c4")
	hands.finish(t, "3", nil)
	hands.await(t, "5", "a0", "b6", "c4")
	if got := b.committed(0); got != 0 {
		t.Errorf("committed %d while a0 is in hand", got)
	}
	hands.finish(t, "a0", nil)
	await(t, "all before a1 is committed", func() bool { return b.committed(0) == 1 })
	hands.finish(t, "a1", nil)
	await(t, "all before c4 is committed", func() bool { return b.committed(0) == 4 })
	for _, name := range []string{"c4", "5", "b6"} {
		hands.finish(t, name, nil)
	}
	await(t, "all is committed", func() bool { return b.committed(0) == 7 })
}

func TestConcurrencyIsOfTheWholeProcess(t *testing.T) {
	t.Parallel()
	for _, ordering := range []worker.Ordering{worker.OrderByPartition, worker.OrderByKey, worker.OrderNone} {
		t.Run(string(ordering), func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 6)
			for partition := range int32(6) {
				b.produceKeys(t, partition, "a", "b", "c", "d", "e")
			}
			hands := newInHand()
			config := b.config()
			config.Ordering, config.Concurrency = ordering, 3
			start(t, config, hands.handle)
			for range 10 {
				await(t, "three are in hand", func() bool { return len(hands.names()) == 3 })
				hands.finish(t, hands.names()[0], nil)
			}
			hands.mutex.Lock()
			defer hands.mutex.Unlock()
			if hands.most != 3 {
				t.Errorf("%d messages were in the handler at once, want 3", hands.most)
			}
		})
	}
}

// A key that fails again and again holds up its own messages, and what comes
// after them in the partition is handled all the same.
func TestAFailingKeyHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var keys []string
	for i := range 200 {
		keys = append(keys, "k"+strconv.Itoa(i%10))
	}
	b.produceKeys(t, 0, append([]string{"bad"}, keys...)...)
	var mended atomic.Bool
	handled := newRecord()
	config := b.config()
	config.Ordering, config.Concurrency = worker.OrderByKey, 2
	start(t, config, func(ctx context.Context, msg worker.Message) error {
		if string(msg.Key) == "bad" && !mended.Load() {
			return errors.New("bad")
		}
		return handled.handle(ctx, msg)
	})
	await(t, "all others", func() bool { return len(handled.of(0)) == 200 })
	if got := b.committed(0); got != 0 {
		t.Errorf("committed %d over a message that is not handled", got)
	}
	mended.Store(true)
	await(t, "all is committed", func() bool { return b.committed(0) == 201 })
}

func TestWhatFailsForTheLastTimeGoesToTheDeadLetters(t *testing.T) {
	t.Parallel()
	for _, ordering := range []worker.Ordering{worker.OrderByPartition, worker.OrderByKey} {
		t.Run(string(ordering), func(t *testing.T) {
			t.Parallel()
			b, handled := newBroker(t, 1), newRecord()
			if err := b.admin.CreateTopic("dead", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
				t.Fatal(err)
			}
			b.produceKeys(t, 0, "a", "bad", "c", "poison", "e")
			config := b.config()
			config.Ordering = ordering
			config.Retry = worker.Retry{Attempts: 3, InitialBackoff: time.Millisecond}
			config.DeadLetter = &worker.DeadLetter{Topic: "dead"}
			calls := newRecord()
			start(t, config, func(ctx context.Context, msg worker.Message) error {
				_ = calls.handle(ctx, msg)
				switch string(msg.Key) {
				case "bad":
					panic("bad")
				case "poison":
					return worker.Permanent(errors.New("poison"))
				}
				return handled.handle(ctx, msg)
			})
			await(t, "all is committed", func() bool { return b.committed(0) == 5 })
			if got := handled.firsts(0); len(got) != 3 {
				t.Errorf("handled %v, want 0, 2 and 4", got)
			}
			counts := map[int64]int{}
			for _, offset := range calls.of(0) {
				counts[offset]++
			}
			if counts[1] != 3 || counts[3] != 1 {
				t.Errorf("calls by offset: %v, want 3 of the failing one and 1 of the permanent one", counts)
			}
			letters := b.read(t, "dead", 2)
			if string(letters[0].Key) != "bad" && string(letters[1].Key) != "bad" {
				t.Errorf("dead letters %q, %q", letters[0].Key, letters[1].Key)
			}
			for _, letter := range letters {
				if header(letter, worker.HeaderTopic) != topic || header(letter, worker.HeaderCause) == "" ||
					header(letter, worker.HeaderOffset) == "" || header(letter, worker.HeaderAttempts) == "" {
					t.Errorf("headers of the dead letter: %v", letter.Headers)
				}
			}
		})
	}
}

func TestWithoutDeadLettersTheLastFailureEndsTheRun(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produceKeys(t, 0, "a", "bad", "c")
	config := b.config()
	config.Retry = worker.Retry{Attempts: 2, InitialBackoff: time.Millisecond}
	boom := errors.New("boom")
	w := start(t, config, func(_ context.Context, msg worker.Message) error {
		if msg.Offset == 1 {
			return boom
		}
		return nil
	})
	err := w.ended(t)
	var failed *worker.HandlerError
	if !errors.As(err, &failed) || failed.Offset != 1 || failed.Attempts != 2 || !errors.Is(err, boom) {
		t.Errorf("Run: %v, want a HandlerError of offset 1 after 2 attempts", err)
	}
	if got := b.committed(0); got != 1 {
		t.Errorf("committed %d, want 1: what was handled, and not what failed", got)
	}
}

// read takes messages from the start of partition 0.
func (b *broker) read(t *testing.T, topic string, count int) []*sarama.ConsumerMessage {
	t.Helper()
	consumer, err := sarama.NewConsumerFromClient(b.client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = partition.Close() }()
	var messages []*sarama.ConsumerMessage
	giveUp := time.After(patience)
	for len(messages) < count {
		select {
		case message := <-partition.Messages():
			messages = append(messages, message)
		case <-giveUp:
			t.Fatalf("read %d of %d messages of topic %q", len(messages), count, topic)
		}
	}
	return messages
}

func header(message *sarama.ConsumerMessage, key string) string {
	for _, header := range message.Headers {
		if string(header.Key) == key {
			return string(header.Value)
		}
	}
	return ""
}

package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

const (
	// backlog is some twenty fetches of messages that are a kibibyte each.
	backlog = 5000
	// twoFetches is what may have been fetched of a partition when it is paused.
	twoFetches = 2 * 256 << 10
	// rounds is how often another partition is fetched meanwhile. One that is
	// not paused is fetched as often with it.
	rounds = 30
)

// produceBacklog appends messages made by their number to partition 0, fifty in
// a batch: a broker hands batches out as a whole.
func (b *broker) produceBacklog(t *testing.T, make func(int) *sarama.ProducerMessage) {
	t.Helper()
	var batch []*sarama.ProducerMessage
	for i := range backlog {
		message := make(i)
		message.Topic = topic
		batch = append(batch, message)
		if len(batch) == 50 || i == backlog-1 {
			if err := b.producer.SendMessages(batch); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
	}
}

var kibibyte = bytes.Repeat([]byte("v"), 1<<10)

func ofValue(int) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Value: sarama.ByteEncoder(kibibyte)}
}

func ofHeaders(int) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Headers: []sarama.RecordHeader{{Key: []byte("k"), Value: kibibyte}}}
}

// heldPartition holds the messages of partition 0 for which hold is true until
// the release.
func heldPartition(release <-chan struct{}, then *record, hold func(worker.Message) bool) worker.Handler {
	held := holdFirst(release, then)
	return func(ctx context.Context, msg worker.Message) error {
		if msg.Partition == 0 && hold(msg) {
			return held(ctx, msg)
		}
		return then.handle(ctx, msg)
	}
}

// goesOn has partition 1 fetched and handled, again and again.
func (b *broker) goesOn(t *testing.T, handled *record) {
	t.Helper()
	before := len(handled.of(1))
	for round := range rounds {
		b.produce(t, 1, 1)
		await(t, fmt.Sprintf("message %d of the other partition", round), func() bool { return len(handled.of(1)) > before+round })
	}
}

func (b *broker) awaitPaused(t *testing.T, config worker.Config, partitions float64) {
	t.Helper()
	await(t, fmt.Sprintf("%v partitions are paused", partitions), func() bool {
		return metric(t, config.Registry, "lagrange_worker_paused_partitions") == partitions
	})
}

func TestBackPressure(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason          string
		message         func(int) *sarama.ProducerMessage
		messages, bytes int
		// share is half of the limit, as no other partition has anything.
		gauge string
		share int
		// most is what two fetches hold, of what the limit is of.
		most int
	}{
		"Messages": {"Half of 20 messages.", ofValue, 20, 0, "lagrange_worker_in_flight_messages", 10, twoFetches / (1 << 10)},
		"Bytes":    {"Half of 64 KiB.", ofValue, 0, 64 << 10, "lagrange_worker_in_flight_bytes", 32 << 10, twoFetches},
		"Headers":  {"They are memory like any other.", ofHeaders, 0, 64 << 10, "lagrange_worker_in_flight_bytes", 32 << 10, twoFetches},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, handled, release := newBroker(t, 2), newRecord(), make(chan struct{})
			b.produceBacklog(t, tc.message)
			config := b.config()
			config.MaxInFlight, config.MaxInFlightBytes = tc.messages, int64(tc.bytes)
			start(t, config, heldPartition(release, handled, func(worker.Message) bool { return true }))

			b.awaitPaused(t, config, 1)
			b.goesOn(t, handled)
			got := metric(t, config.Registry, tc.gauge)
			if got <= float64(tc.share) || got > float64(tc.share+tc.most) {
				t.Errorf("%s\n%s is %v, want more than %d, and at most what two fetches hold on top", tc.reason, tc.gauge, got, tc.share)
			}
			close(release)
			await(t, "all is committed", func() bool { return b.committed(0) == backlog })
			if got := handled.of(0); !slices.Equal(got, offsets(0, backlog)) {
				t.Errorf("handled %d messages out of order or more than once", len(got))
			}
			b.awaitPaused(t, config, 0)
			for _, gauge := range []string{"lagrange_worker_in_flight_messages", "lagrange_worker_in_flight_bytes"} {
				if got := metric(t, config.Registry, gauge); got != 0 {
					t.Errorf("%s is %v after all is handled", gauge, got)
				}
			}
		})
	}
}

// The keys behind a stuck one are handled, and count all the same: they can't be
// committed, and a crash repeats them. So they are handled up to the partition's
// share, however many were fetched; that stops the partition, and no other.
func TestAStuckKeyStopsItsPartitionAndNoOther(t *testing.T) {
	t.Parallel()
	b, handled, release := newBroker(t, 2), newRecord(), make(chan struct{})
	b.produceBacklog(t, func(i int) *sarama.ProducerMessage {
		return &sarama.ProducerMessage{Key: sarama.StringEncoder(strconv.Itoa(i)), Value: sarama.ByteEncoder(kibibyte)}
	})
	config := b.config()
	config.Ordering, config.Concurrency, config.MaxInFlight = worker.OrderByKey, 4, 20
	start(t, config, heldPartition(release, handled, func(msg worker.Message) bool { return msg.Offset == 0 }))

	b.awaitPaused(t, config, 1)
	b.goesOn(t, handled)
	await(t, "most of the share is handled", func() bool { return len(handled.of(0)) >= 8 })
	b.goesOn(t, handled)
	if behind := len(handled.of(0)); behind > 9 {
		t.Errorf("%d messages are handled behind the stuck one, which is more than a share of 10", behind)
	}
	if got := metric(t, config.Registry, "lagrange_worker_in_flight_messages"); got <= 10 {
		t.Errorf("%v messages are in flight: what was fetched beyond the share is in memory all the same", got)
	}
	if got := b.committed(0); got != 0 {
		t.Errorf("committed %d over a message that is not handled", got)
	}
	close(release)
	await(t, "all is committed", func() bool { return b.committed(0) == backlog && b.committed(1) == 2*rounds })
	if got := slices.Sorted(slices.Values(handled.of(0))); !slices.Equal(got, offsets(0, backlog)) {
		t.Errorf("%d messages were handled, want each of %d once", len(got), backlog)
	}
}

// What a run says of itself while a message is in the handler, and while the
// coordinator takes no commit.
func TestARunSaysHowItStands(t *testing.T) {
	t.Parallel()
	b, handled, release := newBroker(t, 1), newRecord(), make(chan struct{})
	b.produceKeys(t, 0, "key", "key", "key")
	config := b.config()
	start(t, config, holdFirst(release, handled))
	await(t, "one in hand of three in flight", func() bool {
		return metric(t, config.Registry, "lagrange_worker_running_handlers") == 1 &&
			metric(t, config.Registry, "lagrange_worker_in_flight_messages") == 3 &&
			metric(t, config.Registry, "lagrange_worker_in_flight_bytes") == 3*4
	})
	refused := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	close(release)
	await(t, "what is finished and not committed has an age", func() bool {
		return metric(t, config.Registry, "lagrange_worker_commit_age_seconds") > 0
	})
	refused.Remove()
	await(t, "all is committed", func() bool { return b.committed(0) == 3 })
	for _, gauge := range []string{"running_handlers", "in_flight_messages", "in_flight_bytes", "commit_age_seconds"} {
		await(t, gauge+" is 0", func() bool { return metric(t, config.Registry, "lagrange_worker_"+gauge) == 0 })
	}
}

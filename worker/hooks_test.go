package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker"
)

// left is what a hook's context leaves it.
func left(ctx context.Context) time.Duration {
	deadline, limited := ctx.Deadline()
	if !limited {
		return time.Duration(1<<63 - 1)
	}
	return time.Until(deadline)
}

func TestAHookThatPanicsEndsNothing(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 3)
	config := b.config()
	var log bytes.Buffer
	config.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	config.OnAssigned = func(context.Context, []worker.Assigned) { panic("assigned") }
	config.OnRevoked = func(context.Context, []worker.Revoked) { panic("revoked") }
	w := start(t, config, handled.handle)
	await(t, "all is committed", func() bool { return b.committed(0) == 3 })
	if got := metric(t, config.Registry, "lagrange_worker_consumer_errors_total"); got != 1 {
		t.Errorf("%v consumer errors, want 1", got)
	}
	w.stop(t)
	for _, want := range []string{`"hook":"OnAssigned","error":"assigned"`, `"hook":"OnRevoked","error":"revoked"`, "hooks_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, log.String())
		}
	}
}

// It holds up the heartbeats.
func TestALateOnAssignedEndsBeforeTheSession(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 1)
	config := b.config()
	config.Assignment, config.MetadataRefresh = worker.CooperativeSticky, 200*time.Millisecond
	config.SessionTimeout, config.RebalanceTimeout = 6*time.Second, time.Hour
	given := make(chan time.Duration, 10)
	config.OnAssigned = func(ctx context.Context, partitions []worker.Assigned) {
		if partitions[0].Partition != 1 {
			return
		}
		given <- left(ctx)
		<-ctx.Done()
	}
	start(t, config, handled.handle)
	await(t, "the first partition", func() bool { return b.committed(0) == 1 })
	if err := b.admin.CreatePartitions(topic, 2, nil, false); err != nil {
		t.Fatal(err)
	}
	if got := <-given; got > config.SessionTimeout/2 {
		t.Errorf("the hook has %s, want at most half of the session timeout, %s", got, config.SessionTimeout/2)
	}
	if err := b.refresh(); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 1, 1)
	await(t, "the new partition", func() bool { return b.committed(1) == 1 })
}

func TestOnRevokedHasWhatTheDrainHasLeft(t *testing.T) {
	t.Parallel()
	b, never := newBroker(t, 1), make(chan struct{})
	b.produce(t, 0, 1)
	config := b.config()
	config.RebalanceTimeout, config.SessionTimeout = 4*time.Second, time.Minute
	given := make(chan time.Duration, 10)
	config.OnRevoked = func(ctx context.Context, _ []worker.Revoked) { given <- left(ctx) }
	var entered sync.Once
	in := make(chan struct{})
	start(t, config, func(ctx context.Context, msg worker.Message) error {
		entered.Do(func() { close(in) })
		return holdFirst(never, newRecord())(ctx, msg)
	})
	<-in
	others := b.config()
	others.ClientID, others.RebalanceTimeout = "other", config.RebalanceTimeout
	start(t, others, newRecord().handle)
	// The drain has taken 3 s of the 3.3 s for both.
	if got := <-given; got > time.Second {
		t.Errorf("the hook has %s after the drain has used its time, want at most 1s", got)
	}
}

func TestOnRevokedHasTheGracePeriodAtTheEnd(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 1)
	config := b.config()
	config.GracePeriod = 100 * time.Millisecond
	given := make(chan time.Duration, 10)
	config.OnRevoked = func(ctx context.Context, _ []worker.Revoked) { given <- left(ctx) }
	w := start(t, config, handled.handle)
	await(t, "the message", func() bool { return b.committed(0) == 1 })
	w.stop(t)
	if got := <-given; got > 2600*time.Millisecond {
		t.Errorf("the hook has %s, want at most the grace period and 2.5 s", got)
	}
}

// The batch has messages of two partitions. Only the one that its first message
// is not of has to be given up.
func TestABatchEndsWithAnyOfItsPartitions(t *testing.T) {
	t.Parallel()
	const second = "payments"
	b := newBroker(t, 1)
	if err := b.admin.CreateTopic(second, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	config := b.config()
	config.Topics = []string{topic, second}
	config.Assignment, config.Concurrency = worker.CooperativeSticky, 1
	config.Batch = worker.Batch{MaxMessages: 2, MaxWait: time.Hour}
	config.MaxProcessingTime, config.RebalanceTimeout = time.Hour, 2*time.Second
	config.SessionTimeout = time.Minute
	held, ended := make(chan struct{}, 100), make(chan struct{}, 100)
	handle := func(ctx context.Context, batch []worker.Message) error {
		if len(batch) < 2 || batch[0].Topic != topic || batch[1].Topic != second {
			return nil
		}
		held <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { result <- worker.RunBatches(ctx, config, handle) })
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	await(t, "a batch of both is in hand", func() bool {
		b.produceTo(t, topic, 0, 1)
		b.produceTo(t, second, 0, 1)
		return len(held) > 0
	})
	handled, others := newRecord(), b.config()
	others.ClientID, others.Topics, others.Assignment = "other", []string{second}, worker.CooperativeSticky
	start(t, others, handled.handle)
	await(t, "the batch's context ends", func() bool { return len(ended) > 0 })
	await(t, "the other one has the partition", func() bool { return handled.distinct() > 0 })
	if got := metric(t, config.Registry, "lagrange_worker_handler_errors_total"); got != 0 {
		t.Errorf("%v failures of the handler are counted, want none: the partition had to be given up", got)
	}
}

package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestReplayTriesAMessageAgain(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 4)
	failures := 0
	config := b.config()
	config.Retry = worker.Retry{Attempts: 3, InitialBackoff: time.Millisecond}
	flaky := func(ctx context.Context, msg worker.Message) error {
		if msg.Offset == 1 && failures < 2 {
			failures++
			return errBroken
		}
		return handled.handle(ctx, msg)
	}
	b.replayed(t, config, worker.ReplayOptions{}, flaky)
	if diff := cmp.Diff(offsets(0, 4), handled.of(0)); diff != "" {
		t.Errorf("-want +handled:\n%s", diff)
	}
}

// One partition fails for good: the others stop, what was done is kept, and the
// error says where.
func TestReplayStopsAtAMessageThatKeepsFailing(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 4)
	config := b.config()
	config.Retry = worker.Retry{Attempts: 2, InitialBackoff: time.Millisecond}
	calls := 0
	summary, err := b.replay(t, config, worker.ReplayOptions{KeepAs: keptAs, To: worker.Never()}, func(_ context.Context, msg worker.Message) error {
		if msg.Offset < 2 {
			return nil
		}
		calls++
		return errBroken
	})
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), `topic "orders" partition 0 offset 2`) {
		t.Errorf("%v, want it to say what failed and where", err)
	}
	want := []worker.ReplayedPartition{{Partition: 0, To: -1, Next: 2, Handled: 2}, {Partition: 1, To: -1}}
	if diff := cmp.Diff(want, summary.Partitions); diff != "" || calls != 2 || b.keptOffset(0) != 2 {
		t.Errorf("%d calls, kept %d, want 2 and 2, -want +got:\n%s", calls, b.keptOffset(0), diff)
	}
}

// No call may be longer than it may take, and at most two are made at a time,
// one of each partition.
func TestReplayBoundsCalls(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 4)
	for partition := range int32(4) {
		b.produce(t, partition, 3)
	}
	config := b.config()
	config.Concurrency, config.MaxProcessingTime = 2, 20*time.Millisecond
	config.Retry = worker.Retry{Attempts: 1}
	var mutex sync.Mutex
	busy, most := map[int32]bool{}, 0
	b.replayed(t, config, worker.ReplayOptions{}, func(ctx context.Context, msg worker.Message) error {
		mutex.Lock()
		if busy[msg.Partition] {
			t.Errorf("two calls of partition %d at the same time", msg.Partition)
		}
		busy[msg.Partition] = true
		most = max(most, len(busy))
		mutex.Unlock()
		<-ctx.Done()
		mutex.Lock()
		defer mutex.Unlock()
		delete(busy, msg.Partition)
		return nil
	})
	if most != 2 {
		t.Errorf("at most %d calls at the same time, want 2", most)
	}
}

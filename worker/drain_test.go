package worker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
)

// told is what a run has told the program of its partitions.
type told struct {
	mutex    sync.Mutex
	assigned []worker.Assigned
	revoked  []worker.Revoked
}

func (r *told) listen(config *worker.Config) {
	config.OnAssigned = func(_ context.Context, partitions []worker.Assigned) {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.assigned = append(r.assigned, partitions...)
	}
	config.OnRevoked = func(_ context.Context, partitions []worker.Revoked) {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.revoked = append(r.revoked, partitions...)
	}
}

func (r *told) all() ([]worker.Assigned, []worker.Revoked) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.assigned), slices.Clone(r.revoked)
}

func TestTheProgramIsToldOfItsPartitions(t *testing.T) {
	t.Parallel()
	b, handled, r := newBroker(t, 2), newRecord(), &told{}
	b.produce(t, 1, 4)
	b.commit(t, 1, 2)
	config := b.config()
	r.listen(&config)
	w := start(t, config, handled.handle)
	await(t, "the messages", func() bool { return len(handled.of(1)) == 2 })
	b.produce(t, 0, 1)
	await(t, "the message", func() bool { return len(handled.of(0)) == 1 })
	w.stop(t)
	assigned, revoked := r.all()
	want := []worker.Assigned{{Topic: topic, Partition: 0}, {Topic: topic, Partition: 1, Offset: 2}}
	if diff := cmp.Diff(want, assigned); diff != "" {
		t.Errorf("assigned, -want +got:\n%s", diff)
	}
	gone := []worker.Revoked{{Topic: topic, Partition: 0, Committed: 1}, {Topic: topic, Partition: 1, Committed: 4}}
	if diff := cmp.Diff(gone, revoked); diff != "" {
		t.Errorf("revoked, -want +got:\n%s", diff)
	}
}

// stubborn is a handler that ignores its context for the first message.
type stubborn struct {
	release chan struct{}
	entered chan struct{}
	once    sync.Once
	record  *record
}

func newStubborn() *stubborn {
	return &stubborn{release: make(chan struct{}), entered: make(chan struct{}), record: newRecord()}
}

func (s *stubborn) handle(ctx context.Context, msg worker.Message) error {
	first := false
	s.once.Do(func() { first = true })
	if first {
		close(s.entered)
		<-s.release
	}
	return s.record.handle(ctx, msg)
}

func TestAHandlerThatIgnoresItsContextIsLeftBehindInARebalance(t *testing.T) {
	t.Parallel()
	for _, ordering := range []worker.Ordering{worker.OrderByPartition, worker.OrderByKey} {
		t.Run(string(ordering), func(t *testing.T) {
			t.Parallel()
			b, stuck, r := newBroker(t, 1), newStubborn(), &told{}
			b.produce(t, 0, 3)
			config := b.config()
			config.Ordering = ordering
			config.RebalanceTimeout = 2 * time.Second
			config.SessionTimeout = time.Minute // it lives, and heartbeats
			r.listen(&config)
			w := start(t, config, stuck.handle)
			<-stuck.entered

			other, others := newRecord(), b.config()
			others.ClientID, others.RebalanceTimeout, others.Ordering = "other", config.RebalanceTimeout, ordering
			start(t, others, other.handle)
			await(t, "it was given up", func() bool { _, gone := r.all(); return len(gone) > 0 })
			_, gone := r.all()
			if want := (worker.Revoked{Topic: topic, Partition: 0, Abandoned: 1}); gone[0] != want {
				t.Errorf("revoked %+v, want %+v", gone[0], want)
			}
			await(t, "all is handled by one of the two", func() bool { return b.committed(0) == 3 })
			close(stuck.release)
			await(t, "it comes too late", func() bool {
				return metric(t, config.Registry, "lagrange_worker_messages_late_total") == 1
			})
			b.produce(t, 0, 1)
			await(t, "the group goes on", func() bool { return b.committed(0) == 4 })
			w.stop(t)
			all := append(stuck.record.of(0), other.of(0)...)
			slices.Sort(all)
			if got := slices.Compact(all); !slices.Equal(got, offsets(0, 4)) {
				t.Errorf("handled %v, want 0 to 3", got)
			}
		})
	}
}

func TestAHandlerThatIgnoresItsContextHoldsUpTheEndForTheGracePeriod(t *testing.T) {
	t.Parallel()
	b, stuck, r := newBroker(t, 1), newStubborn(), &told{}
	b.produce(t, 0, 3)
	config := b.config()
	config.GracePeriod = 100 * time.Millisecond
	r.listen(&config)
	w := start(t, config, stuck.handle)
	<-stuck.entered
	w.stop(t)
	_, gone := r.all()
	if want := []worker.Revoked{{Topic: topic, Partition: 0, Abandoned: 1}}; !slices.Equal(gone, want) {
		t.Errorf("revoked %+v, want %+v", gone, want)
	}
	close(stuck.release)
	if got := b.committed(0); got != 0 {
		t.Errorf("committed %d, want 0: the message in hand was not finished in time", got)
	}
}

func TestAStuckHandlerFailsLiveness(t *testing.T) {
	t.Parallel()
	b, stuck := newBroker(t, 1), newStubborn()
	b.produce(t, 0, 1)
	config := b.config()
	config.ListenAddress = freeAddress(t)
	config.MaxProcessingTime = 50 * time.Millisecond
	config.StuckAfter = 100 * time.Millisecond
	config.GracePeriod = 50 * time.Millisecond
	start(t, config, stuck.handle)
	<-stuck.entered
	await(t, "liveness names the message", func() bool {
		code, body := get(t, "http://"+config.ListenAddress+"/healthz")
		return code == 503 && body == "the handler has not returned for 0s: message of topic \"orders\" partition 0 offset 0\n"
	})
	close(stuck.release)
	await(t, "it lives", func() bool {
		code, _ := get(t, "http://"+config.ListenAddress+"/healthz")
		return code == 200
	})
}

// get asks a probe.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produceKeys(t, 0, "a", "b", "bad", "c", "a", "late", "b")
	config := b.config()
	config.Ordering, config.Concurrency = worker.OrderByKey, 1
	config.Retry = worker.Retry{InitialBackoff: time.Millisecond}
	config.Batch = worker.Batch{MaxMessages: 100, MaxWait: 200 * time.Millisecond}
	var mutex sync.Mutex
	var sizes []int
	var order []string
	failed := map[string]bool{}
	handle := func(_ context.Context, batch []worker.Message) error {
		mutex.Lock()
		defer mutex.Unlock()
		sizes = append(sizes, len(batch))
		for i, msg := range batch {
			key := string(msg.Key)
			switch {
			case key == "bad" && !failed[key]: // all or nothing, the program can't tell
				failed[key] = true
				return errors.New("bad")
			case key == "late" && !failed[key]:
				failed[key] = true
				return &worker.PartialError{Done: i, Err: errors.New("late")}
			}
		}
		for _, msg := range batch {
			order = append(order, name(msg))
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.RunBatches(ctx, config, handle) }()
	await(t, "all is committed", func() bool { return b.committed(0) == 7 })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if sizes[0] < 2 {
		t.Errorf("batches of %v: the first did not wait for others", sizes)
	}
	for _, key := range []string{"a0,a4", "b1,b6"} {
		first, second := slices.Index(order, key[:2]), slices.Index(order, key[3:])
		if first < 0 || second < first {
			t.Errorf("handled in the order %v: %s", order, key)
		}
	}
}

// An index that can't be right must not have a good message blamed.
func TestAWrongIndexBlamesNobody(t *testing.T) {
	t.Parallel()
	for _, wrong := range []int{-1, 3, 7} {
		t.Run(strconv.Itoa(wrong), func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			b.produce(t, 0, 3)
			config := b.config()
			config.Retry = worker.Retry{Attempts: 1, InitialBackoff: time.Millisecond}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- worker.RunBatches(ctx, config, func(_ context.Context, batch []worker.Message) error {
					if len(batch) > 1 {
						return &worker.PartialError{Done: wrong, Err: errors.New("boom")}
					}
					return nil
				})
			}()
			await(t, "each alone is handled", func() bool { return b.committed(0) == 3 })
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// A message's place in its batch is nothing to whoever reads its last error.
func TestTheErrorOfAMessageIsNotThatOfItsBatch(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 3)
	config := b.config()
	config.Retry = worker.Retry{Attempts: 2, InitialBackoff: time.Millisecond}
	err := worker.RunBatches(t.Context(), config, func(context.Context, []worker.Message) error {
		return &worker.PartialError{Done: 0, Err: errors.New("row refused")}
	})
	var failed *worker.HandlerError
	if !errors.As(err, &failed) || failed.Cause.Error() != "row refused" || failed.Offset != 0 {
		t.Errorf("RunBatches: %v", err)
	}
}

// A handler that ends its goroutine would hold its partition for good.
func TestAHandlerThatEndsItsGoroutineEndsTheRun(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 3)
	w := start(t, b.config(), func(_ context.Context, msg worker.Message) error {
		if msg.Offset == 1 {
			runtime.Goexit()
		}
		return nil
	})
	if err := w.ended(t); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("Run: %v, want it to say what happened", err)
	}
	if got := b.committed(0); got != 1 {
		t.Errorf("committed %d, want 1", got)
	}
}

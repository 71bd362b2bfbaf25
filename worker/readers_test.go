package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

func startReaders(t *testing.T, config worker.Config, read worker.PartitionReader) *running {
	t.Helper()
	return startRun(t, func(ctx context.Context) error { return worker.RunReaders(ctx, config, read) })
}

// given are the claims that readers have been called with and have not returned.
type given struct {
	mutex  sync.Mutex
	claims map[int32]*worker.Claim
}

func newGiven() *given { return &given{claims: make(map[int32]*worker.Claim)} }

// hold reads nothing and keeps its claim until it is revoked.
func (g *given) hold(ctx context.Context, claim *worker.Claim) error {
	g.mutex.Lock()
	g.claims[claim.Partition] = claim
	g.mutex.Unlock()
	<-ctx.Done()
	g.mutex.Lock()
	delete(g.claims, claim.Partition)
	g.mutex.Unlock()
	return ctx.Err()
}

func (g *given) of(partition int32) *worker.Claim {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.claims[partition]
}

func (g *given) count() int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return len(g.claims)
}

// Where partitions open is decided as for Run, and told.
func TestReadersAreToldWhereToBegin(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 3)
	for partition := range int32(3) {
		b.produce(t, partition, 10)
	}
	b.commit(t, 0, 4)
	b.commit(t, 1, 500) // out of range
	config := b.config()
	config.OnOutOfRange = worker.RangeLatest
	var told atomic.Value
	config.OnAssigned = func(_ context.Context, partitions []worker.Assigned) { told.Store(partitions) }
	revoked := make(chan []worker.Revoked, 1)
	config.OnRevoked = func(_ context.Context, partitions []worker.Revoked) { revoked <- partitions }
	all := newGiven()
	w := startReaders(t, config, all.hold)
	await(t, "three readers", func() bool { return all.count() == 3 })
	for partition, want := range map[int32]int64{0: 4, 1: 10, 2: 0} {
		if got := all.of(partition); got.Offset != want || got.Topic != topic || b.committed(partition) != want {
			t.Errorf("%+v is committed at %d, want %d", got, b.committed(partition), want)
		}
	}
	want := []worker.Assigned{{Topic: topic, Offset: 4}, {Topic: topic, Partition: 1, Offset: 10}, {Topic: topic, Partition: 2}}
	if diff := cmp.Diff(want, told.Load()); diff != "" {
		t.Errorf("OnAssigned, -want +got:\n%s", diff)
	}
	w.stop(t)
	if got := <-revoked; len(got) != 3 {
		t.Errorf("OnRevoked: %+v", got)
	}
}

// A partition is fetched once at most: what is on its way when it is opened.
func TestReadersAreTheOnlyOnesThatFetch(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 10)
	var fetches atomic.Int64
	b.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		fetches.Add(1)
		return nil, nil, false
	})
	all := newGiven()
	w := startReaders(t, b.config(), all.hold)
	await(t, "the reader", func() bool { return all.count() == 1 })
	beats := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Observe: true, Count: -1})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for beat := range 10 { // while each message would wake a fetch
		b.produce(t, 0, 1)
		if err := beats.Wait(ctx, beat+1); err != nil {
			t.Fatal(err)
		}
	}
	w.stop(t)
	if got := fetches.Load(); got > 1 {
		t.Errorf("%d fetches, want one at most", got)
	}
}

func TestReadersCommitWhatTheyHaveRead(t *testing.T) {
	t.Parallel()
	b, all := newBroker(t, 2), newGiven()
	b.produce(t, 0, 10)
	w := startReaders(t, b.config(), all.hold)
	await(t, "both readers", func() bool { return all.count() == 2 })
	claim := all.of(0)
	for _, next := range []int64{3, 9, 9, 5} { // the last one goes back on purpose
		if err := claim.Commit(next); err != nil || b.committed(0) != next {
			t.Errorf("Commit(%d): %v, committed %d", next, err, b.committed(0))
		}
	}
	if err := claim.Commit(-1); err == nil || b.committed(0) != 5 {
		t.Errorf("Commit(-1): %v, committed %d", err, b.committed(0))
	}
	failed := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.OffsetMetadataTooLarge})
	if err := claim.Commit(7); err == nil || errors.Is(err, worker.ErrRevoked) || failed.Hits() != 1 {
		t.Errorf("Commit that the broker refuses: %v", err)
	}
	await(t, "it is tried again", func() bool { return b.committed(0) == 7 })
	other := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.OffsetMetadataTooLarge, Partitions: []int32{1}, Count: -1})
	if err := all.of(1).Commit(3); err == nil {
		t.Error("Commit that the broker refuses: no error")
	}
	if err := claim.Commit(8); err != nil {
		t.Errorf("Commit while another partition's is refused: %v", err)
	}
	other.Remove()
	lost := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.UnknownMemberID, Count: -1})
	if err := claim.Commit(9); !errors.Is(err, worker.ErrRevoked) {
		t.Errorf("Commit of a member that was thrown out: %v", err)
	}
	lost.Remove()
	await(t, "it is a member again", func() bool { return all.count() == 2 && all.of(0) != claim })
	if err := claim.Commit(10); !errors.Is(err, worker.ErrRevoked) || b.committed(0) >= 10 {
		t.Errorf("Commit for an earlier claim: %v, committed %d", err, b.committed(0))
	}
	if got := all.of(0).Offset; got != b.committed(0) {
		t.Errorf("the next claim begins at %d, committed %d", got, b.committed(0))
	}
	w.stop(t)
}

// A reader may finish and commit once it is told to give the partition up.
func TestAReaderCommitsAtItsEnd(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 10)
	begun := make(chan struct{})
	cause := make(chan error, 1)
	w := startReaders(t, b.config(), func(ctx context.Context, claim *worker.Claim) error {
		close(begun)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return errors.Join(claim.Commit(6), errors.New("something at the end"))
	})
	<-begun
	w.stop(t) // without an error
	if err := <-cause; !errors.Is(err, worker.ErrRevoked) {
		t.Errorf("the context ended with %v", err)
	}
	if got := b.committed(0); got != 6 {
		t.Errorf("committed %d, want 6", got)
	}
}

// One that doesn't return is left behind, and what it commits then is refused.
func TestAReaderThatDoesNotReturnIsLeftBehind(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 10)
	release, late := make(chan struct{}), make(chan error, 1)
	config := b.config()
	config.GracePeriod = 10 * time.Millisecond
	begun, abandoned := make(chan struct{}), 0
	config.OnRevoked = func(_ context.Context, partitions []worker.Revoked) { abandoned = partitions[0].Abandoned }
	w := startReaders(t, config, func(_ context.Context, claim *worker.Claim) error {
		close(begun)
		<-release
		late <- claim.Commit(6)
		return nil
	})
	<-begun
	w.stop(t)
	close(release)
	if err := <-late; !errors.Is(err, worker.ErrRevoked) || b.committed(0) != 0 {
		t.Errorf("a late commit: %v, committed %d", err, b.committed(0))
	}
	if abandoned != 1 {
		t.Errorf("%d abandoned, want the reader", abandoned)
	}
}

func TestAReadersErrorEndsRunReaders(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	boom := errors.New("boom")
	for name, read := range map[string]worker.PartitionReader{
		"error": func(context.Context, *worker.Claim) error { return boom },
		"panic": func(context.Context, *worker.Claim) error { panic("boom") },
	} {
		err := startReaders(t, b.config(), read).ended(t)
		var panicked *worker.PanicError
		if !errors.Is(err, boom) && !errors.As(err, &panicked) || strings.Contains(err.Error(), "handler") {
			t.Errorf("%s: RunReaders returned %v", name, err)
		}
	}
}

// A reader that has returned keeps its partition, and a rebalance calls one again.
func TestAReaderThatReturnsKeepsThePartition(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var called atomic.Int32
	w := startReaders(t, b.config(), func(context.Context, *worker.Claim) error {
		called.Add(1)
		return nil
	})
	await(t, "the reader", func() bool { return called.Load() == 1 })
	b.awaitMembers(t, 1)
	second := startReaders(t, b.config(), newGiven().hold)
	b.awaitMembers(t, 2)
	second.stop(t)
	await(t, "the partition is read again", func() bool { return called.Load() > 1 })
	w.stop(t)
}

// Readers of what a member keeps go on through a cooperative rebalance.
func TestCooperativeReadersGoOn(t *testing.T) {
	t.Parallel()
	b, first, second := newBroker(t, 4), newGiven(), newGiven()
	config := b.config()
	config.Assignment = worker.CooperativeSticky
	w := startReaders(t, config, first.hold)
	await(t, "four readers", func() bool { return first.count() == 4 })
	before := make(map[int32]*worker.Claim)
	for partition := range int32(4) {
		before[partition] = first.of(partition)
	}
	config = b.config()
	config.Assignment, config.ClientID = worker.CooperativeSticky, "second"
	other := startReaders(t, config, second.hold)
	await(t, "two readers each", func() bool { return first.count() == 2 && second.count() == 2 })
	for partition, claim := range before {
		kept := first.of(partition)
		switch err := claim.Commit(0); {
		case kept != nil && (kept != claim || err != nil):
			t.Errorf("partition %d was given up, or can't be committed: %v", partition, err)
		case kept == nil && !errors.Is(err, worker.ErrRevoked):
			t.Errorf("Commit of partition %d, which is another's: %v", partition, err)
		}
	}
	other.stop(t)
	await(t, "four readers again", func() bool { return first.count() == 4 })
	w.stop(t)
}

package worker_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestShutdownFinishesTheMessageInHandAndCommitsIt(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 5)
	config := b.config()
	config.CommitInterval = time.Hour // only the end commits
	config.MaxProcessingTime = patience
	inHand, release := make(chan struct{}), make(chan struct{})
	w := start(t, config, func(ctx context.Context, msg worker.Message) error {
		if msg.Offset == 2 {
			close(inHand)
			<-release
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return handled.handle(ctx, msg)
	})
	<-inHand
	w.cancel()
	if got := b.committed(0); got > 0 {
		t.Errorf("committed %d before the end", got)
	}
	close(release)
	if err := w.ended(t); err != nil {
		t.Fatalf("Run: %v", err)
	}
	if diff := cmp.Diff(offsets(0, 3), handled.of(0)); diff != "" {
		t.Errorf("nothing new is begun, -want +got:\n%s", diff)
	}
	if got := b.committed(0); got != 3 {
		t.Errorf("committed %d, want 3", got)
	}
	if info := b.GroupInfo(group); len(info.Members) > 0 {
		t.Errorf("the group was not left: %+v", info.Members)
	}
}

func TestTheGracePeriodEndsTheHandlersContext(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 1)
	config := b.config()
	config.GracePeriod = 50 * time.Millisecond
	config.MaxProcessingTime = patience
	inHand := make(chan struct{})
	w := start(t, config, func(ctx context.Context, _ worker.Message) error {
		close(inHand)
		<-ctx.Done()
		return ctx.Err()
	})
	<-inHand
	w.stop(t)
	if got := b.committed(0); got != 0 {
		t.Errorf("committed %d although nothing was finished", got)
	}
}

func TestARebalanceWaitsForTheMessageInHandUntilTheDrainDeadline(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 1)
	config := func() worker.Config {
		config := b.config()
		config.MaxProcessingTime = patience
		config.RebalanceTimeout = 4 * time.Second
		config.GracePeriod = 10 * time.Millisecond
		return config
	}
	inHand, drained := make(chan struct{}), make(chan struct{})
	var once sync.Once
	handler := func(ctx context.Context, _ worker.Message) error {
		once.Do(func() { close(inHand) })
		<-ctx.Done()
		select {
		case <-drained:
		default:
			close(drained)
		}
		return ctx.Err()
	}
	first := start(t, config(), handler)
	<-inHand
	second := start(t, config(), func(ctx context.Context, _ worker.Message) error { <-ctx.Done(); return ctx.Err() })
	select {
	case <-drained:
	case <-time.After(patience):
		t.Fatal("the handler's context outlived the rebalance")
	}
	b.awaitMembers(t, 2)
	first.cancel()
	second.cancel()
}

// The end of a claim commits; when that fails for once, the end of the session
// does.
func TestTheEndOfTheSessionMakesUpForAFailedCommit(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	config := b.config()
	config.CommitInterval = time.Hour
	w := start(t, config, handled.handle)
	await(t, "the partition is open", func() bool { return b.committed(0) == 0 })
	b.produce(t, 0, 5)
	await(t, "all messages", func() bool { return len(handled.of(0)) == 5 })
	failed := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.UnknownServerError})
	w.stop(t)
	if got := b.committed(0); got != 5 || failed.Hits() != 1 {
		t.Errorf("committed %d after %d failures, want 5 after 1", got, failed.Hits())
	}
}

// A broker that accepts and never answers can't hold up the end.
func TestASilentBrokerDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	config := newBroker(t, 1).config()
	config.BootstrapServers = []string{listener.Addr().String()}
	config.RebalanceTimeout = 2 * patience // so that no answer is waited for longer than the test
	w := start(t, config, newRecord().handle)
	conn := <-accepted
	t.Cleanup(func() { _ = conn.Close() })
	w.stop(t)
}

// Not parallel: it compares all goroutines of the process.
func TestRunLeavesNoGoroutineAndMayBeCalledAgain(t *testing.T) {
	b, handled := newBroker(t, 3), newRecord()
	b.produce(t, 0, 5)
	before := []goleak.Option{
		goleak.IgnoreCurrent(),
		// go-metrics, which sarama counts with, starts one for the process.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	}
	config := b.config()
	config.ListenAddress = freeAddress(t)
	for range 2 {
		w := start(t, config, handled.handle)
		await(t, "the worker is ready", func() bool { return status(config.ListenAddress, "/readyz") == http.StatusOK })
		await(t, "the messages", func() bool { return handled.distinct() == 5 })
		w.stop(t)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(before...); err != nil {
		t.Error(err)
	}
}

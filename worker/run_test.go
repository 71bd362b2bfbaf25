package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// Members join and leave while messages are produced: every acknowledged
// message is handled, and each partition's first completions are in order.
func TestEveryMessageIsHandledWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	const partitions, rounds, perRound = 4, 6, 40
	b, handled := newBroker(t, partitions), newRecord()
	join := func(number int) *running {
		config := b.config()
		config.ClientID = fmt.Sprintf("member-%d", number)
		config.Assignment = []worker.Assignment{worker.Range, worker.RoundRobin, worker.Sticky}[number%3]
		return start(t, config, handled.handle)
	}
	members := []*running{join(0)}
	for round := 1; round <= rounds; round++ {
		members = append(members, join(round))
		for partition := range int32(partitions) {
			b.produce(t, partition, perRound)
		}
		b.awaitMembers(t, len(members))
		if round%2 == 0 {
			members[0].stop(t)
			members = members[1:]
		}
	}
	await(t, "every message", func() bool { return handled.distinct() == partitions*rounds*perRound })
	for _, member := range members {
		member.stop(t)
	}
	for partition := range int32(partitions) {
		if diff := cmp.Diff(offsets(0, rounds*perRound), handled.firsts(partition)); diff != "" {
			t.Errorf("first completions of partition %d, -want +got:\n%s", partition, diff)
		}
		if got := b.committed(partition); got != rounds*perRound {
			t.Errorf("partition %d: committed %d of %d", partition, got, rounds*perRound)
		}
	}
}

func TestAFailedMessageIsTriedAgainAndNeverSkipped(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 5)
	var failures atomic.Int32
	heal := make(chan struct{})
	config := b.config()
	w := start(t, config, func(ctx context.Context, msg worker.Message) error {
		select {
		case <-heal:
			return handled.handle(ctx, msg)
		default:
		}
		if msg.Offset == 2 {
			failures.Add(1)
			return errors.New("boom")
		}
		return handled.handle(ctx, msg)
	})
	await(t, "the messages before it are committed", func() bool { return b.committed(0) >= 2 })
	await(t, "three failures", func() bool { return failures.Load() >= 3 })
	if got := b.committed(0); got != 2 {
		t.Errorf("committed %d while offset 2 was not handled", got)
	}
	close(heal)
	await(t, "the messages behind it", func() bool { return len(handled.of(0)) == 5 })
	if got := metric(t, config.Registry, "lagrange_worker_handler_errors_total"); got != float64(failures.Load()) {
		t.Errorf("%g handler errors counted, want %d", got, failures.Load())
	}
	w.stop(t)
	if diff := cmp.Diff(offsets(0, 5), handled.of(0)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAHandlerThatTakesTooLongIsToldSo(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 1)
	config := b.config()
	config.MaxProcessingTime = 50 * time.Millisecond
	var told atomic.Value
	w := start(t, config, func(ctx context.Context, msg worker.Message) error {
		if told.Load() != nil {
			return handled.handle(ctx, msg)
		}
		<-ctx.Done()
		told.Store(ctx.Err())
		return ctx.Err()
	})
	await(t, "the second attempt", func() bool { return len(handled.of(0)) == 1 })
	w.stop(t)
	if err, _ := told.Load().(error); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

// Commits are refused for a while, then a second member comes and goes: the
// first one gets messages again that it had handled, and says so.
func TestRedeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 2), newRecord()
	config := b.config()
	first := start(t, config, handled.handle)
	await(t, "the partitions are open", func() bool { return b.committed(0) == 0 && b.committed(1) == 0 })
	refused := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.IllegalGeneration, Count: -1})
	b.produce(t, 0, 5)
	b.produce(t, 1, 5)
	await(t, "all messages", func() bool { return handled.distinct() == 10 })
	second := start(t, b.config(), newRecord().handle)
	b.awaitMembers(t, 2)
	refused.Remove()
	second.stop(t)
	await(t, "all messages are committed", func() bool { return b.committed(0) == 5 && b.committed(1) == 5 })
	if got := metric(t, config.Registry, "lagrange_worker_messages_redelivered_total"); got < 5 {
		t.Errorf("%g redeliveries counted, want at least one partition's 5", got)
	}
	handledTotal := len(handled.of(0)) + len(handled.of(1))
	if got := metric(t, config.Registry, "lagrange_worker_messages_handled_total"); got != float64(handledTotal) {
		t.Errorf("%g messages counted, want %d", got, handledTotal)
	}
	first.stop(t)
}

func TestACommitIsRepeatedWhenTheCoordinatorMoves(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	config := b.config()
	config.CommitInterval = time.Hour
	w := start(t, config, handled.handle)
	await(t, "the partition is open", func() bool { return b.committed(0) == 0 })
	b.produce(t, 0, 5)
	await(t, "all messages", func() bool { return len(handled.of(0)) == 5 })
	moved := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator, Count: 2})
	w.stop(t)
	if got := b.committed(0); got != 5 || moved.Hits() != 2 {
		t.Errorf("committed %d after %d refusals, want 5 after 2", got, moved.Hits())
	}
}

func TestMembersWithoutPartitionsAreReady(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var addresses []string
	for range 2 {
		config := b.config()
		config.ListenAddress = freeAddress(t)
		addresses = append(addresses, config.ListenAddress)
		start(t, config, newRecord().handle)
	}
	b.awaitMembers(t, 2)
	for _, address := range addresses {
		await(t, "both are ready", func() bool { return status(address, "/readyz") == http.StatusOK })
		if got := status(address, "/healthz"); got != http.StatusOK {
			t.Errorf("a ready worker's health: %d", got)
		}
	}
}

// status is that of a GET, 0 when there is no answer.
func status(address, path string) int {
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// A rollout that changes the assignment has members of both for a while.
func TestMembersOfDifferentAssignmentsShareAGroup(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 4)
	for _, assignment := range []worker.Assignment{worker.Range, worker.Sticky} {
		config := b.config()
		config.Assignment = assignment
		start(t, config, newRecord().handle)
	}
	b.awaitMembers(t, 2)
	for _, member := range b.GroupInfo(group).Members {
		if got := member.NumAssigned(); got != 2 {
			t.Errorf("member %s has %d partitions, want 2", member.MemberID, got)
		}
	}
}

func TestAMissingTopicIsWaitedFor(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	if err := b.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	config := b.config()
	config.ListenAddress = freeAddress(t)
	w := start(t, config, handled.handle)
	await(t, "the failure is counted", func() bool {
		return metric(t, config.Registry, "lagrange_worker_consumer_errors_total") >= 2
	})
	if got := status(config.ListenAddress, "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("ready without the topic: %d", got)
	}
	if b.TopicInfo(topic) != nil {
		t.Error("the worker created the topic")
	}
	if err := b.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	await(t, "the worker is ready", func() bool { return status(config.ListenAddress, "/readyz") == http.StatusOK })
	w.stop(t)
}

func TestAnUnreachableBrokerIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config := b.config()
	config.BootstrapServers = []string{freeAddress(t)}
	w := start(t, config, newRecord().handle)
	await(t, "the failure is counted", func() bool {
		return metric(t, config.Registry, "lagrange_worker_consumer_errors_total") >= 2
	})
	w.stop(t)
}

// What a broker alone knows, and what waiting doesn't mend.
func TestASessionTimeoutThatTheBrokersRefuseEndsTheRun(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.InvalidSessionTimeout, Count: -1})
	config := b.config()
	config.SessionTimeout = 2 * time.Second
	err := start(t, config, newRecord().handle).ended(t)
	if !errors.Is(err, sarama.ErrInvalidSessionTimeout) || !strings.Contains(err.Error(), "sessionTimeout 2s is outside of what the brokers accept, by default 6s to 30m") {
		t.Errorf("Run: %v", err)
	}
}

func TestRunRefusesAConfigurationThatCannotWork(t *testing.T) {
	t.Parallel()
	if err := worker.Run(t.Context(), worker.Config{}, newRecord().handle); err == nil {
		t.Error("an empty configuration was accepted")
	}
	b := newBroker(t, 1)
	for name, run := range map[string]func(worker.Config) error{
		"handler":   func(c worker.Config) error { return worker.Run(t.Context(), c, nil) },
		"batches":   func(c worker.Config) error { return worker.RunBatches(t.Context(), c, nil) },
		"transform": func(c worker.Config) error { return worker.RunTransactions(t.Context(), c, nil) },
		"reader":    func(c worker.Config) error { return worker.RunReaders(t.Context(), c, nil) },
		"replay": func(c worker.Config) error {
			_, err := worker.Replay(t.Context(), c, worker.ReplayOptions{Topic: topic}, nil)
			return err
		},
	} {
		if err := run(b.config()); err == nil || !strings.Contains(err.Error(), "given") {
			t.Errorf("nothing to call for %s: %v", name, err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	config := b.config()
	config.ListenAddress = taken.Addr().String()
	if err := worker.Run(t.Context(), config, newRecord().handle); err == nil {
		t.Error("an address that is taken was accepted")
	}
}

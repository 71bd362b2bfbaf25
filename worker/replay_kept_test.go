package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestReplayKeepsTheNextOffset(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 2), newRecord()
	b.timed(t, 2)
	config := b.config()
	config.CommitInterval = time.Hour // so that what is kept was kept at the end
	kept := worker.ReplayOptions{From: worker.AtKept(), KeepAs: keptAs}
	first := kept
	first.To = worker.AtOffset(4)
	b.replayed(t, config, first, handled.handle)
	for partition := range int32(2) {
		if got := b.keptOffset(partition); got != 4 {
			t.Errorf("after offset 3 partition %d is kept at %d, want 4, which is next", partition, got)
		}
	}
	b.replayed(t, config, kept, handled.handle)
	again := b.replayed(t, config, kept, handled.handle) // nothing is left
	for partition := range int32(2) {
		if diff := cmp.Diff(offsets(0, 10), handled.of(partition)); diff != "" {
			t.Errorf("each once, -want +handled:\n%s", diff)
		}
		if again[partition].From != 10 || again[partition].Handled != 0 {
			t.Errorf("the third time it read %+v", again[partition])
		}
	}
	b.replayed(t, config, worker.ReplayOptions{KeepAs: keptAs, From: worker.AtOffset(1), To: worker.AtOffset(2)}, handled.handle)
	if got := b.keptOffset(0); got != 2 {
		t.Errorf("a replay from before is kept at %d, want 2", got)
	}
	if info := b.GroupInfo(group); info != nil {
		t.Errorf("the workers' group was touched: %+v", info)
	}
}

// The kept offsets were deleted meanwhile, or are of a log that began anew.
func TestReplayGoesOnWhereKeptOffsetsAreOutOfRange(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.timed(t, 1)
	if err := b.admin.DeleteRecords(topic, map[int32]int64{0: 3}); err != nil {
		t.Fatal(err)
	}
	for policy, want := range map[worker.OutOfRange]int64{worker.RangeEarliest: 3, worker.RangeLatest: 10, worker.RangeFail: -1, "": 3} {
		for _, offset := range []int64{1, 50} {
			answer, err := b.admin.AlterConsumerGroupOffsets(keptAs, map[string]map[int32]sarama.OffsetAndMetadata{
				topic: {0: {Offset: offset, LeaderEpoch: -1}},
			}, nil)
			if err != nil || answer.Errors[topic][0] != sarama.ErrNoError {
				t.Fatal(err, answer)
			}
			config := b.config()
			config.OnOutOfRange = policy
			summary, err := b.replay(t, config, worker.ReplayOptions{From: worker.AtKept(), KeepAs: keptAs}, newRecord().handle)
			var outOfRange *worker.OffsetOutOfRangeError
			switch {
			case want < 0 && (!errors.As(err, &outOfRange) || outOfRange.LogStart != 3 || outOfRange.LogEnd != 10):
				t.Errorf("%d by %q: %v", offset, policy, err)
			case want >= 0 && (err != nil || summary.Partitions[0].From != want):
				t.Errorf("%d by %q began as %+v, %v; want %d", offset, policy, summary, err, want)
			}
		}
	}
}

// Nothing kept yet: the initial offset says where to begin.
func TestReplayBeginsAtTheInitialOffset(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.timed(t, 1)
	config := b.config()
	config.InitialOffset = worker.Latest
	got := b.replayed(t, config, worker.ReplayOptions{From: worker.AtKept(), KeepAs: keptAs}, newRecord().handle)
	if got[0].From != 10 || b.keptOffset(0) != 10 {
		t.Errorf("began as %+v, kept %d; want 10, which is kept even if nothing is read", got, b.keptOffset(0))
	}
}

func TestReplayRefusesToKeepOffsetsOfAGroupWithMembers(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 5)
	config := b.config()
	config.GroupID = keptAs
	start(t, config, newRecord().handle)
	await(t, "the group's commit", func() bool { return b.keptOffset(0) == 5 })
	_, err := b.replay(t, b.config(), worker.ReplayOptions{KeepAs: keptAs}, handled.handle)
	if err == nil || !strings.Contains(err.Error(), "has members") {
		t.Errorf("%v, want it to say that the group has members", err)
	}
	if handled.distinct() != 0 || b.keptOffset(0) != 5 {
		t.Errorf("handled %v, and the group stands at %d, want nothing and 5", handled.of(0), b.keptOffset(0))
	}
}

// Members that come while a replay runs are safe from its commits.
func TestReplayEndsWhenItsNameBecomesAGroup(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 5)
	config, release := b.config(), make(chan struct{})
	config.GroupID = keptAs
	var once sync.Once
	_, err := b.replay(t, b.config(), worker.ReplayOptions{KeepAs: keptAs, To: worker.Never()}, func(context.Context, worker.Message) error {
		once.Do(func() {
			start(t, config, holdFirst(release, newRecord()))
			await(t, "a member", func() bool { info := b.GroupInfo(keptAs); return info != nil && len(info.Members) == 1 })
		})
		return nil
	})
	close(release)
	if err == nil || !strings.Contains(err.Error(), "has members") {
		t.Errorf("%v, want it to say that the group has members", err)
	}
}

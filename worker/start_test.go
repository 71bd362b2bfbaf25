package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
)

// TestWhereAPartitionOpens prepares 10 messages in partition 0, starts a
// worker, waits until it is a member, produces 5 more and looks at what it
// handled.
func TestWhereAPartitionOpens(t *testing.T) {
	cases := map[string]struct {
		reason  string
		initial worker.InitialOffset
		prepare func(t *testing.T, b *broker)
		from    int64
	}{
		"EarliestWithoutCommit": {
			reason:  "Nothing committed in the topic: the log start.",
			initial: worker.Earliest,
			prepare: func(*testing.T, *broker) {},
			from:    0,
		},
		"LatestWithoutCommit": {
			reason:  "Nothing committed in the topic: the log end when the worker came.",
			initial: worker.Latest,
			prepare: func(*testing.T, *broker) {},
			from:    10,
		},
		"Committed": {
			reason:  "The commit counts, whatever the initial offset.",
			initial: worker.Latest,
			prepare: func(t *testing.T, b *broker) { b.commit(t, 0, 4) },
			from:    4,
		},
		"SiblingCommitted": {
			reason:  "The partition was added later: latest would skip ten messages.",
			initial: worker.Latest,
			prepare: func(t *testing.T, b *broker) { b.commit(t, 1, 0) },
			from:    0,
		},
		"BelowLogStart": {
			reason:  "What was deleted can't be handled, what is left is.",
			initial: worker.Latest,
			prepare: func(t *testing.T, b *broker) {
				b.commit(t, 0, 2)
				if err := b.DeleteRecords(topic, 0, 6); err != nil {
					t.Fatal(err)
				}
			},
			from: 6,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 2)
			b.produce(t, 0, 10)
			tc.prepare(t, b)
			config, handled := b.config(), newRecord()
			config.InitialOffset = tc.initial
			w := start(t, config, handled.handle)
			await(t, "every partition has a commit", func() bool { return b.committed(0) >= 0 && b.committed(1) >= 0 })
			b.produce(t, 0, 5)
			want := offsets(tc.from, 15)
			await(t, "the last message", func() bool { return len(handled.of(0)) >= len(want) })
			w.stop(t)
			if diff := cmp.Diff(want, handled.of(0)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if got := b.committed(0); got != 15 {
				t.Errorf("%s\ncommitted %d at the end, want 15", tc.reason, got)
			}
		})
	}
}

func TestFailStopsTheWorker(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 1, 3)
	b.commit(t, 1, 7)
	config, handled := b.config(), newRecord()
	config.OnOutOfRange = worker.RangeFail
	err := start(t, config, handled.handle).ended(t)
	var told *worker.OffsetOutOfRangeError
	if !errors.As(err, &told) {
		t.Fatalf("Run: %v, want an OffsetOutOfRangeError", err)
	}
	want := worker.OffsetOutOfRangeError{Topic: topic, Partition: 1, Committed: 7, LogStart: 0, LogEnd: 3}
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := b.committed(1); got != 7 {
		t.Errorf("the commit was changed to %d", got)
	}
	if info := b.GroupInfo(group); len(info.Members) > 0 {
		t.Errorf("the group still has members: %+v", info.Members)
	}
	if got := handled.partitions(); len(got) > 0 {
		t.Errorf("partitions %v were read", got)
	}
}

// A hook that fails, panics or says what can't be ends the attempt, and nothing
// opens; a later attempt may go well.
func TestAStartHookThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 10)
	b.commit(t, 0, 2)
	config, handled, attempts := b.config(), newRecord(), 0
	var asked worker.Start
	config.StartAt = func(_ context.Context, start worker.Start) (int64, error) {
		asked = start
		attempts++
		switch attempts {
		case 1:
			return 0, errors.New("no answer")
		case 2:
			panic("no answer")
		case 3:
			return 11, nil // above the log end
		}
		if b.committed(0) != 2 || len(handled.of(0)) > 0 {
			t.Error("something was opened in an attempt that failed")
		}
		return 6, nil
	}
	w := start(t, config, handled.handle)
	await(t, "the last message", func() bool { return b.committed(0) == 10 })
	w.stop(t)
	if diff := cmp.Diff(offsets(6, 10), handled.of(0)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want := worker.Start{Topic: topic, Partition: 0, Committed: 2, LogStart: 0, LogEnd: 10, Offset: 2}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("-want +asked:\n%s", diff)
	}
}

// With latest, the log end that the group started from must not be forgotten
// by a restart before the first message was handled.
func TestLatestIsPinnedBeforeTheFirstMessage(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 10)
	config := b.config()
	config.InitialOffset = worker.Latest
	config.CommitInterval = time.Hour // what is resolved is committed at once
	first := start(t, config, newRecord().handle)
	await(t, "the log end is committed", func() bool { return b.committed(0) == 10 })
	first.stop(t)
	b.produce(t, 0, 5) // nobody is there
	handled := newRecord()
	second := start(t, config, handled.handle)
	await(t, "what came in between", func() bool { return len(handled.of(0)) >= 5 })
	second.stop(t)
	if diff := cmp.Diff(offsets(10, 15), handled.of(0)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Two members that start a group together under latest: the second one finds
// the first one's commits and must not take its own partitions for added ones.
func TestLatestWithASiblingOpenedFirst(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 10)
	b.produce(t, 1, 10)
	config := b.config()
	config.InitialOffset = worker.Latest
	first := start(t, config, newRecord().handle)
	await(t, "both partitions are committed", func() bool { return b.committed(0) == 10 && b.committed(1) == 10 })
	first.stop(t)
	if err := b.admin.DeleteConsumerGroupOffset(group, topic, 1); err != nil {
		t.Fatal(err)
	}
	handled := newRecord()
	second := start(t, config, handled.handle)
	await(t, "partition 1 is committed again", func() bool { return b.committed(1) >= 0 })
	b.produce(t, 1, 3)
	await(t, "the new messages", func() bool { return len(handled.of(1)) >= 3 })
	second.stop(t)
	if diff := cmp.Diff(offsets(10, 13), handled.of(1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAPartitionThatIsAddedIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	config, handled := b.config(), newRecord()
	config.InitialOffset = worker.Latest
	config.MetadataRefresh = 200 * time.Millisecond
	w := start(t, config, handled.handle)
	await(t, "partition 0 is committed", func() bool { return b.committed(0) == 0 })
	if err := b.admin.CreatePartitions(topic, 2, nil, false); err != nil {
		t.Fatal(err)
	}
	// The first of these are there before any member has heard of the partition.
	await(t, "the producer knows the partition", func() bool { return len(b.PartitionInfos(topic)) == 2 })
	if err := b.refresh(); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 1, 20)
	await(t, "all of the new partition", func() bool { return len(handled.of(1)) >= 20 })
	w.stop(t)
	if diff := cmp.Diff(offsets(0, 20), handled.of(1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Retention overtakes a reader: the claim ends, and the next one goes on at
// what is left.
func TestRetentionOvertakesARunningClaim(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 3)
	config, handled := b.config(), newRecord()
	config.InitialOffset = worker.Latest
	b.commit(t, 0, 0)
	release := make(chan struct{})
	w := start(t, config, holdFirst(release, handled))
	await(t, "the claim is open", func() bool { return b.members() == 1 })
	b.produce(t, 0, 7)
	if err := b.DeleteRecords(topic, 0, 8); err != nil {
		t.Fatal(err)
	}
	close(release)
	await(t, "the last message", func() bool { return len(handled.of(0)) > 0 && b.committed(0) == 10 })
	w.stop(t)
	got := handled.of(0)
	if diff := cmp.Diff(offsets(8, 10), got[len(got)-2:]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

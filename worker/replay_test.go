package worker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/lagrange-operator/lagrange/worker"
)

const keptAs = "replays"

var errBroken = errors.New("broken")

// replayed replays to the end, which must come.
func (b *broker) replayed(t *testing.T, config worker.Config, options worker.ReplayOptions, handler worker.Handler) []worker.ReplayedPartition {
	t.Helper()
	summary, err := b.replay(t, config, options, handler)
	if err != nil {
		t.Fatal(err)
	}
	return summary.Partitions
}

func (b *broker) replay(t *testing.T, config worker.Config, options worker.ReplayOptions, handler worker.Handler) (worker.ReplaySummary, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options.Topic = topic
	summary, err := worker.Replay(ctx, config, options, handler)
	if ctx.Err() != nil {
		t.Errorf("it did not end by itself: %+v", summary)
	}
	return summary, err
}

// keptOffset is what is kept of a partition as keptAs, -1 for nothing.
func (b *broker) keptOffset(partition int32) int64 {
	if info := b.GroupInfo(keptAs); info != nil {
		if at, ok := info.Commits[topic][partition]; ok {
			return at.Offset
		}
	}
	return -1
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// timed has ten messages in each partition, a second apart, the first at noon.
func (b *broker) timed(t *testing.T, partitions int32) {
	t.Helper()
	for partition := range partitions {
		for i := range 10 {
			message := &sarama.ProducerMessage{
				Topic: topic, Partition: partition, Value: sarama.StringEncoder("v"),
				Timestamp: noon.Add(time.Duration(i) * time.Second),
			}
			if _, _, err := b.producer.SendMessage(message); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReplayReadsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.timed(t, 2)
	cases := map[string]struct {
		reason     string
		options    worker.ReplayOptions
		partitions []int32 // both if nil
		from, to   int64
	}{
		"Default":       {reason: "all that is there", from: 0, to: 10},
		"Partition":     {reason: "one partition, named twice", options: worker.ReplayOptions{Partitions: []int32{1, 1}}, partitions: []int32{1}, to: 10},
		"Offsets":       {reason: "the end is exclusive", options: worker.ReplayOptions{From: worker.AtOffset(3), To: worker.AtOffset(7)}, from: 3, to: 7},
		"OneMessage":    {reason: "an end right behind the beginning", options: worker.ReplayOptions{From: worker.AtOffset(9), To: worker.AtOffset(10)}, from: 9, to: 10},
		"Nothing":       {reason: "equal bounds", options: worker.ReplayOptions{From: worker.AtOffset(4), To: worker.AtOffset(4)}, from: 4, to: 4},
		"BeyondEnd":     {reason: "it does not wait for messages to come", options: worker.ReplayOptions{To: worker.AtOffset(99)}, to: 10},
		"Latest":        {reason: "there is nothing yet", options: worker.ReplayOptions{From: worker.AtLatest()}, from: 10, to: 10},
		"Times":         {reason: "a message of the beginning's time is read, one of the end's is not", options: worker.ReplayOptions{From: worker.AtTime(noon.Add(2 * time.Second)), To: worker.AtTime(noon.Add(5 * time.Second))}, from: 2, to: 5},
		"BetweenTimes":  {reason: "less than a millisecond after a message is after it", options: worker.ReplayOptions{From: worker.AtTime(noon.Add(2*time.Second + 1)), To: worker.AtTime(noon.Add(5*time.Second + 1))}, from: 3, to: 6},
		"TimeBeyondEnd": {reason: "Kafka answers -1 for a time behind the last message", options: worker.ReplayOptions{From: worker.AtTime(noon.Add(8 * time.Second)), To: worker.AtTime(noon.Add(time.Hour))}, from: 8, to: 10},
		"TimesBeyond":   {reason: "-1 for both", options: worker.ReplayOptions{From: worker.AtTime(noon.Add(time.Hour)), To: worker.AtTime(noon.Add(2 * time.Hour))}, from: 10, to: 10},
		"BeforeTime":    {reason: "times before 1970 are negative, and -1 and -2 mean other things to Kafka", options: worker.ReplayOptions{From: worker.AtTime(time.UnixMilli(-1)), To: worker.AtTime(noon.Add(time.Second))}, to: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handled := newRecord()
			got := b.replayed(t, b.config(), tc.options, handled.handle)
			if tc.partitions == nil {
				tc.partitions = []int32{0, 1}
			}
			var want []worker.ReplayedPartition
			for _, partition := range tc.partitions {
				want = append(want, worker.ReplayedPartition{Partition: partition, From: tc.from, To: tc.to, Next: tc.to, Handled: tc.to - tc.from})
				if diff := cmp.Diff(offsets(tc.from, tc.to), handled.of(partition)); diff != "" {
					t.Errorf("%s: partition %d, -want +handled:\n%s", tc.reason, partition, diff)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.timed(t, 1)
	if err := b.admin.DeleteRecords(topic, map[int32]int64{0: 2}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		options worker.ReplayOptions
		want    string
	}{
		"BelowStart":      {worker.ReplayOptions{From: worker.AtOffset(1)}, "from 2 to 10"},
		"AboveEnd":        {worker.ReplayOptions{From: worker.AtOffset(11)}, "from 2 to 10"},
		"NoPartition":     {worker.ReplayOptions{Partitions: []int32{0, 1}}, "no partition 1"},
		"Negative":        {worker.ReplayOptions{From: worker.AtOffset(-1)}, "from -1 is negative"},
		"NegativeEnd":     {worker.ReplayOptions{To: worker.AtOffset(-1)}, "to -1 is negative"},
		"NegativeNumber":  {worker.ReplayOptions{Partitions: []int32{-1}}, "negative"},
		"Backwards":       {worker.ReplayOptions{From: worker.AtOffset(9), To: worker.AtOffset(3)}, "from is after to"},
		"BackwardsInTime": {worker.ReplayOptions{From: worker.AtTime(noon), To: worker.AtTime(noon.Add(-1))}, "from is after to"},
		"EndAtStart":      {worker.ReplayOptions{To: worker.AtEarliest()}, `to "earliest" is not one of`},
		"BeginNever":      {worker.ReplayOptions{From: worker.Never()}, `from "never" is not one of`},
		"NothingKept":     {worker.ReplayOptions{From: worker.AtKept()}, "no keepAs given"},
		"OwnGroup":        {worker.ReplayOptions{KeepAs: group}, "the workers' own group"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handled := newRecord()
			if _, err := b.replay(t, b.config(), tc.options, handled.handle); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want it to contain %s", err, tc.want)
			}
			if handled.distinct() != 0 {
				t.Errorf("handled %v all the same", handled.of(0))
			}
		})
	}
	if _, err := worker.Replay(t.Context(), b.config(), worker.ReplayOptions{}, newRecord().handle); err == nil {
		t.Error("a replay of no topic was accepted")
	}
	if _, err := worker.Replay(t.Context(), b.config(), worker.ReplayOptions{Topic: "not-there"}, newRecord().handle); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("of a topic that is not there: %v", err)
	}
}

// The last offsets are a marker, or aborted messages and theirs: no message
// comes with them, and the replay must end all the same.
func TestReplayEndsAtMarkers(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 2)
	committed := b.transaction(t, 2) // 2, 3, marker 4
	if err := committed.CommitTxn(); err != nil {
		t.Fatal(err)
	}
	aborted := b.transaction(t, 3) // 5, 6, 7, marker 8
	if err := aborted.AbortTxn(); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		level worker.IsolationLevel
		to    worker.Bound
		end   int64
		want  []int64
	}{
		"Committed":     {worker.ReadCommitted, worker.AtLatest(), 9, []int64{0, 1, 2, 3}},
		"Uncommitted":   {worker.ReadUncommitted, worker.AtLatest(), 9, []int64{0, 1, 2, 3, 5, 6, 7}},
		"BehindMarker":  {worker.ReadUncommitted, worker.AtOffset(5), 5, []int64{0, 1, 2, 3}},
		"AmongAborted":  {worker.ReadCommitted, worker.AtOffset(7), 7, []int64{0, 1, 2, 3}},
		"BeforeAborted": {worker.ReadCommitted, worker.AtOffset(3), 3, []int64{0, 1, 2}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, handled := b.config(), newRecord()
			config.IsolationLevel = tc.level
			got := b.replayed(t, config, worker.ReplayOptions{To: tc.to}, handled.handle)
			if diff := cmp.Diff(tc.want, handled.of(0)); diff != "" {
				t.Errorf("-want +handled:\n%s", diff)
			}
			if got[0].To != tc.end || got[0].Next != tc.end {
				t.Errorf("ended as %+v, want an end of %d", got[0], tc.end)
			}
		})
	}
}

// A transaction that is open when the replay begins is not waited for.
func TestReplayEndsBeforeAnOpenTransaction(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 2)
	b.transaction(t, 2)
	config := b.config()
	config.IsolationLevel = worker.ReadCommitted
	got := b.replayed(t, config, worker.ReplayOptions{To: worker.AtOffset(4)}, handled.handle)
	if diff := cmp.Diff(offsets(0, 2), handled.of(0)); diff != "" || got[0].To != 2 {
		t.Errorf("%+v, -want +handled:\n%s", got, diff)
	}
}

// Without an end messages are handed in as they come, until the context is done.
func TestReplayFollows(t *testing.T) {
	t.Parallel()
	b, handled := newBroker(t, 1), newRecord()
	b.produce(t, 0, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := worker.Replay(ctx, b.config(), worker.ReplayOptions{Topic: topic, To: worker.Never(), KeepAs: keptAs}, handled.handle)
		ended <- err
	}()
	await(t, "what is there", func() bool { return handled.distinct() == 2 })
	await(t, "a commit in time", func() bool { return b.keptOffset(0) == 2 })
	b.produce(t, 0, 3)
	await(t, "what came", func() bool { return handled.distinct() == 5 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("being told to stop is no error without an end: %v", err)
	}
	if got := b.keptOffset(0); got != 5 {
		t.Errorf("kept %d at exit, want 5", got)
	}
}

// The message in hand may be finished; the error says that there are others.
func TestReplayThatIsStoppedSaysSo(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 5)
	ctx, cancel := context.WithCancel(t.Context())
	summary, err := worker.Replay(ctx, b.config(), worker.ReplayOptions{Topic: topic, KeepAs: keptAs}, func(ctx context.Context, msg worker.Message) error {
		if msg.Offset == 2 {
			cancel()
		}
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 of 1 partitions") {
		t.Errorf("%v, want it to say that it was stopped", err)
	}
	if got := summary.Partitions[0].Next; got != 3 || b.keptOffset(0) != 3 {
		t.Errorf("stands at %d and kept %d, want 3", got, b.keptOffset(0))
	}
}

// A handler that does not return is given up after the grace period.
func TestReplayGivesUpWhatIsInHand(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 2)
	config := b.config()
	config.GracePeriod, config.MaxProcessingTime = time.Millisecond, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	summary, err := worker.Replay(ctx, config, worker.ReplayOptions{Topic: topic, KeepAs: keptAs}, func(ctx context.Context, _ worker.Message) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err == nil || summary.Partitions[0].Next != 0 || b.keptOffset(0) != 0 {
		t.Errorf("%v, %+v, kept %d: want an error, and the message to be handled again", err, summary, b.keptOffset(0))
	}
}

// The log is cut behind the reader's back.
func TestReplayNamesTheRangeThatItFellOut(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	for range 1000 { // more than sarama takes at once: 256 messages and two fetches of 64 KiB
		if _, _, err := b.producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(make([]byte, 1<<10))}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.replay(t, b.config(), worker.ReplayOptions{}, func(_ context.Context, msg worker.Message) error {
		if msg.Offset == 0 {
			return b.admin.DeleteRecords(topic, map[int32]int64{0: 999})
		}
		return nil
	})
	if !errors.Is(err, sarama.ErrOffsetOutOfRange) || !strings.Contains(err.Error(), "from 999 to 1000") {
		t.Errorf("%v, want it to name what there is", err)
	}
}

// Not parallel: it compares all goroutines of the process.
func TestReplayLeavesNoGoroutine(t *testing.T) {
	b := newBroker(t, 3)
	b.timed(t, 3)
	before := []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	}
	b.replayed(t, b.config(), worker.ReplayOptions{KeepAs: keptAs}, newRecord().handle)
	if _, err := b.replay(t, b.config(), worker.ReplayOptions{From: worker.AtOffset(11), KeepAs: keptAs}, newRecord().handle); err == nil {
		t.Error("an offset beyond the end was accepted")
	}
	if err := goleak.Find(before...); err != nil {
		t.Error(err)
	}
}

// Two replays at the same time read the same.
func TestReplaysDoNotDisturbEachOtherNorAGroup(t *testing.T) {
	t.Parallel()
	b, members := newBroker(t, 3), newRecord()
	b.timed(t, 3)
	w := start(t, b.config(), members.handle)
	await(t, "the group", func() bool { return members.distinct() == 30 })
	var replays sync.WaitGroup
	for range 2 {
		replays.Go(func() {
			handled := newRecord()
			if _, err := b.replay(t, b.config(), worker.ReplayOptions{}, handled.handle); err != nil || handled.distinct() != 30 {
				t.Errorf("%v, handled %d of 30", err, handled.distinct())
			}
		})
	}
	replays.Wait()
	if got := b.GroupInfo(group); len(got.Members) != 1 {
		t.Errorf("the group has %d members, want the one that it had", len(got.Members))
	}
	w.stop(t)
	if got := members.of(0); !slices.Equal(got, offsets(0, 10)) {
		t.Errorf("the group handled %v", got)
	}
}

package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lagrange-operator/lagrange/worker"
)

// lateCase has two members with a cooperative assignment: the first one has
// both partitions and gets nothing done, the second one is given one of them in
// the midst of its membership. Both partitions look the same.
type lateCase struct {
	id, reason string
	prepare    func(x *opened, partition int32)
	// meanwhile is done to each partition before the second member comes.
	meanwhile func(x *opened, partition int32)
	config    func(*opened) // of the second member
	opens     int64
	fails     *worker.OffsetOutOfRangeError // but for the partition
	handled   []int64
	skipped   map[string]float64
}

// fill10 makes messages 0 to 9.
func fill10(x *opened, partition int32) { x.fill(x.T, x.topic, partition, 10) }

func delete6(x *opened, partition int32) { x.deleteRecords(x.T, x.topic, partition, 6) }

var lateCases = []lateCase{
	{
		id: "committed", reason: "where the first member stood",
		prepare: fill10, opens: 2, handled: upTo(2, 10),
	},
	{
		id: "below-earliest", reason: "retention has passed the commit while the first member was stuck",
		prepare: fill10, meanwhile: delete6, opens: 6, handled: upTo(6, 10), skipped: map[string]float64{"outOfRange": 4},
	},
	{
		id: "below-latest", reason: "as above",
		prepare: fill10, meanwhile: delete6, config: outOfRange(worker.RangeLatest),
		opens: 10, skipped: map[string]float64{"outOfRange": 8},
	},
	{
		id: "below-fail", reason: "a person decides, also in the midst of a membership",
		prepare: fill10, meanwhile: delete6, config: outOfRange(worker.RangeFail),
		fails: &worker.OffsetOutOfRangeError{Topic: "starts-late-below-fail", Committed: 2, LogStart: 6, LogEnd: 10},
	},
	{
		id: "old", reason: "what became too old while the first member was stuck",
		prepare: func(x *opened, partition int32) {
			for range 5 {
				record := keyed(x.topic, "old")
				record.Partition, record.Timestamp = partition, time.Now().Add(-old)
				x.produce(x.T, x.client, record)
			}
		},
		config: young, opens: 5, skipped: map[string]float64{"tooOld": 3},
	},
	{
		id: "hook", reason: "a hook is asked for what comes late, too",
		prepare: fill10, opens: 7, handled: upTo(7, 10), skipped: map[string]float64{"hook": 5},
		config: func(x *opened) {
			x.settings.StartAt = func(context.Context, worker.Start) (int64, error) { return 7, nil }
		},
	},
}

// member is another worker of the same group.
func (x *opened) member(name string) *opened {
	other := x.opened(x.T, x.topic)
	other.group, other.settings.GroupID, other.settings.ClientID = x.group, x.group, name
	other.settings.Assignment = worker.CooperativeSticky
	return other
}

// stuck has every message fail, and none tried again soon.
func (x *opened) stuck() {
	x.settings.Retry = worker.Retry{InitialBackoff: time.Hour, MaxBackoff: time.Hour}
}

func (c lateCase) run(t *testing.T, s *stand) {
	x := s.opened(t, "starts-late-"+c.id)
	s.createTopic(t, x.topic, 2, nil)
	for partition := range int32(2) {
		c.prepare(x, partition)
	}
	s.commit(t, x.group, x.topic, map[int32]int64{0: 2, 1: 2})
	first, second := x.member("first"), x.member("second")
	first.stuck()
	first.runs(func(context.Context, worker.Message) error { return errors.New("stuck") })
	eventually(t, "both partitions to be open", func() bool { return first.opensAt(0) == 2 && first.opensAt(1) == 2 })
	eventually(t, "a message of each to be stuck", func() bool { return first.failures() >= 2 })
	if c.meanwhile != nil {
		c.meanwhile(x, 0)
		c.meanwhile(x, 1)
	}
	if c.config != nil {
		c.config(second)
	}
	result, stop := second.run()
	if c.fails != nil {
		c.ended(second, result)
		return
	}
	c.opened(second)
	stop()
	first.wentOn()
}

func (c lateCase) opened(x *opened) {
	x.Helper()
	moved := int32(none)
	eventually(x.T, "one of the partitions", func() bool {
		moved = int32(slices.IndexFunc([]int32{0, 1}, func(p int32) bool { return x.opensAt(p) != none }))
		return moved >= 0
	})
	record := keyed(x.topic, "probe")
	record.Partition = moved
	x.produce(x.T, x.client, record)
	eventually(x.T, "the message that came then", func() bool { return slices.Contains(x.has(moved), record.Offset) })
	eventually(x.T, "its commit", func() bool { return x.committedAt(moved) == record.Offset+1 })
	if got := x.opensAt(moved); got != c.opens {
		x.Errorf("%s: opened at %d, want %d", c.reason, got, c.opens)
	}
	if diff := gocmp.Diff(append(c.handled, record.Offset), x.has(moved)); diff != "" {
		x.Errorf("%s: handled, -want +got:\n%s", c.reason, diff)
	}
	counted := x.counted("lagrange_worker_offsets_skipped_total", "reason")
	if diff := gocmp.Diff(c.skipped, counted); diff != "" && len(c.skipped)+len(counted) > 0 {
		x.Errorf("%s: counted as passed over, -want +got:\n%s", c.reason, diff)
	}
	if joined := x.sum("lagrange_worker_rebalances_total"); joined != 1 {
		x.Errorf("%s: %v memberships, want the partition in the midst of the first", c.reason, joined)
	}
}

func (c lateCase) ended(x *opened, result <-chan error) {
	x.Helper()
	select {
	case err := <-result:
		var told *worker.OffsetOutOfRangeError
		if !errors.As(err, &told) {
			x.Fatalf("%s: Run: %v, want an OffsetOutOfRangeError", c.reason, err)
		}
		want := *c.fails
		want.Partition = told.Partition // either of them
		if diff := gocmp.Diff(want, *told); diff != "" {
			x.Errorf("%s: -want +got:\n%s", c.reason, diff)
		}
		if at := x.committedAt(told.Partition); at != 2 || len(x.has(told.Partition)) > 0 {
			x.Errorf("%s: committed %d, handled %v; want 2 as before, and nothing", c.reason, at, x.has(told.Partition))
		}
	case <-time.After(patience):
		x.Fatal("Run did not end")
	}
}

// runs begins a worker with a handler of its own.
func (x *opened) runs(handler worker.Handler) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := worker.Run(ctx, x.settings, handler); err != nil {
			x.Errorf("Run: %v", err)
		}
	})
	x.Cleanup(func() { cancel(); running.Wait() })
}

func (x *opened) failures() float64 { return x.sum("lagrange_worker_handler_errors_total") }

// wentOn checks that the member kept what it kept: one membership, and no
// commit that was refused for good.
func (x *opened) wentOn() {
	x.Helper()
	if joined := x.sum("lagrange_worker_rebalances_total"); joined != 1 {
		x.Errorf("the first member joined %v times, want one membership", joined)
	}
	if lost := x.counted("lagrange_worker_commits_total", "result")["lost"]; lost > 0 {
		x.Errorf("%v commits of the first member were refused for good", lost)
	}
}

// lateRefused has the first attempt to open a late partition fail: nothing may
// be opened then, and the group is joined again, which opens it.
func (s *stand) lateRefused(t *testing.T) {
	x := s.opened(t, "starts-late-refused")
	s.createTopic(t, x.topic, 1, nil)
	s.fill(t, x.topic, 0, 5)
	x.settings.Assignment = worker.CooperativeSticky
	var told logged
	x.settings.Logger = slog.New(slog.NewJSONHandler(&told, nil))
	var asked atomic.Int32
	x.settings.StartAt = func(_ context.Context, start worker.Start) (int64, error) {
		if start.Partition == 1 && asked.Add(1) == 1 {
			return 0, errors.New("no answer yet")
		}
		return start.Offset, nil
	}
	_, stop := x.run()
	eventually(t, "the first partition", func() bool { return len(x.has(0)) == 5 })
	_, err := s.admin.CreatePartitions(within(t), 1, x.topic)
	must(t, "add a partition", err)
	s.awaitTopic(t, x.topic, func(known kadm.TopicDetail) bool { return len(known.Partitions) == 2 })
	client := s.newClient(t)
	s.produce(t, client, messages(x.topic, 1, 5)...)
	s.produce(t, client, messages(x.topic, 0, 5)...)
	eventually(t, "all of both partitions", func() bool { return len(x.has(0)) >= 10 && len(x.has(1)) >= 5 })
	joined := x.sum("lagrange_worker_rebalances_total")
	stop()
	if diff := gocmp.Diff([][]int64{upTo(0, 10), upTo(0, 5)}, [][]int64{x.has(0), x.has(1)}); diff != "" {
		t.Errorf("handled, -want +got:\n%s", diff)
	}
	if joined != 2 {
		t.Errorf("%v memberships, want the one that could not open the partition and the one that did", joined)
	}
	if text := told.text(); !strings.Contains(text, "no answer yet") || strings.Contains(text, "without having been resolved") {
		t.Errorf("the log does not say why the membership ended, or the partition was opened all the same:\n%s", text)
	}
}

// logged keeps what is logged.
type logged struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.Write(line)
}

func (l *logged) text() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.String()
}

// sum is a counter over its labels.
func (x *opened) sum(name string) (total float64) {
	families, err := x.settings.Registry.Gather()
	must(x.T, "gather the metrics", err)
	for _, family := range families {
		if family.GetName() == name {
			for _, series := range family.GetMetric() {
				total += series.GetCounter().GetValue()
			}
		}
	}
	return total
}

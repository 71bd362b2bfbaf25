package kafkaadmin

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestMust(t *testing.T) {
	now := time.Now()
	quiet := memory{last: description{state: kafka.StateStable}, describedAt: now}
	cases := map[string]struct {
		reason string
		change func(*memory)
		state  kafka.GroupState
		want   bool
	}{
		"Quiet":       {"nothing changed", func(*memory) {}, kafka.StateStable, false},
		"Changed":     {"the list has another state", func(*memory) {}, kafka.StateEmpty, true},
		"Unlisted":    {"no list says the state", func(*memory) {}, kafka.StateUnknown, true},
		"New":         {"it was never described", func(m *memory) { m.describedAt = time.Time{} }, kafka.StateStable, true},
		"Asked":       {"somebody wants it", func(m *memory) { m.asked = true }, kafka.StateStable, true},
		"Failed":      {"the last attempt failed", func(m *memory) { m.last.err = kafka.ErrUnavailable }, kafka.StateStable, true},
		"Rebalancing": {"members come and go in the same state", func(m *memory) { m.last.state = kafka.StatePreparingRebalance }, kafka.StatePreparingRebalance, true},
	}
	for name, tc := range cases {
		m := quiet
		tc.change(&m)
		if got := m.must(tc.state); got != tc.want {
			t.Errorf("%s: %s: got %t", name, tc.reason, got)
		}
	}
}

func TestRemember(t *testing.T) {
	now := time.Now()
	m := memory{asked: true}
	m.remember(description{err: fmt.Errorf("broker: %w", errLate)}, now)
	if !m.asked || m.last.err != nil {
		t.Errorf("a broker that may yet answer says nothing of the group: %+v", m)
	}
	m.remember(description{state: kafka.StateStable}, now)
	if m.asked || !m.describedAt.Equal(now) || m.due.Before(now.Add(describeEvery/2)) || m.due.After(now.Add(describeEvery)) {
		t.Errorf("got %+v, want it due in half a minute to a minute", m)
	}
	m.remember(description{err: kafka.ErrUnauthorized}, now.Add(time.Second))
	if !m.describedAt.Equal(now) || m.last.err == nil {
		t.Errorf("got %+v, want the failure beside the time of the last success", m)
	}
}

// A request's room that is left by those that must be described is for those
// that are due.
func TestToDescribe(t *testing.T) {
	now := time.Now()
	c := &client{memories: map[string]*memory{}}
	l := listing{groups: map[string]listed{}}
	var ids []string
	for i := range 2 * maxGroupsPerRequest {
		id := groupName(i)
		ids = append(ids, id)
		l.groups[id] = listed{state: kafka.StateStable}
		m := c.remembered(id)
		m.remember(description{state: kafka.StateStable}, now)
		m.asked = i < 10
	}
	if got := c.toDescribe(0, ids, l, now); len(got) != 10 {
		t.Errorf("%d are described at once, want the 10 that must be", len(got))
	}
	if got := c.toDescribe(0, ids, l, now.Add(describeEvery)); len(got) != maxGroupsPerRequest {
		t.Errorf("%d are described a minute later, want as many as one request takes", len(got))
	}
}

func TestNote(t *testing.T) {
	c, want := &client{memories: map[string]*memory{}}, wanted{"a": nil}
	has := func(what string, coordinator int32, kind kafka.GroupType) {
		t.Helper()
		if m := c.remembered("a"); m.coordinator != coordinator || m.kind != kind {
			t.Errorf("%s: the coordinator is %d and the type %q", what, m.coordinator, m.kind)
		}
	}
	c.note(listing{groups: map[string]listed{"a": {coordinator: 1, kind: kafka.TypeShare}}}, want)
	has("listed", 1, kafka.TypeShare)
	c.note(listing{groups: map[string]listed{"a": {coordinator: 2}}}, want)
	has("listed without a type", 2, kafka.TypeShare)
	c.note(listing{whole: map[int32]bool{1: true}}, want)
	has("not listed by another", 2, kafka.TypeShare)
	c.note(listing{whole: map[int32]bool{2: true}}, want)
	has("not listed by its coordinator any more", 2, kafka.TypeUnknown)
}

func TestMetadataIsWeighed(t *testing.T) {
	c := &client{memories: map[string]*memory{}}
	all := []string{"a", "b"}
	if got := c.averageMetadata(all); got != unseenMetadata {
		t.Errorf("before anything was seen %d bytes are assumed, want %d", got, unseenMetadata)
	}
	c.weigh(map[string]commits{
		"a": {blocks: blocks{"t": {0: {Metadata: "12345"}, 1: {Metadata: "1234"}}}},
		"b": {err: kafka.ErrUnavailable},
	})
	if a, b := c.remembered("a").metadata, c.remembered("b").metadata; a != 5 || b != -1 {
		t.Errorf("got %d and %d, want 5, and nothing of a group that was not read", a, b)
	}
	if got := c.averageMetadata(all); got != 6 {
		t.Errorf("after one was seen %d bytes are assumed, want no more than that needs", got)
	}
	part, left := c.nextPart([]sarama.OffsetFetchRequestGroup{
		{GroupId: "a", Partitions: map[string][]int32{"t": numbers(0, 1)}},
		{GroupId: "b", Partitions: map[string][]int32{"t": numbers(0, maxAnswer/(perOffset+6))}},
	}, all)
	if len(part) != 1 || len(left) != 1 {
		t.Errorf("cut into %d and %d groups", len(part), len(left))
	}
}

// Whoever waits for a slow broker goes to the slow lane, and comes back when
// none of its brokers is slow.
func TestSort(t *testing.T) {
	cases := map[string]struct{ in, waits, stillSlow, want bool }{
		"FastStays":     {in: false, want: false},
		"FastPublished": {in: false, stillSlow: true, want: false},
		"FastWaits":     {in: false, waits: true, want: true},
		"SlowStays":     {in: true, stillSlow: true, want: true},
		"SlowReturns":   {in: true, want: false},
	}
	for name, tc := range cases {
		p, w := newPoller(Connection{}, Options{}), &watch{slow: tc.in}
		if p.sort(w, tc.waits, tc.stillSlow, false); w.slow != tc.want {
			t.Errorf("%s: slow is %t", name, w.slow)
		}
		if moved := len(p.wakeSlow) > 0; moved != (tc.in != tc.want) {
			t.Errorf("%s: the slow lane is woken: %t", name, moved)
		}
	}
}

// An answer beyond sarama's limit is asked for in smaller parts, whatever was
// expected of it.
func TestAnswersBeyondTheLimit(t *testing.T) {
	limit := sarama.MaxResponseSize
	t.Cleanup(func() { sarama.MaxResponseSize = limit })
	sarama.MaxResponseSize = 20_000
	c := newCrowd(t, shape{groups: 30, topics: 3, partitions: 4, metadata: 4000})
	client := c.client(t)
	for cycle := range 2 {
		if took := c.sample(t, client); took["OffsetFetch"] < 12 {
			t.Errorf("cycle %d took %v for 240 offsets of 4 KB in answers of 20 KB", cycle, took)
		}
	}
}

package worker

import (
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// stateTest is a run with a session of two claims and no broker.
type stateTest struct {
	*testing.T
	registry *prometheus.Registry
	run      *runner
	session  *session
	now      time.Time
	orders   *claim
	returns  *claim
}

// noFetching stops nothing.
type noFetching struct{}

func (noFetching) Pause(map[string][]int32)  {}
func (noFetching) Resume(map[string][]int32) {}

func newStateTest(t *testing.T) *stateTest {
	t.Helper()
	run := &runner{config: Config{MaxInFlight: 4, MaxInFlightBytes: 1 << 20}, slots: newSlots(time.Hour)}
	s := &session{runner: run, progress: newProgress(), fetching: noFetching{}}
	test := &stateTest{T: t, registry: prometheus.NewRegistry(), run: run, session: s, now: time.Now()}
	test.registry.MustRegister(stateOf{run})
	test.orders = newClaim(kafka.TopicPartition{Topic: "orders", Partition: 3}, position{next: 10, committed: 10}, 1)
	test.returns = newClaim(kafka.TopicPartition{Topic: "returns", Partition: 0}, position{next: 0, committed: 0}, 2)
	s.progress.put(test.orders)
	s.progress.put(test.returns)
	run.live.Store(s)
	return test
}

// take takes messages with a key of one byte and a value of nine.
func (s *stateTest) take(c *claim, offsets ...int64) []task {
	var records []*sarama.ConsumerMessage
	for _, offset := range offsets {
		records = append(records, &sarama.ConsumerMessage{
			Topic: c.Topic, Partition: c.Partition, Offset: offset, Key: []byte("k"), Value: []byte("012345678"),
		})
	}
	tasks, taken := c.take(records, nil)
	s.session.inFlight.add(taken)
	s.session.limit(c)
	return tasks
}

// observe lets time pass and has the claims looked at.
func (s *stateTest) observe(later time.Duration) {
	s.now = s.now.Add(later)
	for _, c := range s.session.progress.all() {
		c.observe(s.now)
	}
}

func (s *stateTest) want(what string, want sessionState) {
	s.Helper()
	got := s.session.state(s.now)
	if got.messages != want.messages || got.bytes != want.bytes || got.paused != want.paused ||
		got.commitAge != want.commitAge || !slices.Equal(got.heldUp, want.heldUp) {
		s.Errorf("%s: state %+v, want %+v", what, got, want)
	}
}

func TestStateOfASession(t *testing.T) {
	s := newStateTest(t)
	s.observe(0)
	s.want("nothing is taken", sessionState{})

	tasks := s.take(s.orders, 10, 12, 13)
	s.observe(time.Second)
	s.want("3 are above a share of 2", sessionState{messages: 3, bytes: 30, paused: 1})

	s.session.freed(&tasks[2])
	s.observe(10 * time.Second)
	s.want("10 s are not over 10 s, and one that is finished behind others is in flight",
		sessionState{messages: 3, bytes: 30, paused: 1})

	s.observe(time.Second)
	s.want("the lowest is named", sessionState{messages: 3, bytes: 30, paused: 1,
		heldUp: []heldUp{{claim: s.orders, offset: 10, since: 11 * time.Second}}})

	s.session.freed(&tasks[0])
	s.want("the next one is not held up by that", sessionState{messages: 2, bytes: 20, paused: 1})
	s.observe(time.Second)
	s.observe(5 * time.Second)
	s.want("finished, and not committed", sessionState{messages: 2, bytes: 20, paused: 1, commitAge: 5 * time.Second})

	s.orders.accept(12)
	s.observe(6 * time.Second)
	s.want("each has its own time", sessionState{messages: 2, bytes: 20, paused: 1,
		heldUp: []heldUp{{claim: s.orders, offset: 12, since: 11 * time.Second}}})

	s.session.freed(&tasks[1])
	s.orders.accept(14)
	s.observe(time.Minute)
	s.want("all is committed", sessionState{})

	s.take(s.orders, 14)
	s.observe(time.Second)
	s.observe(10 * time.Second)
	s.want("the time in which nothing was in flight does not count", sessionState{messages: 1, bytes: 10})
}

func TestCommitAgeIsThatOfTheOldest(t *testing.T) {
	s := newStateTest(t)
	orders, returns := s.take(s.orders, 10), s.take(s.returns, 0, 1)
	s.session.freed(&orders[0])
	s.observe(0)
	s.session.freed(&returns[0])
	s.observe(2 * time.Second)
	s.observe(3 * time.Second)
	s.want("5 s and 3 s", sessionState{messages: 1, bytes: 10, commitAge: 5 * time.Second})
	s.orders.accept(11)
	s.want("3 s", sessionState{messages: 1, bytes: 10, commitAge: 3 * time.Second})
	s.session.freed(&returns[1]) // more to commit makes it no younger
	s.observe(time.Second)
	s.want("4 s", sessionState{commitAge: 4 * time.Second})
	s.returns.accept(2)
	s.want("all", sessionState{})
}

// exported are the values of the gauges by name and labels.
func (s *stateTest) exported() map[string]float64 {
	s.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, series := range family.GetMetric() {
			name := family.GetName()
			for _, label := range series.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = series.GetGauge().GetValue()
		}
	}
	return values
}

func TestStateIsExported(t *testing.T) {
	s := newStateTest(t)
	tasks := s.take(s.orders, 10, 11, 12)
	finished := s.take(s.returns, 0)
	s.session.freed(&finished[0])
	s.now = time.Now().Add(-time.Minute)
	s.observe(0)
	slot := s.run.slots.open(t.Context())
	defer s.run.slots.close(slot)
	slot.begin(&tasks[0], sinceEpoch())

	got := s.exported()
	for name, want := range map[string]float64{
		"lagrange_worker_in_flight_messages":                 3,
		"lagrange_worker_in_flight_bytes":                    30,
		"lagrange_worker_running_handlers":                   1,
		"lagrange_worker_paused_partitions":                  1,
		"lagrange_worker_held_up_offset 3 orders":            10,
		"lagrange_worker_config_info " + s.run.config.Hash(): 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"lagrange_worker_held_up_seconds 3 orders", "lagrange_worker_commit_age_seconds"} {
		if got[name] < 60 {
			t.Errorf("%s is %v after a minute", name, got[name])
		}
	}
	if len(got) != 8 {
		t.Errorf("exported are %v, want 8 series", got)
	}

	slot.end()
	s.run.live.Store(nil)
	for name, value := range s.exported() {
		if value != 0 && name != "lagrange_worker_config_info "+s.run.config.Hash() {
			t.Errorf("%s is %v between two sessions", name, value)
		}
	}
}

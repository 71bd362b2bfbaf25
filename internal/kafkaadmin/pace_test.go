package kafkaadmin

import (
	"errors"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestPace(t *testing.T) {
	p := pace{interval: 5 * time.Second}
	about := func(want time.Duration) {
		t.Helper()
		if got := p.wait(0); got < want*9/10 || got > want*11/10 {
			t.Errorf("after %d still cycles the wait is %v, want %v, give or take a tenth", p.still, got, want)
		}
	}
	about(5 * time.Second)
	for range stillCycles - 1 {
		p.cycled(false)
	}
	about(5 * time.Second)
	if p.cycled(false); p.wait(time.Second) > 10*time.Second {
		t.Error("the cycle's own time is waited for again")
	}
	about(10 * time.Second)
	for range 1000 {
		p.cycled(false)
	}
	about(15 * time.Second)
	if p.cycled(true); p.restart() {
		t.Error("what moved last is not still")
	}
	about(5 * time.Second)
	for range stillCycles {
		p.cycled(false)
	}
	if !p.restart() {
		t.Error("the pace was slow before it was restarted")
	}
	about(5 * time.Second)
	p = pace{interval: time.Hour, still: 100}
	about(time.Hour)
}

func TestMovedBetween(t *testing.T) {
	sample := func(change func(*kafka.GroupSample)) *kafka.GroupSample {
		s := &kafka.GroupSample{At: time.Now(), State: kafka.StateEmpty, Topics: []kafka.TopicSample{
			{Name: "orders", Partitions: []kafka.PartitionSample{{Committed: 1, End: 2, HighWatermark: 2}}},
		}}
		change(s)
		return s
	}
	cases := map[string]struct {
		change func(*kafka.GroupSample)
		want   bool
	}{
		"Nothing":       {func(*kafka.GroupSample) {}, false},
		"Start":         {func(s *kafka.GroupSample) { s.Topics[0].Partitions[0].Start = 1 }, false},
		"Commit":        {func(s *kafka.GroupSample) { s.Topics[0].Partitions[0].Committed = 2 }, true},
		"End":           {func(s *kafka.GroupSample) { s.Topics[0].Partitions[0].End = 3 }, true},
		"HighWatermark": {func(s *kafka.GroupSample) { s.Topics[0].Partitions[0].HighWatermark = 3 }, true},
		"Empty":         {func(s *kafka.GroupSample) { s.Topics[0].Partitions[0].Empty = true }, true},
		"Error":         {func(s *kafka.GroupSample) { s.Topics[0].Partitions[0].Err = errors.New("gone") }, true},
		"Partitions":    {func(s *kafka.GroupSample) { s.Topics[0].Partitions = nil }, true},
		"Topic":         {func(s *kafka.GroupSample) { s.Topics[0].ID[0] = 1 }, true},
		"Topics":        {func(s *kafka.GroupSample) { s.Topics = nil }, true},
		"State":         {func(s *kafka.GroupSample) { s.State = kafka.StateStable }, true},
		"Members":       {func(s *kafka.GroupSample) { s.Members = []kafka.Member{{}} }, true},
	}
	before := sample(func(*kafka.GroupSample) {})
	for name, tc := range cases {
		if got := movedBetween(before, sample(tc.change)); got != tc.want {
			t.Errorf("%s: moved is %t", name, got)
		}
	}
	if !movedBetween(nil, before) {
		t.Error("a first sample is something new")
	}
}

package worker

import (
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

func claimWith(t *testing.T, offsets ...int64) (*claim, []flow.Ticket) {
	t.Helper()
	c := newClaim(kafka.TopicPartition{Topic: "orders"}, position{next: offsets[0], committed: offsets[0]}, 1)
	var records []*sarama.ConsumerMessage
	for _, offset := range offsets {
		records = append(records, &sarama.ConsumerMessage{Offset: offset, Value: make([]byte, 10)})
	}
	tasks, taken := c.take(records, nil)
	if len(tasks) != len(offsets) || taken.Bytes != int64(10*len(offsets)) {
		t.Fatalf("%d of %d messages taken, %d bytes", len(tasks), len(offsets), taken.Bytes)
	}
	tickets := make([]flow.Ticket, 0, len(offsets))
	for _, one := range tasks {
		tickets = append(tickets, one.ticket)
	}
	return c, tickets
}

func TestADrainingClaimBeginsNothingAndFinishesWhatRuns(t *testing.T) {
	c, tickets := claimWith(t, 3, 7, 8)
	if !c.begin(2) {
		t.Fatal("an open claim begins nothing")
	}
	idle := c.drain()
	if c.begin(1) {
		t.Error("a draining claim begins something")
	}
	select {
	case <-idle:
		t.Error("a claim with two messages in hand is idle")
	default:
	}
	for _, ticket := range tickets[:2] {
		if _, _, inTime := c.finish(ticket); !inTime {
			t.Error("what was in hand does not count")
		}
	}
	c.end(2)
	<-idle
	if at, pending := c.uncommitted(); !pending || at.next != 8 {
		t.Errorf("to commit: %+v, %v; want 8", at, pending)
	}
}

func TestAClosedClaimTakesNothingMore(t *testing.T) {
	c, tickets := claimWith(t, 3, 7)
	c.begin(1)
	if abandoned := c.close(func(running int) int { return running }); abandoned != 1 {
		t.Errorf("%d messages abandoned, want 1", abandoned)
	}
	if _, _, inTime := c.finish(tickets[0]); inTime {
		t.Error("a message counts whose claim is closed")
	}
	if at, pending := c.uncommitted(); pending {
		t.Errorf("to commit: %+v", at)
	}
	c.end(1) // it does come back
}

func TestWhatWasHandledBeforeIsKnown(t *testing.T) {
	c, tickets := claimWith(t, 3, 7, 8, 9)
	c.finish(tickets[0])
	c.finish(tickets[2])
	before := c.handled()
	var known []int64
	for offset := range int64(12) {
		if before.has(offset) {
			known = append(known, offset)
		}
	}
	if want := []int64{0, 1, 2, 3, 4, 5, 6, 8}; !slices.Equal(known, want) {
		t.Errorf("handled before: %v, want %v", known, want)
	}
	next := newClaim(c.TopicPartition, position{next: 0, committed: 0}, 1)
	next.before = before
	if after := next.handled(); !after.has(8) || after.has(9) {
		t.Error("what an earlier claim handled is forgotten with the next one")
	}
}

func TestSinceWhenAClaimIsAsItIs(t *testing.T) {
	c, tickets := claimWith(t, 3, 7)
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	c.observe(at(100))
	if got := c.state(at(130)); got.since != 30*time.Second || got.lowest != 3 || got.commitAge != 0 {
		t.Errorf("state: %+v, want offset 3 for 30 s and nothing to commit", got)
	}
	c.finish(tickets[0])
	if got := c.state(at(131)); got.since != 0 {
		t.Errorf("state: %+v, want no time: another one is the lowest, and not observed", got)
	}
	c.observe(at(140))
	if got := c.state(at(145)); got.since != 5*time.Second || got.lowest != 7 || got.commitAge != 5*time.Second {
		t.Errorf("state: %+v, want offset 7 for 5 s, and 5 s without a commit", got)
	}
	c.accept(7)
	c.finish(tickets[1])
	if got := c.state(at(150)); got.since != 0 || got.commitAge != 0 {
		t.Errorf("state: %+v, want nothing in flight and all committed", got)
	}
}

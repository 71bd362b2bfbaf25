package worker

import (
	"context"
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// A key with much to do leaves the only hand to others when its turn is over,
// and goes on where it was.
func TestAKeyWithMuchToDoLetsOthersHaveTheirTurn(t *testing.T) {
	s := newStateTest(t)
	var order []int64
	handled := make(chan struct{})
	s.run.caller = oneByOne{func(_ context.Context, msg Message) error {
		if msg.Offset == 10 {
			pause(t.Context(), turn) // what it takes for a turn to be over
		}
		if order = append(order, msg.Offset); len(order) == 4 {
			close(handled)
		}
		return nil
	}}
	s.run.metrics = newMetrics(s.run)
	s.orders.metrics = s.run.metrics.ofTopic("orders")
	s.session.membership, s.session.handling = t.Context(), t.Context()
	s.session.pool = newPool(poolOptions{hands: 1, most: runAtOnce}, s.session.work)
	s.session.pool.add(s.take(s.orders, 10, 11, 12, 13), []flow.Lane{1, 1, 1, 2})
	<-handled
	if !s.session.pool.close(t.Context().Done()) {
		t.Error("the hand is left behind")
	}
	if want := []int64{10, 13, 11, 12}; !slices.Equal(order, want) {
		t.Errorf("handled in the order %v, want %v", order, want)
	}
	if next := s.orders.next(); next != 14 {
		t.Errorf("finished up to %d, want 14", next)
	}
}

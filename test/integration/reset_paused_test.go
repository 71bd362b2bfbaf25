package integration

import (
	"fmt"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetWhilePaused: a replay that nobody works on has no end that could be told,
// and the reset says so instead of promising workers. It goes on when the pause ends.
func TestResetWhilePaused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	change(t, s.g, toZero)
	wantReplicas(t, s.g, 0)
	r := s.toThree("kor", automatic)
	create(t, r)
	now := wantPhase(t, r, v1alpha1.PhaseSucceeded)
	if err := mentions(now.Status.Message, "4 partitions were moved", "the group is paused, and has no workers until that ends"); err != nil {
		t.Error(err)
	}
	eventually(t, func() error {
		if now, err := resetNow(r); err != nil || now.Status.Replay == nil || now.Status.Replay.Summary != "0%, no workers" || now.Status.Replay.EstimatedEnd != nil {
			return fmt.Errorf("replay %+v, %w", now.Status.Replay, err)
		}
		return nil
	})
	if err := s.committedSomewhere(3, 3); err != nil {
		t.Error(err)
	}
	unpause(t, s.g)
	s.wantMoved(t, r)
	nudge(t, r)
	eventually(t, func() error {
		if now, err := resetNow(r); err != nil || now.Status.Replay == nil || now.Status.Replay.Summary != "100%" {
			return fmt.Errorf("replay %+v, %w", now.Status.Replay, err)
		}
		return nil
	})
}

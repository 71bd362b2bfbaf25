package integration

import (
	"errors"
	"strings"
	"testing"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// resetPoints are the moments of a reset at which something happens to it.
var resetPoints = []string{
	"before survey", "in Approved", "in Draining", "in Rechecking", "in Committing", "before commit", "after commit", "in Verifying", "in Resuming",
}

// nameAt is a name for a reset to which it happens there.
func nameAt(point string) string { return strings.ToLower(strings.ReplaceAll(point, " ", "-")) }

// TestResetFaultAPIServerAway: the API server is away at each phase, with all
// connections; afterwards the reset goes on.
func TestResetFaultAPIServerAway(t *testing.T) {
	t.Parallel()
	for _, point := range resetPoints {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			stop := s.moments.stopAt(point)
			r := s.toThree("kor", automatic)
			create(t, r)
			stop.do(t, func() { s.wire.set(true) })
			tries := s.wire.tries.Load()
			eventually(t, func() error {
				if s.wire.tries.Load() < tries+3 {
					return errors.New("nobody has tried to reach the API server")
				}
				return nil
			})
			s.wire.set(false)
			s.wantMoved(t, r)
		})
	}
}

// TestResetFaultCoordinatorMoves: the group gets another coordinator at each phase.
func TestResetFaultCoordinatorMoves(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, point := range resetPoints {
		stop := s.moments.stopAt(point)
		r := s.toThree(nameAt(point), automatic)
		create(t, r)
		stop.do(t, func() {
			for before := s.b.CoordinatorFor("moved"); s.b.CoordinatorFor("moved") == before; {
				s.b.RehashCoordinators()
			}
		})
		s.wantMoved(t, r)
	}
}

// TestResetFaultCancelled: cancel stops a reset before the commit, and changes nothing after it.
func TestResetFaultCancelled(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	cancel := func(r *v1alpha1.KafkaOffsetReset) { r.Spec.Cancel = true }
	for _, point := range resetPoints {
		stop := s.moments.stopAt(point)
		r := s.toThree(nameAt(point), automatic)
		create(t, r)
		stop.do(t, func() { edit(t, r, cancel) })
		switch point {
		case "before survey", "in Approved", "in Draining", "in Rechecking", "in Committing": // nothing is begun
			s.wantOld(t, r, v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before")
		default:
			s.wantMoved(t, r)
		}
	}
	for _, name := range []string{"at-once", "while-planned"} {
		r := s.toThree(name)
		if name == "at-once" {
			cancel(r)
		}
		create(t, r)
		if name != "at-once" {
			wantPhase(t, r, v1alpha1.PhasePlanned)
			edit(t, r, cancel)
		}
		s.wantOld(t, r, v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before")
	}
}

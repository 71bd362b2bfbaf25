package sim

import (
	"math"
	"testing"
	"time"
)

// A coarser grid changes the bound by little: 4 workers come and go over the hour.
func TestCoarseGridIsNearTheFine(t *testing.T) {
	c := Config{Mu: 100, Target: 4 * time.Minute}.withDefaults()
	arrivals := make([]float64, 6*3600)
	for i := range arrivals {
		arrivals[i] = 250 - 200*math.Cos(2*math.Pi*float64(i)/3600)
	}
	work := workOf(c, arrivals)
	fine := newPlan(c, work, 15)
	for _, step := range []int{30, 45, 60} {
		coarse := newPlan(c, work, step)
		if part := coarse.cost() / fine.cost(); math.Abs(part-1) > 0.02 {
			t.Errorf("steps of %d s make %.3f of the bound of steps of 15 s", step, part)
		}
		if coarse.states() > fine.states()*15/float64(step) {
			t.Errorf("steps of %d s take %v states, those of 15 s %v", step, coarse.states(), fine.states())
		}
	}
}

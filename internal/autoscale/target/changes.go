package target

import (
	"math"
	"time"
)

// changes are when the number of workers went up and down last, by whomever.
type changes struct {
	asked    int32
	up, down time.Time
	// flaps counts ups that came soon after a down; it halves in about 40 minutes.
	flaps   float64
	flapsAt time.Time
}

// flapWithin is how soon an up after a down is a flap.
const flapWithin = 5 * time.Minute

func (h changes) take(o Observation, now time.Time) changes {
	switch {
	case h.asked == 0:
	case o.Replicas > h.asked:
		if !h.down.IsZero() && now.Sub(h.down) < flapWithin {
			h.flaps, h.flapsAt = h.flapping(now)+1, now
		}
		h.up = now
	case o.Replicas < h.asked:
		h.down = now
	}
	h.asked = o.Replicas
	return h
}

func (h changes) flapping(now time.Time) float64 {
	return h.flaps * math.Exp(-now.Sub(h.flapsAt).Hours())
}

// dwell is how long the workers' number stays before it falls, twice as long after a flap.
const dwell = 30.0

// mayFall: the last change is long enough ago.
func (h changes) mayFall(now time.Time) bool {
	wait := seconds(dwell * math.Pow(2, min(h.flapping(now), 1)))
	return (h.up.IsZero() || now.Sub(h.up) >= wait) && (h.down.IsZero() || now.Sub(h.down) >= wait)
}

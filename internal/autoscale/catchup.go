package autoscale

import (
	"math"
	"time"
)

// CatchUp is a backlog that is given a time of its own, so that a group doesn't
// go up to its maximum for it; the zero value is none.
type CatchUp struct {
	// Until is when the backlog is to be worked off. From then on it is lag as any other.
	Until time.Time
	// Replicas is how many workers the group had before: it begins with as many,
	// and has no fewer while there is backlog.
	Replicas int32
}

// catchingUp tells whether there is a backlog, and still time for it.
func catchingUp(c Config, o Observation, now time.Time) bool {
	return o.Backlog > 0 && now.Before(c.CatchUp.Until)
}

// demanded is the count that the lag asks for, bounds apart: the lag target's.
// With a backlog the lag target counts the rest of the lag alone, and the backlog
// wants what works it off in time. A worker's rate that is not measured holds the
// count, since without it any other would be a guess.
func demanded(c Config, o Observation, now time.Time) int32 {
	if !catchingUp(c, o, now) {
		return needed(c, o.Lag)
	}
	least := max(needed(c, o.Lag-o.Backlog), c.CatchUp.Replicas)
	if o.PerReplica <= 0 {
		return max(least, o.Replicas)
	}
	return max(least, forBacklog(c, o, now))
}

// forBacklog is the count that works the backlog off in the time that is left
// for it, and meanwhile what is produced.
//
// Example: 3,600,000 messages in an hour are 1,000 a second. With 500 a second
// produced, and workers of 250 a second each: 1,500 / 250 are six.
func forBacklog(c Config, o Observation, now time.Time) int32 {
	left := max(c.CatchUp.Until.Sub(now), time.Second)
	perSecond := float64(o.Backlog)/left.Seconds() + o.Produced
	return int32(min(math.Ceil(perSecond/o.PerReplica), math.MaxInt32))
}

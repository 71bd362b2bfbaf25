package controllers

import "time"

// undoneAgainAfter is how long a workload is left alone from which somebody takes
// our settings again and again: each time its pods roll.
const undoneAgainAfter = 10 * time.Minute

// refusedAgainAfter is how long an apply is not tried again that the API server
// refused for what the workload is, while nothing writes it: only what is beside it,
// as a right or a webhook, can then have changed.
const refusedAgainAfter = 10 * time.Minute

// workloadMemory is what is kept of a workload between reconciles.
type workloadMemory struct {
	// live is the workload as it was last read, nil when it must be read.
	live *liveWorkload
	// version is the workload's resourceVersion in the cache.
	version string
	applied appliedFields
	refused refusedFields
}

// appliedFields is what we last applied.
type appliedFields struct {
	// fields are what we then owned.
	fields string
	at     time.Time
	// times is how often they were applied, each time after somebody had taken
	// them away, without undoneAgainAfter of peace in between.
	times int
}

// refusedFields is an apply that the API server refused.
type refusedFields struct {
	fields     string
	generation int64
	// version is the resourceVersion that the cache then had.
	version string
	at      time.Time
	// again is after what time it is tried again, the workload being as it was.
	again time.Duration
	why   string
}

// stillRefused: nothing that the refused apply was made of has changed, and it is too
// early to ask again. Who owns a field is in the resourceVersion alone, as is news
// of the pods: a workload that is written all the time is tried every 30 s.
func (m workloadMemory) stillRefused(fields string, now time.Time) bool {
	r, since := m.refused, now.Sub(m.refused.at)
	if r.why == "" || r.fields != fields || r.generation != m.live.generation {
		return false
	}
	return since < resync || since < r.again && r.version == m.version
}

// noteApplied counts an apply on.
func (a *appliedFields) noteApplied(fields string, now time.Time) {
	if a.fields != fields {
		a.times = 0
	}
	a.fields, a.at, a.times = fields, now, a.times+1
}

// noteInForce forgets how often the settings were taken away, once they have stayed.
func (a *appliedFields) noteInForce(now time.Time) {
	if now.Sub(a.at) >= undoneAgainAfter {
		a.times = 0
	}
}

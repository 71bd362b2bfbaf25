package controllers

import "time"

// undoneAgainAfter is how long a workload is left alone from which somebody takes
// our settings again and again: each time its pods roll.
const undoneAgainAfter = 10 * time.Minute

// workloadMemory is what is kept of a workload between reconciles.
type workloadMemory struct {
	// live is the workload as it was last read, nil when it must be read.
	live    *liveWorkload
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
	at         time.Time
	why        string
}

// still: nothing that the refused apply was made of has changed, and it is too
// early to ask again.
func (r refusedFields) still(fields string, live *liveWorkload, now time.Time) bool {
	return r.why != "" && r.fields == fields && r.generation == live.generation && now.Sub(r.at) < resync
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

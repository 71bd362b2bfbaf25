// Package report says how a demo went: the numbers over time, whether they are
// as they should be, and a picture of them.
package report

import "time"

// Sample is the demo at one moment.
type Sample struct {
	// At counts from the start of the replay.
	At time.Duration
	// Arrivals is how many messages a second have come since the sample before.
	Arrivals float64
	// Lag is how many messages the group has not committed.
	Lag int64
	// Desired is how many workers Lagrange asks for, Replicas how many exist,
	// and Ready how many of those are ready.
	Desired, Replicas, Ready int32
}

// Series is a demo over time, oldest first.
type Series []Sample

// PeakLag is the most lag of all samples.
func (s Series) PeakLag() int64 {
	var peak int64
	for _, sample := range s {
		peak = max(peak, sample.Lag)
	}
	return peak
}

// Extremes are the fewest and the most workers that were asked for or existed.
func (s Series) Extremes() (fewest, most int32) {
	for i, sample := range s {
		low, high := min(sample.Desired, sample.Replicas), max(sample.Desired, sample.Replicas)
		if i == 0 {
			fewest, most = low, high
		}
		fewest, most = min(fewest, low), max(most, high)
	}
	return fewest, most
}

// Changes is how often another number of workers was asked for.
func (s Series) Changes() int {
	changes := 0
	for i := 1; i < len(s); i++ {
		if s[i].Desired != s[i-1].Desired {
			changes++
		}
	}
	return changes
}

// ReplicaMinutes is the time that workers existed, summed over the workers. A
// sample's workers hold until the next sample: 4 for 30 s and then 2 for 60 s
// are 4 replica-minutes.
func (s Series) ReplicaMinutes() float64 {
	minutes := 0.0
	for i := 1; i < len(s); i++ {
		minutes += float64(s[i-1].Replicas) * (s[i].At - s[i-1].At).Minutes()
	}
	return minutes
}

// Length is the time from the first sample to the last.
func (s Series) Length() time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].At - s[0].At
}

package lag

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Age is the lag in time: how long ago the first record that the group has not
// consumed was appended to the log.
type Age struct {
	// Duration is 0 for a group that is caught up, and never negative.
	Duration time.Duration
	// AtLeast is set when the record is older than everything remembered: then
	// Duration is how far memory goes back, and the true age is more.
	AtLeast bool
	// Known is false when nothing tells the age; then Duration is 0 and means nothing.
	Known bool
}

// ageOf is monotone: while the commit stays where it is the age grows with the
// clock, and a record appended later is never the older one. A producer's clock
// that runs ahead of ours makes an age of 0, not a negative one.
//
// Example: the sample is of 12:00:30, the record at the committed offset was
// appended at 12:00:00: 30 s.
func ageOf(p *kafka.PartitionSample, messages int64, at time.Time) Age {
	if messages == 0 {
		return Age{Known: true}
	}
	if p.Appended.At.IsZero() {
		return Age{}
	}
	return Age{Duration: max(0, at.Sub(p.Appended.At)), AtLeast: p.Appended.OrEarlier, Known: true}
}

// Behind is the age of the oldest record that the group has not consumed, over
// all partitions. It is unknown while any partition's is: that one may be the
// oldest. For the same reason one AtLeast makes the whole AtLeast.
func (g Group) Behind() Age {
	oldest := Age{Known: len(g.Topics) > 0 && g.unlisted() == 0}
	g.partitions(func(p *Partition) {
		oldest.Duration = max(oldest.Duration, p.Behind.Duration)
		oldest.AtLeast = oldest.AtLeast || p.Behind.AtLeast
		oldest.Known = oldest.Known && p.Behind.Known
	})
	if !oldest.Known {
		return Age{}
	}
	return oldest
}

package worker

// ReplaySummary is what a Replay did.
type ReplaySummary struct {
	// Partitions are those that were asked for, sorted by number.
	Partitions []ReplayedPartition
}

// Handled is how many messages were handled in all partitions together.
func (s ReplaySummary) Handled() int64 {
	var sum int64
	for _, partition := range s.Partitions {
		sum += partition.Handled
	}
	return sum
}

// ReplayedPartition is what a Replay did with one partition.
type ReplayedPartition struct {
	Partition int32
	// From and To are the offsets that the bounds came to: the first one that was
	// read, and the one before which reading ended; -1 without an end.
	From, To int64
	// Next is where reading stands: every message between From and it was
	// handled. It is To once the partition is done, whether or not a message
	// was right before it.
	Next int64
	// Handled is how many messages that were. Offsets have gaps, so it may be
	// less than Next - From.
	Handled int64
}

func summaryOf(readers []*replayReader) ReplaySummary {
	var summary ReplaySummary
	for _, one := range readers {
		summary.Partitions = append(summary.Partitions, one.replayed())
	}
	return summary
}

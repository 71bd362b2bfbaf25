package worker

import "fmt"

// OffsetOutOfRangeError ends Run, with RangeFail: the committed offset of a
// partition is not in its log. Where to go on is for a person to decide.
type OffsetOutOfRangeError struct {
	Topic     string
	Partition int32
	// Committed is the group's committed offset. LogStart and LogEnd are what
	// the log holds; LogEnd is the offset of the next message to be produced.
	Committed, LogStart, LogEnd int64
}

// Error names the partition, what it holds, and what may have happened.
func (e *OffsetOutOfRangeError) Error() string {
	why := "messages were deleted before they were handled"
	if e.Committed > e.LogEnd {
		why = "the topic was created again, or its log has lost its end"
	}
	return fmt.Sprintf("committed offset %d of topic %q partition %d is out of range, its log holds %d up to %d: %s;"+
		" reset the offsets of the group", e.Committed, e.Topic, e.Partition, e.LogStart, e.LogEnd, why)
}

package worker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// OffsetAboveEndError stops Run: the group's committed offset lies beyond the
// partition's log end, as after the topic was deleted and created again, or
// after an unclean leader election. Where to go on is for a person to decide.
type OffsetAboveEndError struct {
	Topic     string
	Partition int32
	// Committed is the group's committed offset, End the log end offset.
	Committed, End int64
}

// Error names the partition and both offsets.
func (e *OffsetAboveEndError) Error() string {
	return fmt.Sprintf("committed offset %d of topic %q partition %d is above its log end %d:"+
		" was the topic created again? reset the offsets of the group", e.Committed, e.Topic, e.Partition, e.End)
}

// commit is what the group has committed for one partition.
type commit struct {
	// offset is kafka.NoOffset without a commit.
	offset int64
	// firstCount is how many partitions the topic had when the group first
	// started on it, 0 where the commit does not say.
	firstCount int32
}

func (c commit) exists() bool { return c.offset >= 0 }

// A commit carries firstCount in its metadata, because "has no commit" alone
// cannot tell two partitions apart under Latest: one that was added to a topic
// which the group was already reading (start at its log start, or what was
// produced before it was noticed is skipped), and one which another member is
// about to open for the first time (start at the log end, as asked for). With
// 12 partitions at the first start, 0 to 11 are of the latter kind.
const firstCountKey = "lagrange/partitions="

func (c commit) metadata() string {
	if c.firstCount == 0 {
		return ""
	}
	return firstCountKey + strconv.Itoa(int(c.firstCount))
}

// parseFirstCount is 0 for the metadata of other programs, which are not
// carried on: they described an offset that is left behind.
func parseFirstCount(metadata string) int32 {
	text, ours := strings.CutPrefix(metadata, firstCountKey)
	if !ours {
		return 0
	}
	count, err := strconv.ParseInt(text, 10, 32)
	if err != nil || count < 0 {
		return 0
	}
	return int32(count)
}

// topicHistory is what the commits of all partitions of a topic say together.
type topicHistory struct {
	started    bool
	firstCount int32
}

func newTopicHistory(commits []commit) topicHistory {
	var history topicHistory
	for _, c := range commits {
		history.started = history.started || c.exists()
		history.firstCount = max(history.firstCount, c.firstCount)
	}
	return history
}

// addedLater tells whether a partition without a commit came to the topic
// after the group had started on it. Unless it is known not to be, it is.
func (h topicHistory) addedLater(partition int32) bool {
	return h.started && partition >= h.firstCount
}

// logRange is what a partition's log holds: from start up to, without, end.
type logRange struct {
	start, end int64
	// readable is where a reader who has read all stands now: end, or with
	// ReadCommitted the last stable offset. With a transaction open since 90 in
	// a log that ends at 100 it is 90: its ten messages may yet be committed.
	readable int64
}

// decision is where a claim opens and why, for the log.
type decision struct {
	offset int64
	reason string
}

// decideStart resolves where the claim of a partition opens. It never goes
// forward over a message that still exists, except by Latest.
func decideStart(tp kafka.TopicPartition, committed commit, history topicHistory, log logRange, initial InitialOffset) (decision, error) {
	switch {
	case committed.offset > log.end:
		return decision{}, &OffsetAboveEndError{tp.Topic, tp.Partition, committed.offset, log.end}
	case committed.exists() && committed.offset < log.start:
		return decision{log.start, "the committed offset is below the log start: the messages between were deleted"}, nil
	case committed.exists():
		return decision{committed.offset, "committed"}, nil
	case history.addedLater(tp.Partition):
		return decision{log.start, "no commit, but other partitions of the topic have one: it was added later"}, nil
	case initial == Latest:
		return decision{log.readable, "no commit, initial offset is latest"}, nil
	default:
		return decision{log.start, "no commit, initial offset is earliest"}, nil
	}
}

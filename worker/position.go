package worker

import "github.com/lagrange-operator/lagrange/internal/kafka"

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
const firstCountKey = kafka.FirstCountKey

func (c commit) metadata() string { return kafka.FirstCountMetadata(c.firstCount) }

// parseFirstCount is 0 for the metadata of other programs, which are not
// carried on: they described an offset that is left behind.
func parseFirstCount(metadata string) int32 { return kafka.ParseFirstCount(metadata) }

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
	// young is the first message that is not too old. readable where all that
	// can be read are too old, and kafka.NoOffset where no age was asked for.
	young int64
}

func (l logRange) has(offset int64) bool { return l.start <= offset && offset <= l.end }

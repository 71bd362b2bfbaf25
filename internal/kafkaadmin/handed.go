package kafkaadmin

import (
	"maps"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// reader is one of those that a topic is sampled for.
type reader struct {
	group     string
	isolation kafka.Isolation
}

// handed is what a reader was handed last. It is immutable, so that a cycle in
// which nothing moved hands it out again: of 3,000 groups with 96,000 offsets
// that are at rest, 12 MB less a cycle.
type handed struct {
	partitions []kafka.PartitionSample
	at         time.Time
}

// hand returns the partitions for the reader: what it was handed last if they
// are the same, else a copy.
func (l *topicLog) hand(to reader, partitions []kafka.PartitionSample, cycle time.Time) []kafka.PartitionSample {
	last := l.handed[to].partitions
	if !slices.EqualFunc(last, partitions, same) {
		last = slices.Clone(partitions)
	}
	l.handed[to] = handed{partitions: last, at: cycle}
	return last
}

// same never is of a partition with an error: errors can't always be compared.
func same(a, b kafka.PartitionSample) bool { return a.Err == nil && b.Err == nil && a == b }

// forgetReaders drops those that are not sampled any more.
func (l *topicLog) forgetReaders(now time.Time) {
	maps.DeleteFunc(l.handed, func(_ reader, h handed) bool { return now.Sub(h.at) > forgetAfter })
}

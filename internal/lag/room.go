package lag

import (
	"sync"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// room is where a Group's slices lie, all topics' partitions in one. Taking a
// sample in needs its lag for a moment only: then the room is used again, as
// 96,000 partitions would otherwise be 16 MB of garbage a poll cycle.
type room struct {
	topics []Topic
	all    []Partition
	used   int
}

var rooms = sync.Pool{New: func() any { return &room{} }}

// take makes the room fit the topics, and returns the place for them.
func (r *room) take(topics []kafka.TopicSample) []Topic {
	total := 0
	for i := range topics {
		total += len(topics[i].Partitions)
	}
	r.topics, r.all, r.used = fit(r.topics, len(topics)), fit(r.all, total), 0
	return r.topics
}

// partitions is the place for the next n of them.
func (r *room) partitions(n int) []Partition {
	from := r.used
	r.used += n
	return r.all[from:r.used:r.used]
}

// fit is a slice of n zero values, the given one if it is large enough.
func fit[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

package resetplan

import (
	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Moved is how many partitions the writes give another offset than they have in
// the snapshot, and by how many offsets in all: of those that have one in both.
//
//	snapshot  0: 100  1: 50  2: none
//	writes    0:  40  1: 50  2: 7       2 partitions, by -60
func Moved(snapshot, writes []v1alpha1.SavedOffset) (partitions int32, distance int64) {
	before := make(map[kafka.TopicPartition]*int64, len(snapshot))
	for _, s := range snapshot {
		before[kafka.TopicPartition{Topic: s.Topic, Partition: s.Partition}] = s.Offset
	}
	for _, w := range writes {
		from, to := before[kafka.TopicPartition{Topic: w.Topic, Partition: w.Partition}], w.Offset
		switch {
		case from == nil && to == nil:
		case from == nil || to == nil:
			partitions++
		case *from != *to:
			partitions++
			distance = plus(distance, *to-*from)
		}
	}
	return partitions, distance
}

package resetplan

import (
	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Seeds are the commits for the partitions that have none: where a worker on
// the Go runtime would open them now, with the metadata that it would write.
//
//	the topic has no commit                             log end with latest, else log start
//	it has, and the partition was there from the first  as above
//	it has, and the partition was added later           log start: nothing of it was ever skipped
//
// With commits "lagrange/partitions=12" on a topic of 14 partitions, 12 and 13
// were added. Where the commits say nothing of it, all without one were.
func Seeds(survey kafka.Survey, initial kafka.InitialOffset) []v1alpha1.SavedOffset {
	var seeds []v1alpha1.SavedOffset
	for _, t := range survey.Topics {
		started, first := startedOn(t)
		for number, p := range t.Partitions {
			if p.Committed.Offset != kafka.NoOffset {
				continue
			}
			at := p.Start
			if initial == kafka.InitialLatest && (!started || int32(number) < first) {
				at = p.End
			}
			seeds = append(seeds, v1alpha1.SavedOffset{
				Topic: t.Name, Partition: int32(number), Offset: new(at), Metadata: kafka.FirstCountMetadata(first),
			})
		}
	}
	return seeds
}

// startedOn tells whether the group has commits of the topic, and how many
// partitions that had at first: all of them when it has none, 0 when it isn't known.
func startedOn(t kafka.SurveyedTopic) (started bool, first int32) {
	for _, p := range t.Partitions {
		if p.Committed.Offset != kafka.NoOffset {
			started, first = true, max(first, kafka.ParseFirstCount(p.Committed.Metadata))
		}
	}
	if !started {
		first = int32(len(t.Partitions))
	}
	return started, first
}

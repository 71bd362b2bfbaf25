package resetplan

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// notes say what became of partitions that did not just get their commit again.
func (k *keeping) notes(kept Kept) []string {
	var notes []string
	if k.foreign {
		notes = append(notes, fmt.Sprintf("the offsets that were kept are of another Kafka cluster, %q: they are not used", kept.ClusterID))
	}
	add := func(partitions []kafka.TopicPartition, text string) {
		if len(partitions) > 0 {
			notes = append(notes, firstFew(places(partitions, kafka.TopicPartition.String))+": "+text)
		}
	}
	add(k.anew, "not committed again, since the topic was created anew, and an offset of the old one means nothing in it")
	add(k.deleted, fmt.Sprintf("not committed again, since somebody deleted the commit: it was gone before the brokers' retention, %s, was over", kept.Retention))
	add(k.below, "committed again although the log begins after it by now: consumer.onOutOfRange says where workers go on")
	add(k.aboveEnd, "committed again although the log ends before it by now: consumer.onOutOfRange says where workers go on")
	return notes
}

const (
	// warnShare and warnMost are how long before the end of the retention the
	// warning begins: the last quarter, and a day at most. With the default of 7
	// days that is after 6.
	warnShare = 4
	warnMost  = 24 * time.Hour
)

// WarnFrom is when a person should hear that commits are about to expire, zero
// where it is not known when they do.
func WarnFrom(expires time.Time, retention time.Duration) time.Time {
	if expires.IsZero() {
		return expires
	}
	return expires.Add(-min(retention/warnShare, warnMost))
}

// Apart holds a sample against what is kept: moved, a commit came or is another
// one, and how many are gone. What the sample could not read says nothing.
func Apart(offsets map[kafka.TopicPartition]int64, sample kafka.GroupSample) (moved bool, gone int) {
	for _, t := range sample.Topics {
		if t.Err != nil {
			continue
		}
		for _, p := range t.Partitions {
			was, kept := offsets[kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}]
			switch {
			case p.Err != nil:
			case p.Committed == kafka.NoOffset && kept:
				gone++
			case p.Committed != kafka.NoOffset && (!kept || was != p.Committed):
				moved = true
			}
		}
	}
	return moved, gone
}

// ByPartition are saved offsets by their partitions, without those of no commit.
func ByPartition(offsets []v1alpha1.SavedOffset) map[kafka.TopicPartition]int64 {
	by := make(map[kafka.TopicPartition]int64, len(offsets))
	for _, o := range offsets {
		if o.Offset != nil {
			by[savedAt(o)] = *o.Offset
		}
	}
	return by
}

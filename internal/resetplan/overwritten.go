package resetplan

import (
	"fmt"
	"slices"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// mostOverwritten is how many partitions Overwritten names.
	mostOverwritten = 10
	// longestMetadata is how much of someone's metadata is shown: Kafka allows 4,096 bytes of anything.
	longestMetadata = 32
)

// Overwritten is what of the writes does not read back, one short text a
// partition, sorted, capped at ten; nil when all do.
func Overwritten(writes []v1alpha1.SavedOffset, s kafka.Survey) []string {
	d := newDraft(v1alpha1.KafkaOffsetResetSpec{}, s.ClusterID, s)
	sorted := slices.SortedFunc(slices.Values(writes), func(a, b v1alpha1.SavedOffset) int {
		return savedAt(a).Compare(savedAt(b))
	})
	var texts []string
	for _, w := range sorted {
		if differs := d.differs(w); differs != "" && len(texts) < mostOverwritten {
			texts = append(texts, savedAt(w).String()+": "+differs)
		}
	}
	return texts
}

func savedAt(s v1alpha1.SavedOffset) kafka.TopicPartition {
	return kafka.TopicPartition{Topic: s.Topic, Partition: s.Partition}
}

// differs is what is there instead of what was written, empty where it is what was written.
func (d *draft) differs(w v1alpha1.SavedOffset) string {
	if lack := d.lackOf(w); lack != nothing {
		return lack.words()
	}
	return instead(d.topics[w.Topic].Partitions[w.Partition].Committed, w)
}

func instead(is kafka.Commit, w v1alpha1.SavedOffset) string {
	switch {
	case w.Offset == nil && is.Offset < 0:
		return ""
	case w.Offset == nil:
		return fmt.Sprintf("%d instead of no commit", is.Offset)
	case is.Offset < 0:
		return fmt.Sprintf("no commit instead of %d", *w.Offset)
	case is.Offset != *w.Offset:
		return fmt.Sprintf("%d instead of %d", is.Offset, *w.Offset)
	case is.Metadata != MetadataOf(w):
		return fmt.Sprintf("metadata %s instead of %s", short(is.Metadata), short(MetadataOf(w)))
	}
	return ""
}

// short is metadata for people: it may be anything, and long.
func short(metadata string) string {
	if len(metadata) > longestMetadata {
		return fmt.Sprintf("%.*q...", longestMetadata, metadata)
	}
	return fmt.Sprintf("%q", metadata)
}

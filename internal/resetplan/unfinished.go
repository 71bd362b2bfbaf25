package resetplan

import (
	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Unfinished are the partitions that may be a mixture of before and after, since a
// reset went in the middle of these writes: all that the survey has where they are
// not known. One that is gone, that the group does not consume any more, or whose
// topic was created anew since, matters to nobody: Kafka deletes the commits of a
// topic with it. What came to the new topic all the same is an offset of another log,
// and counts.
func Unfinished(writes []v1alpha1.SavedOffset, s kafka.Survey) []kafka.TopicPartition {
	d := newDraft(v1alpha1.KafkaOffsetResetSpec{}, s.ClusterID, s)
	being := make(map[kafka.TopicPartition]bool, len(writes))
	for _, w := range writes {
		being[savedAt(w)] = d.lackOf(w) != sameTopic || d.strayed(w)
	}
	var unfinished []kafka.TopicPartition
	for _, t := range s.Topics {
		for i := range t.Partitions {
			at := kafka.TopicPartition{Topic: t.Name, Partition: int32(i)}
			if len(writes) == 0 || being[at] {
				unfinished = append(unfinished, at)
			}
		}
	}
	return unfinished
}

// strayed: the write is what is committed on a topic that was created anew.
func (d *draft) strayed(w v1alpha1.SavedOffset) bool {
	w.TopicID = ""
	return w.Offset != nil && d.differs(w) == ""
}

// Written are the partitions that the rows of a plan change.
func Written(rows []v1alpha1.ResetRow) []kafka.TopicPartition {
	var written []kafka.TopicPartition
	for _, row := range rows {
		if row.Action != v1alpha1.ResetSkip {
			written = append(written, partitionOf(row))
		}
	}
	return written
}

// Missed names the partitions that are not among those written, in their order.
func Missed(partitions, written []kafka.TopicPartition) []string {
	is := make(map[kafka.TopicPartition]bool, len(written))
	for _, p := range written {
		is[p] = true
	}
	var missed []string
	for _, p := range partitions {
		if !is[p] {
			missed = append(missed, p.String())
		}
	}
	return missed
}

// Unmixed is a snapshot that was taken on what another reset left unfinished: with
// what was committed before that one, where its own snapshot has it and the topic
// is still the same.
func Unmixed(snapshot, before []v1alpha1.SavedOffset) []v1alpha1.SavedOffset {
	was := make(map[kafka.TopicPartition]v1alpha1.SavedOffset, len(before))
	for _, b := range before {
		was[savedAt(b)] = b
	}
	unmixed := make([]v1alpha1.SavedOffset, len(snapshot))
	for i, now := range snapshot {
		unmixed[i] = now
		if b, found := was[savedAt(now)]; found && b.TopicID == now.TopicID {
			unmixed[i] = b
		}
	}
	return unmixed
}

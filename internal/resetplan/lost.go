package resetplan

import (
	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Lost divides the writes into those whose partitions are not there any more, since
// the topic was deleted, created anew or is none of the group's, and the others. An
// offset means nothing in another log.
func Lost(writes []v1alpha1.SavedOffset, s kafka.Survey) (lost, kept []v1alpha1.SavedOffset) {
	d := newDraft(v1alpha1.KafkaOffsetResetSpec{}, s.ClusterID, s)
	for _, w := range writes {
		if d.lackOf(w) != nothing {
			lost = append(lost, w)
		} else {
			kept = append(kept, w)
		}
	}
	return lost, kept
}

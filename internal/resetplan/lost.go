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
		if d.lacks(w) != "" {
			lost = append(lost, w)
		} else {
			kept = append(kept, w)
		}
	}
	return lost, kept
}

// lacks is why there is nothing to hold the write against, empty where there is.
func (d *draft) lacks(w v1alpha1.SavedOffset) string {
	topic, found := d.topics[w.Topic]
	id := idOf(topic.ID)
	switch {
	case !found || int(w.Partition) >= len(topic.Partitions):
		return "does not exist any more"
	case w.TopicID != "" && id != "" && id != w.TopicID:
		return "its topic was created anew"
	}
	return ""
}

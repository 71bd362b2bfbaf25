package resetplan

import (
	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// selection is the partitions that the spec wants moved. Unlike Kafka's own
// tool with --all-topics it has those without a commit.
func (d *draft) selection(rollback []v1alpha1.SavedOffset) []wanted {
	switch {
	case d.spec.Target.RollbackOf != "":
		return d.ofSnapshot(rollback)
	case d.spec.Target.Offsets != nil:
		return ofOffsets(d.spec.Target.Offsets)
	case d.spec.Scope != nil:
		return d.ofScope(*d.spec.Scope)
	default:
		return d.ofAll()
	}
}

func (d *draft) ofSnapshot(rollback []v1alpha1.SavedOffset) []wanted {
	named := namedBy(d.spec.Scope)
	var selected []wanted
	for i := range rollback {
		if s := &rollback[i]; named.take(savedAt(*s)) {
			selected = append(selected, wanted{TopicPartition: savedAt(*s), topicID: s.TopicID, saved: s})
		}
	}
	d.unrecorded = named.left()
	return selected
}

func ofOffsets(offsets []v1alpha1.PartitionOffset) []wanted {
	selected := make([]wanted, 0, len(offsets))
	for _, o := range offsets {
		at := kafka.TopicPartition{Topic: string(o.Topic), Partition: o.Partition}
		selected = append(selected, wanted{TopicPartition: at, offset: o.Offset})
	}
	return selected
}

func (d *draft) ofScope(scope v1alpha1.ResetScope) []wanted {
	var selected []wanted
	for _, t := range scope.Topics {
		name := string(t.Name)
		_, found := d.topics[name]
		switch {
		case !found: // take finds out what is wrong with it
			selected = append(selected, wanted{TopicPartition: kafka.TopicPartition{Topic: name}})
		case len(t.Partitions) == 0:
			selected = append(selected, d.ofTopic(name)...)
		}
		for _, p := range t.Partitions {
			selected = append(selected, wanted{TopicPartition: kafka.TopicPartition{Topic: name, Partition: p}})
		}
	}
	return selected
}

func (d *draft) ofAll() []wanted {
	var selected []wanted
	for _, t := range d.survey.Topics {
		selected = append(selected, d.ofTopic(t.Name)...)
	}
	return selected
}

func (d *draft) ofTopic(name string) []wanted {
	selected := make([]wanted, len(d.topics[name].Partitions))
	for i := range selected {
		selected[i].TopicPartition = kafka.TopicPartition{Topic: name, Partition: int32(i)}
	}
	return selected
}

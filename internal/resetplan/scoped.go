package resetplan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// named is what the scope of a rollback names, and whether the snapshot has it. It
// is nil without a scope, which names everything. A topic that is named as a whole
// has partition -1.
type named map[kafka.TopicPartition]bool

const wholeTopic = -1

func namedBy(scope *v1alpha1.ResetScope) named {
	if scope == nil {
		return nil
	}
	n := named{}
	for _, t := range scope.Topics {
		if len(t.Partitions) == 0 {
			n[kafka.TopicPartition{Topic: string(t.Name), Partition: wholeTopic}] = false
		}
		for _, p := range t.Partitions {
			n[kafka.TopicPartition{Topic: string(t.Name), Partition: p}] = false
		}
	}
	return n
}

// take tells whether the partition, which the snapshot has, is named.
func (n named) take(at kafka.TopicPartition) bool {
	if n == nil {
		return true
	}
	whole := kafka.TopicPartition{Topic: at.Topic, Partition: wholeTopic}
	for _, name := range []kafka.TopicPartition{at, whole} {
		if _, is := n[name]; is {
			n[name] = true
			return true
		}
	}
	return false
}

// left is what is named, and was not taken, sorted.
func (n named) left() []string {
	var left []string
	for at, taken := range n {
		switch {
		case taken:
		case at.Partition == wholeTopic:
			left = append(left, at.Topic)
		default:
			left = append(left, at.String())
		}
	}
	slices.Sort(left)
	return left
}

func rollbackUnrecorded(d *draft) *Problem {
	if len(d.unrecorded) == 0 {
		return nil
	}
	return &Problem{v1alpha1.ReasonTargetRefused,
		fmt.Sprintf("the scope names what KafkaOffsetReset %q has not written: %s", d.spec.Target.RollbackOf, firstFew(d.unrecorded))}
}

// rollbackOthers says how to roll back what is left of a snapshot of which a part is gone.
func rollbackOthers(d *draft) *Problem {
	if d.spec.Target.RollbackOf == "" || len(d.foreign)+len(d.recreated)+len(d.missing) == 0 || len(d.moves) == 0 {
		return nil
	}
	return about(d.othersByTopic(), v1alpha1.ReasonTopicChanged,
		"to roll back all that is left, apply another KafkaOffsetReset with the same target and scope: {topics: [%s]}")
}

// othersByTopic are the partitions that can be rolled back as a scope names them:
// by topic, and by number where the topic has not all of them any more.
func (d *draft) othersByTopic() []string {
	var topics []string
	for i, m := range d.moves {
		if i > 0 && d.moves[i-1].Topic == m.Topic {
			continue
		}
		text := "{name: " + m.Topic
		if slices.ContainsFunc(d.missing, func(p kafka.TopicPartition) bool { return p.Topic == m.Topic }) {
			text += ", partitions: [" + strings.Join(d.numbersOf(m.Topic), ", ") + "]"
		}
		topics = append(topics, text+"}")
	}
	return topics
}

func (d *draft) numbersOf(topic string) []string {
	return places(d.that(func(m move) bool { return m.Topic == topic }), func(m move) string { return strconv.Itoa(int(m.Partition)) })
}

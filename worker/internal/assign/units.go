package assign

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// nobody is the member of what has none.
const nobody = -1

// unit is what goes to one member as a whole.
type unit struct {
	kind       int
	partitions []kafka.TopicPartition
	// owner has it before the plan, or nobody, for age generations.
	owner, age int
}

// kind is units that the same members may have: a topic, or a family of topics.
type kind struct {
	topics []string
	// eligible are the members that may have its units, in order.
	eligible []int
}

// topicKinds are the subscribed topics, each a kind of its own.
func topicKinds(members []Member, topics map[string][]int32) []kind {
	var kinds []kind
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		if subscribers := subscribers(members, topic); len(subscribers) > 0 {
			kinds = append(kinds, kind{topics: []string{topic}, eligible: subscribers})
		}
	}
	return kinds
}

// families are the topics that have the same number of partitions and the same
// subscribers. A number means nothing across other counts: a key is in partition
// hash modulo count. And while a topic is being added to the subscription of
// member after member, those without it must keep their share of the others.
func families(members []Member, topics map[string][]int32) []kind {
	var families []kind
	for _, topic := range topicKinds(members, topics) {
		same := slices.IndexFunc(families, func(family kind) bool {
			return len(topics[family.topics[0]]) == len(topics[topic.topics[0]]) &&
				slices.Equal(family.eligible, topic.eligible)
		})
		if same < 0 {
			families = append(families, topic)
			continue
		}
		families[same].topics = append(families[same].topics, topic.topics[0])
	}
	return families
}

func subscribers(members []Member, topic string) []int {
	var list []int
	for index, member := range members {
		if slices.Contains(member.Topics, topic) {
			list = append(list, index)
		}
	}
	return list
}

// units divides each kind by partition number.
func units(kinds []kind, topics map[string][]int32, before ownership) []unit {
	var list []unit
	for index, kind := range kinds {
		byNumber := make(map[int32][]kafka.TopicPartition)
		for _, topic := range kind.topics {
			for _, number := range distinct(topics[topic]) {
				byNumber[number] = append(byNumber[number], kafka.TopicPartition{Topic: topic, Partition: number})
			}
		}
		for _, number := range slices.Sorted(maps.Keys(byNumber)) {
			list = append(list, before.unit(index, byNumber[number]))
		}
	}
	return list
}

func distinct(numbers []int32) []int32 {
	return slices.Compact(slices.Sorted(slices.Values(numbers)))
}

// unit belongs to the member that has most of its partitions; of two that have
// as many, to the one that has had them longest, then to the first in order.
func (o ownership) unit(kind int, partitions []kafka.TopicPartition) unit {
	shares := make(map[int][]int32) // the generations since which a member has its parts
	for _, partition := range partitions {
		if held, taken := o.of[partition]; taken {
			shares[held.member] = append(shares[held.member], held.since)
		}
	}
	result := unit{kind: kind, partitions: partitions, owner: nobody}
	if len(shares) == 0 {
		return result
	}
	result.owner = slices.MinFunc(slices.Sorted(maps.Keys(shares)), func(a, b int) int {
		return cmp.Or(cmp.Compare(len(shares[b]), len(shares[a])),
			cmp.Compare(slices.Min(shares[a]), slices.Min(shares[b])))
	})
	result.age = o.age(slices.Min(shares[result.owner]))
	return result
}

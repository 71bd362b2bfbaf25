package assign

import (
	"cmp"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Member is what the leader knows of one.
type Member struct {
	ID     string
	Topics []string
	Claims Claims
}

// owned is by which claim a partition belongs to a member.
type owned struct {
	member     int
	generation int32
	since      int32
}

// ownership is who has each partition before the plan, and the group's last
// generation. Members are named by their place in order of id.
type ownership struct {
	of   map[kafka.TopicPartition]owned
	last int32
}

// owners lets the claim of the higher generation hold. Two of one generation
// are against the protocol; the first member in order keeps the partition.
func owners(members []Member) ownership {
	result := ownership{of: make(map[kafka.TopicPartition]owned)}
	for index, member := range members {
		result.last = max(result.last, member.Claims.Generation)
		for partition, since := range member.Claims.Since {
			if !slices.Contains(member.Topics, partition.Topic) {
				continue
			}
			held, taken := result.of[partition]
			if !taken || member.Claims.Generation > held.generation {
				result.of[partition] = owned{member: index, generation: member.Claims.Generation, since: since}
			}
		}
	}
	return result
}

// settled is after how many generations a partition counts as the owner's own.
// A restart is two generations, one without the member and one with it again;
// four see two restarts through that overlap. Beyond that, what was gained late
// is as good as what was gained early, and a member that has to give something
// up does so evenly over the topics.
const settled = 4

// age is for how many generations the owner has had a partition, up to settled.
func (o ownership) age(since int32) int {
	return int(min(int64(o.last)-int64(since), settled))
}

func inOrder(members []Member) []Member {
	return slices.SortedFunc(slices.Values(members), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
}

package assign

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

type planner struct {
	plan func([]Member, map[string][]int32) Plan
	// consistent planners give a number of a family to one member.
	consistent bool
}

var (
	stable           = planner{plan: Stable}
	stableConsistent = planner{plan: StableConsistent, consistent: true}
)

// group is a consumer group whose members carry their claims from one
// rebalance to the next, as they do on the wire.
type group struct {
	planner
	members    []Member
	topics     map[string][]int32
	generation int32
	joined     int
}

func (g *group) join(topics ...string) (id string) {
	g.joined++
	// Ids don't sort in order of joining.
	id = fmt.Sprintf("member-%03d", (g.joined*37)%1000)
	g.members = append(g.members, Member{ID: id, Topics: topics})
	return id
}

func (g *group) leave(id string) {
	g.members = slices.DeleteFunc(g.members, func(m Member) bool { return m.ID == id })
}

func (g *group) rebalance(t *testing.T) Plan {
	t.Helper()
	plan := g.plan(g.members, g.topics)
	g.generation++
	for i, member := range g.members {
		sent, err := member.Claims.Next(plan[member.ID], g.generation).Encode()
		if err != nil {
			t.Fatal(err)
		}
		g.members[i].Claims = Decode(sent)
	}
	return plan
}

// holders turns a plan round.
func holders(plan Plan) map[kafka.TopicPartition][]string {
	result := make(map[kafka.TopicPartition][]string)
	for id, topics := range plan {
		for topic, partitions := range topics {
			for _, number := range partitions {
				tp := kafka.TopicPartition{Topic: topic, Partition: number}
				result[tp] = append(result[tp], id)
			}
		}
	}
	return result
}

// moved are the partitions that had an owner which is still a member, and now
// have another.
func moved(before, after Plan, members []Member) []string {
	var list []string
	was := holders(before)
	for tp, ids := range holders(after) {
		old := was[tp]
		stays := len(old) > 0 && slices.ContainsFunc(members, func(m Member) bool { return m.ID == old[0] })
		if stays && old[0] != ids[0] {
			list = append(list, fmt.Sprintf("%s from %s to %s", tp, old[0], ids[0]))
		}
	}
	slices.Sort(list)
	return list
}

func numbers(count int) []int32 {
	list := make([]int32, count)
	for i := range list {
		list[i] = int32(i)
	}
	return list
}

// random is a world to start a schedule from.
func random(r *rand.Rand, planner planner) *group {
	g := &group{planner: planner, topics: make(map[string][]int32)}
	for index := range 1 + r.IntN(4) {
		g.topics[fmt.Sprintf("topic-%d", index)] = numbers(r.IntN(13))
	}
	return g
}

// change is what happens between two rebalances. Members subscribe to what
// choose says.
func (g *group) change(r *rand.Rand, choose func() []string) (what string) {
	switch topic := g.allTopics()[r.IntN(len(g.topics))]; r.IntN(6) {
	case 0, 1:
		return g.join(choose()...) + " joins"
	case 2:
		if len(g.members) > 1 {
			id := g.members[r.IntN(len(g.members))].ID
			g.leave(id)
			return id + " leaves"
		}
	case 3:
		g.topics[topic] = numbers(len(g.topics[topic]) + 1 + r.IntN(3))
		return topic + " grows"
	case 4:
		g.topics[topic] = numbers(r.IntN(5))
		return topic + " is created again"
	case 5:
		if len(g.members) > 0 {
			g.members[r.IntN(len(g.members))].Claims = Claims{}
			return "a member forgets"
		}
	}
	return "nothing"
}

func (g *group) allTopics() []string { return slices.Sorted(maps.Keys(g.topics)) }

func (g *group) someTopics(r *rand.Rand) []string {
	return slices.DeleteFunc(g.allTopics(), func(string) bool { return r.IntN(3) == 0 })
}

func (g *group) clone() *group {
	clone := *g
	clone.members = slices.Clone(g.members)
	return &clone
}

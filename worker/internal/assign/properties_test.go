package assign

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const worlds, rebalances = 100, 12

var planners = map[string]planner{"Stable": stable, "StableConsistent": stableConsistent}

// schedules runs random schedules of joins, leaves and growth; each world has
// its own seed, which the failure names. check is given the group as it asked
// for the plan.
func schedules(t *testing.T, equal bool, check func(t *testing.T, g *group, r *rand.Rand, plan Plan)) {
	for name, planner := range planners {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(worlds) {
				r := rand.New(rand.NewPCG(seed, 5))
				g := random(r, planner)
				choose := func() []string { return g.someTopics(r) }
				if equal {
					choose = g.allTopics
				}
				g.join(choose()...)
				g.rebalance(t)
				for step := range rebalances {
					what := g.change(r, choose)
					asked := g.clone()
					check(t, asked, r, g.rebalance(t))
					if t.Failed() {
						t.Fatalf("seed %d, step %d: %s; topics %v", seed, step, what, g.topics)
					}
				}
			}
		})
	}
}

func TestEveryPartitionHasExactlyOneMemberThatSubscribes(t *testing.T) {
	schedules(t, false, func(t *testing.T, g *group, _ *rand.Rand, plan Plan) {
		if problem := incomplete(g, plan); problem != "" {
			t.Error(problem)
		}
	})
}

func incomplete(g *group, plan Plan) string {
	given := holders(plan)
	for topic, partitions := range g.topics {
		for _, number := range partitions {
			tp := kafka.TopicPartition{Topic: topic, Partition: number}
			subscribed := slices.ContainsFunc(g.members, func(m Member) bool { return slices.Contains(m.Topics, topic) })
			ids := given[tp]
			delete(given, tp)
			if !subscribed && len(ids) == 0 {
				continue
			}
			if len(ids) != 1 {
				return fmt.Sprintf("%s has %q", tp, ids)
			}
			if owner := memberOf(g, ids[0]); !slices.Contains(owner.Topics, topic) {
				return fmt.Sprintf("%s went to %q, which doesn't subscribe", tp, ids[0])
			}
		}
	}
	if len(given) > 0 {
		return fmt.Sprintf("no such partitions: %v", given)
	}
	return ""
}

func memberOf(g *group, id string) Member {
	return g.members[slices.IndexFunc(g.members, func(m Member) bool { return m.ID == id })]
}

func TestEqualSubscriptionsAreBalancedWithinOne(t *testing.T) {
	schedules(t, true, func(t *testing.T, g *group, _ *rand.Rand, plan Plan) {
		loads := loadsOf(g, plan)
		if len(loads) > 0 && slices.Max(loads)-slices.Min(loads) > 1 {
			t.Errorf("loads %v", loads)
		}
	})
}

// loadsOf counts what the planner balances: partitions, or numbers of families.
func loadsOf(g *group, plan Plan) []int {
	var loads []int
	for _, member := range g.members {
		loads = append(loads, len(loadOf(g, plan[member.ID])))
	}
	return loads
}

func loadOf(g *group, topics map[string][]int32) map[string]bool {
	what := make(map[string]bool)
	for topic, partitions := range topics {
		for _, number := range partitions {
			what[unitName(g, topic, number)] = true
		}
	}
	return what
}

// unitName names what goes to one member as a whole. It says it in its own way:
// by what the topics' sizes and subscribers are.
func unitName(g *group, topic string, number int32) string {
	if g.consistent {
		var subscribers []string
		for _, member := range g.members {
			if slices.Contains(member.Topics, topic) {
				subscribers = append(subscribers, member.ID)
			}
		}
		return fmt.Sprint(len(g.topics[topic]), subscribers, number)
	}
	return fmt.Sprint(topic, number)
}

// With equal subscriptions the fewest moves are what members have beyond their
// allowance: a share each, and one more for as many as there is a remainder,
// those that have the most. Of 10, 4 and 0 partitions 5, 5 and 4 are allowed: 5
// moves.
func TestEqualSubscriptionsMoveTheFewest(t *testing.T) {
	schedules(t, true, func(t *testing.T, g *group, _ *rand.Rand, plan Plan) {
		if g.consistent {
			return // its moves are counted by unit, below
		}
		var had []int
		for _, member := range g.members {
			had = append(had, stillClaimed(g, member))
		}
		total := 0
		for _, partitions := range g.topics {
			total += len(partitions)
		}
		if moves, want := movedFromClaims(g, plan), fewest(had, total); len(moves) != want {
			t.Errorf("%d moves, %d are enough: %v", len(moves), want, moves)
		}
	})
}

func fewest(had []int, total int) int {
	slices.Sort(had)
	slices.Reverse(had)
	moves := 0
	for i, count := range had {
		allowed := total / len(had)
		if i < total%len(had) {
			allowed++
		}
		moves += max(0, count-allowed)
	}
	return moves
}

// stillClaimed is how many partitions of those that exist a member has.
func stillClaimed(g *group, member Member) int {
	count := 0
	for tp := range member.Claims.Since {
		if slices.Contains(g.topics[tp.Topic], tp.Partition) {
			count++
		}
	}
	return count
}

// movedFromClaims are the partitions of the members' claims that went elsewhere.
func movedFromClaims(g *group, after Plan) []string {
	now := holders(after)
	var list []string
	for _, member := range g.members {
		for tp := range member.Claims.Since {
			if ids, exists := now[tp]; exists && ids[0] != member.ID {
				list = append(list, fmt.Sprintf("%s from %s to %s", tp, member.ID, ids[0]))
			}
		}
	}
	slices.Sort(list)
	return list
}

// The same for partition numbers, where topics keep their families: all topics
// are of one size.
func TestEqualSubscriptionsMoveTheFewestNumbers(t *testing.T) {
	for seed := range uint64(worlds) {
		r := rand.New(rand.NewPCG(seed, 7))
		g := &group{planner: stableConsistent, topics: map[string][]int32{}}
		count := 1 + r.IntN(20)
		for index := range 1 + r.IntN(3) {
			g.topics[fmt.Sprintf("topic-%d", index)] = numbers(count)
		}
		g.join(g.allTopics()...)
		g.rebalance(t)
		for step := range rebalances {
			if r.IntN(2) == 0 || len(g.members) == 1 {
				g.join(g.allTopics()...)
			} else {
				g.leave(g.members[r.IntN(len(g.members))].ID)
			}
			var had []int
			for _, member := range g.members {
				had = append(had, len(member.Claims.Since)/len(g.topics))
			}
			moves := movedFromClaims(g.clone(), g.rebalance(t))
			if want := fewest(had, count) * len(g.topics); len(moves) != want {
				t.Fatalf("seed %d, step %d: %d moves, %d are enough: %v", seed, step, len(moves), want, moves)
			}
		}
	}
}

func TestNothingMovesWithoutReason(t *testing.T) {
	schedules(t, false, func(t *testing.T, g *group, _ *rand.Rand, plan Plan) {
		g.rebalance(t)
		if diff := cmp.Diff(plan, g.rebalance(t)); diff != "" {
			t.Errorf("the same members and topics, -before +after:\n%s", diff)
		}
	})
}

func TestTheOrderOfTheInputDoesNotMatter(t *testing.T) {
	schedules(t, false, func(t *testing.T, g *group, r *rand.Rand, plan Plan) {
		members := slices.Clone(g.members)
		r.Shuffle(len(members), func(a, b int) { members[a], members[b] = members[b], members[a] })
		topics := maps.Clone(g.topics)
		for topic, partitions := range topics {
			shuffled := slices.Clone(partitions)
			r.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
			topics[topic] = shuffled
		}
		for i := range members {
			members[i].Topics = slices.Clone(members[i].Topics)
			slices.Reverse(members[i].Topics)
		}
		if diff := cmp.Diff(plan, g.plan(members, topics)); diff != "" {
			t.Errorf("-in order +shuffled:\n%s", diff)
		}
	})
}

// A member leaves and comes back under another id, at once or after another
// rebalance: all others have what they had.
func TestARestartMovesNobodyElsesPartitions(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		schedules(t, true, func(t *testing.T, g *group, r *rand.Rand, before Plan) {
			g.rebalance(t)
			g.leave(g.members[r.IntN(len(g.members))].ID)
			others := slices.Clone(g.members)
			if !crashed && len(others) > 0 {
				g.rebalance(t)
			}
			g.join(g.allTopics()...)
			if moves := moved(before, g.rebalance(t), others); len(moves) > 0 {
				t.Errorf("crashed %t: moved %v", crashed, moves)
			}
		})
	}
}

// A second member is gone before the first is back.
func TestOverlappingRestartsMoveNobodyElsesPartitions(t *testing.T) {
	schedules(t, true, func(t *testing.T, g *group, r *rand.Rand, before Plan) {
		g.rebalance(t)
		for range min(2, len(g.members)-1) {
			g.leave(g.members[r.IntN(len(g.members))].ID)
			g.rebalance(t)
		}
		others := slices.Clone(g.members)
		var after Plan
		for range 2 {
			g.join(g.allTopics()...)
			after = g.rebalance(t)
		}
		if moves := moved(before, after, others); len(moves) > 0 && len(before) > 2 {
			t.Errorf("moved %v", moves)
		}
	})
}

func TestCoPartitionedTopicsGoTogether(t *testing.T) {
	schedules(t, false, func(t *testing.T, g *group, _ *rand.Rand, plan Plan) {
		if !g.consistent {
			return
		}
		of := make(map[string]string)
		for tp, ids := range holders(plan) {
			name := unitName(g, tp.Topic, tp.Partition)
			if other, known := of[name]; known && other != ids[0] {
				t.Errorf("number %d of topics of %d partitions: %q and %q",
					tp.Partition, len(g.topics[tp.Topic]), other, ids[0])
			}
			of[name] = ids[0]
		}
	})
}

// With unequal subscriptions the loads are the best that there are: all ways to
// assign a few partitions are tried. The moves are hardly more than the fewest:
// chains are taken by length, not by what they move.
func TestUnequalSubscriptionsAreBalancedAsFarAsTheyAllow(t *testing.T) {
	excess, needed := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 11))
		g := &group{planner: stable, topics: map[string][]int32{}}
		for index := range 1 + r.IntN(4) {
			g.topics[fmt.Sprintf("topic-%d", index)] = numbers(1 + r.IntN(2))
		}
		for range 2 + r.IntN(2) {
			g.join(g.someTopics(r)...)
		}
		g.rebalance(t)
		if r.IntN(2) == 0 {
			g.leave(g.members[0].ID)
		}
		g.join(g.someTopics(r)...)
		asked, after := g.clone(), g.rebalance(t)
		best, moves := bestLoads(asked)
		got := loadsOf(asked, after)
		slices.Sort(got)
		if !slices.Equal(got, best) {
			t.Fatalf("seed %d: loads %v, %v are possible; members %v, topics %v", seed, got, best, asked.members, g.topics)
		}
		excess += len(movedFromClaims(asked, after)) - moves
		needed += moves
	}
	if excess*50 > needed {
		t.Errorf("%d moves more than the %d needed, over 2 %%", excess, needed)
	}
}

// bestLoads tries every assignment: the smallest sum of squares, and with it the
// fewest moves.
func bestLoads(g *group) (loads []int, moves int) {
	var partitions []kafka.TopicPartition
	for tp := range holders(g.plan(g.members, g.topics)) {
		partitions = append(partitions, tp)
	}
	slices.SortFunc(partitions, kafka.TopicPartition.Compare)
	now, best := make([]int, len(g.members)), -1
	var try func(at, moved int)
	try = func(at, moved int) {
		if at < len(partitions) {
			tp := partitions[at]
			for i, member := range g.members {
				if slices.Contains(member.Topics, tp.Topic) {
					now[i]++
					try(at+1, moved+costs(g, i, tp))
					now[i]--
				}
			}
			return
		}
		squares := 0
		for _, load := range now {
			squares += load * load
		}
		if best < 0 || squares < best || squares == best && moved < moves {
			best, moves, loads = squares, moved, slices.Sorted(slices.Values(now))
		}
	}
	try(0, 0)
	return loads, moves
}

// costs is 1 if another member has claimed the partition.
func costs(g *group, to int, tp kafka.TopicPartition) int {
	for i, member := range g.members {
		if _, claimed := member.Claims.Since[tp]; claimed && i != to {
			return 1
		}
	}
	return 0
}

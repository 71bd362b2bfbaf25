// Package layout knows how a consumer group's assignor divides partitions
// among members: how many members can be used, and how much the busiest one
// gets. It is pure arithmetic on partition counts.
//
// Sources: org.apache.kafka.clients.consumer.RangeAssignor and
// RoundRobinAssignor, and sarama's balance strategies of the same names; both
// agree. Sticky balances to the same counts as round-robin.
package layout

import "slices"

// Assignor names a way to divide partitions, as api/v1alpha1's Assignment does.
type Assignor string

// The assignors.
const (
	Range      Assignor = "range"
	RoundRobin Assignor = "roundRobin"
	Sticky     Assignor = "sticky"
)

// Group is what decides a layout: the assignor and the number of partitions of
// each subscribed topic. All members subscribe to all topics.
type Group struct {
	Assignor   Assignor
	Partitions []int32
}

// Total is the number of partitions over all topics.
func (g Group) Total() int32 {
	var total int32
	for _, p := range g.Partitions {
		total += p
	}
	return total
}

// UsefulMembers is how many members the assignor gives at least one partition.
// Range deals each topic on its own and always to the same first members, so
// two topics of 12 use 12 members; the others deal all partitions together
// and use 24.
func (g Group) UsefulMembers() int32 {
	if g.Assignor != Range {
		return g.Total()
	}
	if len(g.Partitions) == 0 {
		return 0
	}
	return slices.Max(g.Partitions)
}

// Busiest is how many partitions the busiest of members members gets. With
// range the first member takes the larger share of every topic: two topics of
// 12 over 5 members give it 3 + 3 = 6.
func (g Group) Busiest(members int32) int32 {
	if members < 1 {
		return g.Total()
	}
	if g.Assignor != Range {
		return ceilDiv(g.Total(), members)
	}
	var busiest int32
	for _, p := range g.Partitions {
		busiest += ceilDiv(p, members)
	}
	return busiest
}

// Counts are the numbers of members worth having, ascending: those that leave
// the busiest member fewer partitions than any smaller number does. One topic
// of 12 gives 1, 2, 3, 4, 6, 12: five members would leave the busiest three
// partitions, as four do.
func (g Group) Counts() []int32 {
	var counts []int32
	best := g.Total() + 1
	for n := int32(1); n <= g.UsefulMembers(); n++ {
		if b := g.Busiest(n); b < best {
			counts, best = append(counts, n), b
		}
	}
	return counts
}

func ceilDiv(a, b int32) int32 { return (a + b - 1) / b }

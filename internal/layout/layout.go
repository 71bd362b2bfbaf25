// Package layout knows how a consumer group's assignor divides partitions
// among members: how many members can be used, and how much the busiest one
// gets. It is pure arithmetic on partition counts.
//
// Sources: org.apache.kafka.clients.consumer.RangeAssignor and
// RoundRobinAssignor, and sarama's balance strategies of the same names; both
// agree. Sticky, cooperative sticky and stable balance to the same counts as
// round-robin. Stable and consistent is Lagrange's own (worker/internal/assign).
package layout

import (
	"cmp"
	"slices"
)

// Assignor names a way to divide partitions, as api/v1alpha1's Assignment does.
type Assignor string

// The assignors.
const (
	Range             Assignor = "range"
	RoundRobin        Assignor = "roundRobin"
	Sticky            Assignor = "sticky"
	Stable            Assignor = "stable"
	StableConsistent  Assignor = "stableConsistent"
	CooperativeSticky Assignor = "cooperativeSticky"
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
// and use 24. Stable and consistent deals a partition number of all topics that
// have equally many partitions as one: two topics of 12 use 12 members, and one
// of 12 beside one of 4 use 16.
func (g Group) UsefulMembers() int32 {
	switch {
	case len(g.Partitions) == 0:
		return 0
	case g.Assignor == Range:
		return slices.Max(g.Partitions)
	case g.Assignor == StableConsistent:
		return int32(len(g.units()))
	}
	return g.Total()
}

// Busiest is how many partitions the busiest of members members gets. With
// range the first member takes the larger share of every topic: two topics of
// 12 over 5 members give it 3 + 3 = 6. With stable and consistent it is the most
// that it may get: two topics of 12 and one of 4 are 16 numbers, two for each of
// 8 members, of which one may have two of the double ones, which makes 4.
func (g Group) Busiest(members int32) int32 {
	if members < 1 {
		return g.Total()
	}
	return g.busiest()(members)
}

// busiest is Busiest with what needs no member worked out once.
func (g Group) busiest() func(members int32) int32 {
	switch g.Assignor {
	case Range:
		return g.busiestOfRange
	case StableConsistent:
		units := g.units()
		heaviest := sums(units)
		return func(members int32) int32 { return heaviest[ceilDiv(int32(len(units)), members)] }
	}
	total := g.Total()
	return func(members int32) int32 { return ceilDiv(total, members) }
}

func (g Group) busiestOfRange(members int32) int32 {
	var busiest int32
	for _, p := range g.Partitions {
		busiest += ceilDiv(p, members)
	}
	return busiest
}

// units are what stable and consistent deals: for each partition number of the
// topics that have equally many, how many topics that are. The most first.
func (g Group) units() []int32 {
	topics := make(map[int32]int32) // by number of partitions
	for _, p := range g.Partitions {
		topics[p]++
	}
	var units []int32
	for partitions, weight := range topics {
		units = append(units, slices.Repeat([]int32{weight}, int(partitions))...)
	}
	slices.SortFunc(units, func(a, b int32) int { return cmp.Compare(b, a) })
	return units
}

// sums are of the first 0, 1, 2 and so on.
func sums(numbers []int32) []int32 {
	sums := make([]int32, 1, len(numbers)+1)
	for i, n := range numbers {
		sums = append(sums, sums[i]+n)
	}
	return sums
}

// Counts are the numbers of members worth having, ascending: those that leave
// the busiest member fewer partitions than any smaller number does. One topic
// of 12 gives 1, 2, 3, 4, 6, 12: five members would leave the busiest three
// partitions, as four do.
func (g Group) Counts() []int32 {
	var counts []int32
	best, busiest := g.Total()+1, g.busiest()
	for n := range g.UsefulMembers() {
		if b := busiest(n + 1); b < best {
			counts, best = append(counts, n+1), b
		}
	}
	return counts
}

func ceilDiv(a, b int32) int32 { return (a + b - 1) / b }

package layout

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func topicsOf(counts []int) []int {
	var topics []int
	for topic, n := range counts {
		topics = append(topics, slices.Repeat([]int{topic}, n)...)
	}
	return topics
}

// TestDealLevels: whatever was before, the busiest member has as many as Busiest says at
// most, all have an owner, and no more move than has to.
func TestDealLevels(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		counts, partitions := make([]int, 1+random.IntN(3)), []int32(nil)
		for i := range counts {
			counts[i] = 1 + random.IntN(9)
			partitions = append(partitions, int32(counts[i]))
		}
		topics := topicsOf(counts)
		before, members := make([]int, len(topics)), 1+random.IntN(12)
		for i := range before {
			before[i] = random.IntN(8) - 1
		}
		for _, assignor := range []Assignor{Range, RoundRobin, Sticky, Stable, CooperativeSticky, StableConsistent} {
			after := assignor.Deal(topics, before, members)
			if got, most := busiestOf(after, members), (Group{assignor, partitions}).Busiest(int32(members)); got > int(most) {
				t.Fatalf("%s of %v to %d: %v, %d for one member, want at most %d", assignor, counts, members, after, got, most)
			}
			if moved, least := movedOf(before, after), leastMoves(before, members); assignor == Sticky && moved != least {
				t.Fatalf("%v to %d became %v: %d moved, want %d", before, members, after, moved, least)
			}
			if again := assignor.Deal(topics, after, members); !slices.Equal(again, after) {
				t.Fatalf("%s: %v dealt again became %v", assignor, after, again)
			}
		}
	}
}

func busiestOf(owners []int, members int) int {
	has := make([]int, members)
	for _, owner := range owners {
		has[owner]++
	}
	return slices.Max(has)
}

func movedOf(before, after []int) int {
	moved := 0
	for i := range before {
		if before[i] != after[i] {
			moved++
		}
	}
	return moved
}

// leastMoves is what members that are gone had, and what others have beyond their part:
// those that have the most keep one more.
func leastMoves(before []int, members int) int {
	has, kept := make([]int, members), 0
	for _, owner := range before {
		if owner >= 0 && owner < members {
			has[owner]++
		}
	}
	slices.SortFunc(has, func(a, b int) int { return b - a })
	for m, n := range has {
		part := len(before) / members
		if m < len(before)%members {
			part++
		}
		kept += min(n, part)
	}
	return len(before) - kept
}

// TestDealToNobody: without members nobody has anything.
func TestDealToNobody(t *testing.T) {
	if got := Sticky.Deal([]int{0, 0}, []int{0, 1}, 0); !slices.Equal(got, []int{Nobody, Nobody}) {
		t.Errorf("%v", got)
	}
}

package layout

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCounts(t *testing.T) {
	cases := map[string]struct {
		reason string
		group  Group
		counts []int32
		useful int32
	}{
		"OneTopicOf12": {
			reason: "counts that leave the busiest member as many partitions as a smaller count are left out",
			group:  Group{Range, []int32{12}}, counts: []int32{1, 2, 3, 4, 6, 12}, useful: 12,
		},
		"TwoTopicsRange": {
			reason: "range gives members beyond the largest topic nothing",
			group:  Group{Range, []int32{12, 12}}, counts: []int32{1, 2, 3, 4, 6, 12}, useful: 12,
		},
		"TwoTopicsRoundRobin": {
			reason: "round-robin deals all 24 together",
			group:  Group{RoundRobin, []int32{12, 12}}, counts: []int32{1, 2, 3, 4, 5, 6, 8, 12, 24}, useful: 24,
		},
		"UnevenRange": {
			reason: "at 4 members the busiest has 3+1, at 6 it has 2+1, at 12 1+1",
			group:  Group{Range, []int32{12, 4}}, counts: []int32{1, 2, 3, 4, 6, 12}, useful: 12,
		},
		"Prime": {
			reason: "a prime count is no trap: 7 partitions on 4 members is 2 each at most",
			group:  Group{Sticky, []int32{7}}, counts: []int32{1, 2, 3, 4, 7}, useful: 7,
		},
		"TwoTopicsStable": {
			reason: "stable deals all 24 together",
			group:  Group{Stable, []int32{12, 12}}, counts: []int32{1, 2, 3, 4, 5, 6, 8, 12, 24}, useful: 24,
		},
		"TwoTopicsCooperativeSticky": {
			reason: "so does cooperative sticky",
			group:  Group{CooperativeSticky, []int32{12, 12}}, counts: []int32{1, 2, 3, 4, 5, 6, 8, 12, 24}, useful: 24,
		},
		"TwoTopicsStableConsistent": {
			reason: "a number of both topics goes to one member: 12 numbers",
			group:  Group{StableConsistent, []int32{12, 12}}, counts: []int32{1, 2, 3, 4, 6, 12}, useful: 12,
		},
		"UnevenStableConsistent": {
			reason: "numbers mean nothing across 12 and 4 partitions: 16 units",
			group:  Group{StableConsistent, []int32{12, 4}}, counts: []int32{1, 2, 3, 4, 6, 8, 16}, useful: 16,
		},
		"MixedStableConsistent": {
			reason: "12 numbers of two topics and 4 of one are 16 units; at 15 members one may still have two, which are 3 or 4 partitions",
			group:  Group{StableConsistent, []int32{12, 4, 12}}, counts: []int32{1, 2, 3, 4, 6, 8, 16}, useful: 16,
		},
		"NoTopicsStableConsistent": {reason: "nothing to divide", group: Group{StableConsistent, nil}, counts: nil, useful: 0},
		"OnePartition":             {reason: "one member at most", group: Group{Range, []int32{1}}, counts: []int32{1}, useful: 1},
		"NoTopics":                 {reason: "nothing to divide", group: Group{Range, nil}, counts: nil, useful: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.counts, tc.group.Counts()); diff != "" {
				t.Errorf("%s: Counts() -want +got:\n%s", tc.reason, diff)
			}
			if got := tc.group.UsefulMembers(); got != tc.useful {
				t.Errorf("%s: UsefulMembers() = %d, want %d", tc.reason, got, tc.useful)
			}
		})
	}
}

// TestBusiestAgainstDealing deals partitions the way the assignors do and compares.
func TestBusiestAgainstDealing(t *testing.T) {
	for _, partitions := range [][]int32{{1}, {5}, {12}, {12, 12}, {7, 3, 30}, {64, 1}} {
		for members := int32(1); members <= 40; members++ {
			rng := Group{Range, partitions}
			if got, want := rng.Busiest(members), slices.Max(dealRange(partitions, members)); got != want {
				t.Errorf("range %v over %d members: busiest %d, dealt %d", partitions, members, got, want)
			}
			useful := int32(0)
			for _, n := range dealRange(partitions, 200) {
				if n > 0 {
					useful++
				}
			}
			if got := rng.UsefulMembers(); got != useful {
				t.Errorf("range %v: useful %d, dealt %d", partitions, got, useful)
			}
			rr := Group{RoundRobin, partitions}
			if got, want := rr.Busiest(members), slices.Max(dealRoundRobin(partitions, members)); got != want {
				t.Errorf("roundRobin %v over %d members: busiest %d, dealt %d", partitions, members, got, want)
			}
		}
	}
}

// TestBusiestOfStableConsistent: what it may get at most, by hand.
func TestBusiestOfStableConsistent(t *testing.T) {
	mixed := Group{StableConsistent, []int32{12, 4, 12}} // 12 units of 2 partitions, 4 of 1
	for members, want := range map[int32]int32{0: 28, 1: 28, 2: 16, 3: 12, 5: 8, 8: 4, 15: 4, 16: 2, 100: 2} {
		if got := mixed.Busiest(members); got != want {
			t.Errorf("busiest of %d members %d, want %d", members, got, want)
		}
	}
}

func dealRange(partitions []int32, members int32) []int32 {
	dealt := make([]int32, members)
	for _, p := range partitions {
		each, extra := p/members, p%members
		for m := range dealt {
			dealt[m] += each
			if int32(m) < extra {
				dealt[m]++
			}
		}
	}
	return dealt
}

func dealRoundRobin(partitions []int32, members int32) []int32 {
	dealt := make([]int32, members)
	next := int32(0)
	for _, p := range partitions {
		for range p {
			dealt[next%members]++
			next++
		}
	}
	return dealt
}

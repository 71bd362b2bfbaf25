package worker_test

import (
	"fmt"
	"testing"

	"github.com/lagrange-operator/lagrange/internal/layout"
	"github.com/lagrange-operator/lagrange/worker/internal/assign"
)

// TestLayoutOfTheStableAssignments: the operator counts the members that these
// assignments use, and what the busiest has, as they deal the partitions.
func TestLayoutOfTheStableAssignments(t *testing.T) {
	divide := map[layout.Assignor]func([]assign.Member, map[string][]int32) assign.Plan{
		layout.Stable: assign.Stable, layout.StableConsistent: assign.StableConsistent,
	}
	for assignor, divide := range divide {
		for _, counts := range [][]int32{{1}, {12}, {12, 12}, {12, 4}, {12, 4, 12}, {7, 3, 30, 3}} {
			group, topics := layout.Group{Assignor: assignor, Partitions: counts}, topicsOf(counts)
			for members := int32(1); members <= group.Total()+2; members++ {
				used, busiest := dealt(divide(membersOf(members, topics), topics))
				if want := min(members, group.UsefulMembers()); used != want {
					t.Errorf("%s %v over %d members: %d have partitions, counted %d", assignor, counts, members, used, want)
				}
				if most := group.Busiest(members); busiest > most {
					t.Errorf("%s %v over %d members: the busiest has %d, counted %d", assignor, counts, members, busiest, most)
				}
			}
		}
	}
}

func topicsOf(counts []int32) map[string][]int32 {
	topics := make(map[string][]int32)
	for i, count := range counts {
		for p := range count {
			topics[fmt.Sprint("topic-", i)] = append(topics[fmt.Sprint("topic-", i)], p)
		}
	}
	return topics
}

func membersOf(n int32, topics map[string][]int32) []assign.Member {
	var names []string
	for name := range topics {
		names = append(names, name)
	}
	var members []assign.Member
	for i := range n {
		members = append(members, assign.Member{ID: fmt.Sprintf("member-%03d", i), Topics: names})
	}
	return members
}

// dealt counts the members with partitions, and the partitions of the one with the most.
func dealt(plan assign.Plan) (used, busiest int32) {
	for _, topics := range plan {
		n := int32(0)
		for _, partitions := range topics {
			n += int32(len(partitions))
		}
		used, busiest = used+1, max(busiest, n)
	}
	return used, busiest
}

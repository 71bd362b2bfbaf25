package assign

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzPlan gives members whatever claims and sizes: the plan is complete, and
// the same when it is made again.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"generation":7,"held":{"a":{"3":[0,1],"7":[5]}}}`), []byte(`{"generation":8,"held":{"a":{"8":[1]}}}`), uint8(6), uint8(6), uint8(0b1111))
	f.Add([]byte(`{"generation":-1,"held":{"b":{"-2147483648":[-5,2147483647]}}}`), []byte(`{"held":{"":{"0":[0]}}}`), uint8(0), uint8(3), uint8(0b0110))
	f.Add([]byte("\x00\x00\x00\x01"), []byte(nil), uint8(200), uint8(199), uint8(0b1001))
	f.Fuzz(func(t *testing.T, first, second []byte, a, b, subscriptions uint8) {
		for name, planner := range planners {
			g := &group{planner: planner, topics: map[string][]int32{"a": numbers(int(a)), "b": numbers(int(b))}}
			for index, sent := range [][]byte{first, second} {
				g.join(subscription(subscriptions >> (2 * index))...)
				g.members[index].Claims = Decode(sent)
			}
			plan := g.plan(g.members, g.topics)
			if problem := incomplete(g, plan); problem != "" {
				t.Errorf("%s: %s", name, problem)
			}
			if diff := cmp.Diff(plan, g.plan(g.members, g.topics)); diff != "" {
				t.Errorf("%s, again:\n%s", name, diff)
			}
		}
	})
}

func subscription(bits uint8) []string {
	var topics []string
	if bits&1 != 0 {
		topics = append(topics, "a")
	}
	if bits&2 != 0 {
		topics = append(topics, "b")
	}
	return topics
}

package assign

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// member has held its partitions of topic "a" since the generation.
func member(id string, generation, since int32, partitions ...int32) Member {
	m := Member{ID: id, Topics: []string{"a"}, Claims: Claims{Generation: generation}}
	m.Claims.Since = make(map[kafka.TopicPartition]int32)
	for _, number := range partitions {
		m.Claims.Since[kafka.TopicPartition{Topic: "a", Partition: number}] = since
	}
	return m
}

func subscribed(id string, topics ...string) Member { return Member{ID: id, Topics: topics} }

func TestStable(t *testing.T) {
	cases := map[string]struct {
		reason  string
		members []Member
		topics  map[string][]int32
		want    Plan
	}{
		"NoMembers": {reason: "nothing can be given", topics: map[string][]int32{"a": numbers(2)}, want: Plan{}},
		"NoTopics":  {reason: "nothing is there", members: []Member{subscribed("x", "a")}, want: Plan{}},
		"NoPartitions": {
			reason: "a topic may be gone", members: []Member{subscribed("x", "a")},
			topics: map[string][]int32{"a": nil}, want: Plan{},
		},
		"NobodySubscribes": {
			reason: "a topic without subscribers is left out", members: []Member{subscribed("x", "a"), subscribed("y")},
			topics: map[string][]int32{"a": numbers(1), "b": numbers(3)}, want: Plan{"x": {"a": {0}}},
		},
		"MoreMembersThanPartitions": {
			reason: "some stay without", members: []Member{subscribed("z", "a"), subscribed("x", "a"), subscribed("y", "a")},
			topics: map[string][]int32{"a": numbers(2)}, want: Plan{"x": {"a": {0}}, "y": {"a": {1}}},
		},
		"TwiceTheSame": {
			reason:  "a topic or partition that is named twice counts once",
			members: []Member{subscribed("x", "a", "a"), subscribed("y", "a")},
			topics:  map[string][]int32{"a": {1, 0, 1, 0}}, want: Plan{"x": {"a": {0}}, "y": {"a": {1}}},
		},
		"NewTopics": {
			reason: "each topic is spread, not only their sum", members: []Member{subscribed("x", "a", "b"), subscribed("y", "a", "b")},
			topics: map[string][]int32{"a": numbers(3), "b": numbers(3)},
			want:   Plan{"x": {"a": {0, 2}, "b": {1}}, "y": {"a": {1}, "b": {0, 2}}},
		},
		"NewPartition": {
			reason:  "both have one: that of topic a goes to the member that has none of a",
			members: []Member{{ID: "x", Topics: []string{"a", "b"}, Claims: claims("a", 0)}, {ID: "y", Topics: []string{"a", "b"}, Claims: claims("b", 0)}},
			topics:  map[string][]int32{"a": numbers(2), "b": numbers(1)},
			want:    Plan{"x": {"a": {0}}, "y": {"a": {1}, "b": {0}}},
		},
		"HigherGenerationHolds": {
			reason:  "x was thrown out at generation 4, and y has had its partitions since",
			members: []Member{member("x", 4, 1, 0, 1, 2, 3), member("y", 5, 5, 0, 1), member("z", 5, 5, 2)},
			topics:  map[string][]int32{"a": numbers(4)}, want: Plan{"x": {"a": {3}}, "y": {"a": {0, 1}}, "z": {"a": {2}}},
		},
		"OneGenerationTwice": {
			reason:  "against the protocol, and decided all the same",
			members: []Member{member("y", 5, 5, 0, 1), member("x", 5, 5, 0, 1)},
			topics:  map[string][]int32{"a": numbers(2)}, want: Plan{"x": {"a": {0}}, "y": {"a": {1}}},
		},
		"GainedLastGoesFirst": {
			reason:  "x stood in for one that restarted: 0 and 1 are younger than 5",
			members: []Member{merge(member("x", 7, 1, 3, 5), member("x", 7, 7, 0, 1)), subscribed("new", "a")},
			topics:  map[string][]int32{"a": {0, 1, 3, 5}}, want: Plan{"new": {"a": {0, 1}}, "x": {"a": {3, 5}}},
		},
		"TheRestStaysWithTheOlderOwner": {
			reason:  "both have 3 and one may keep them: x, which gained none",
			members: []Member{member("x", 7, 1, 0, 1, 2), merge(member("w", 7, 1, 3, 4), member("w", 7, 7, 5)), subscribed("v", "a")},
			topics:  map[string][]int32{"a": numbers(7)}, want: Plan{"v": {"a": {5, 6}}, "w": {"a": {3, 4}}, "x": {"a": {0, 1, 2}}},
		},
		"SettledIsSettled": {
			reason:  "after 4 generations what was gained late is given up evenly over the topics, not first",
			members: []Member{settledMember(), subscribed("new", "a", "b")},
			topics:  map[string][]int32{"a": numbers(2), "b": numbers(2)},
			want:    Plan{"new": {"a": {1}, "b": {1}}, "x": {"a": {0}, "b": {0}}},
		},
		"UnsubscribedIsNotKept": {
			reason:  "x had 0 and 1, but wants the topic no more",
			members: []Member{{ID: "x", Topics: []string{"b"}, Claims: member("x", 3, 1, 0, 1).Claims}, subscribed("y", "a")},
			topics:  map[string][]int32{"a": numbers(2)}, want: Plan{"y": {"a": {0, 1}}},
		},
		"ChainOfMoves": {
			reason: "x alone may have b: y takes a from it, z takes c from y",
			members: []Member{subscribed("x", "a", "b"), {ID: "y", Topics: []string{"a", "c"}, Claims: claims("c", 0, 1)},
				subscribed("z", "c")},
			topics: map[string][]int32{"a": numbers(1), "b": numbers(2), "c": numbers(2)},
			want:   Plan{"x": {"b": {0, 1}}, "y": {"a": {0}, "c": {0}}, "z": {"c": {1}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Stable(tc.members, tc.topics)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func claims(topic string, partitions ...int32) Claims {
	return Claims{}.Next(map[string][]int32{topic: partitions}, 1)
}

func merge(a, b Member) Member {
	for partition, since := range b.Claims.Since {
		a.Claims.Since[partition] = since
	}
	return a
}

// settledMember has had topic a since generation 1 and b since generation 5; the
// group is at 9.
func settledMember() Member {
	has := Claims{}.Next(map[string][]int32{"a": {0, 1}}, 1)
	has = has.Next(map[string][]int32{"a": {0, 1}, "b": {0, 1}}, 5)
	return Member{ID: "x", Topics: []string{"a", "b"}, Claims: has.Next(map[string][]int32{"a": {0, 1}, "b": {0, 1}}, 9)}
}

func TestStableConsistent(t *testing.T) {
	cases := map[string]struct {
		reason  string
		members []Member
		topics  map[string][]int32
		want    Plan
	}{
		"OneFamily": {
			reason:  "numbers are balanced: 0 and 2 of both, 1 of both",
			members: []Member{subscribed("x", "a", "b"), subscribed("y", "a", "b")},
			topics:  map[string][]int32{"a": numbers(3), "b": numbers(3)},
			want:    Plan{"x": {"a": {0, 2}, "b": {0, 2}}, "y": {"a": {1}, "b": {1}}},
		},
		"OtherSize": {
			reason:  "a number of a topic of another size is no relative",
			members: []Member{subscribed("x", "a", "b"), subscribed("y", "a", "b")},
			topics:  map[string][]int32{"a": numbers(1), "b": numbers(2)},
			want:    Plan{"x": {"a": {0}, "b": {1}}, "y": {"b": {0}}},
		},
		"OtherSubscribers": {
			reason:  "while b is being added member by member, x keeps its share of a",
			members: []Member{subscribed("x", "a"), subscribed("y", "a", "b")},
			topics:  map[string][]int32{"a": numbers(2), "b": numbers(2)},
			want:    Plan{"x": {"a": {0, 1}}, "y": {"b": {0, 1}}},
		},
		"MostOfANumber": {
			reason: "y had number 0 of two topics of three, x of one",
			members: []Member{
				{ID: "x", Topics: []string{"a", "b", "c"}, Claims: Claims{}.Next(map[string][]int32{"a": {0}}, 4)},
				{ID: "y", Topics: []string{"a", "b", "c"}, Claims: Claims{}.Next(map[string][]int32{"b": {0}, "c": {0}}, 4)},
			},
			topics: map[string][]int32{"a": numbers(1), "b": numbers(1), "c": numbers(1)},
			want:   Plan{"y": {"a": {0}, "b": {0}, "c": {0}}},
		},
		"LongestOfAsMany": {
			reason: "both had one of number 0, y for longer",
			members: []Member{
				{ID: "x", Topics: []string{"a", "b"}, Claims: Claims{}.Next(map[string][]int32{"a": {0}}, 4)},
				{ID: "y", Topics: []string{"a", "b"}, Claims: Claims{}.Next(map[string][]int32{"b": {0}}, 3).Next(map[string][]int32{"b": {0}}, 4)},
			},
			topics: map[string][]int32{"a": numbers(1), "b": numbers(1)},
			want:   Plan{"y": {"a": {0}, "b": {0}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, StableConsistent(tc.members, tc.topics)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

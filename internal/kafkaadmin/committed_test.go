package kafkaadmin

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

type fetchGroup = sarama.OffsetFetchRequestGroup

// numbers are the partitions from first up to, but without, end.
func numbers(first, end int32) []int32 {
	var ids []int32
	for id := first; id < end; id++ {
		ids = append(ids, id)
	}
	return ids
}

func TestCut(t *testing.T) {
	// With 79 bytes of metadata an offset takes 100 bytes.
	group := func(id string, partitions ...int32) fetchGroup {
		return fetchGroup{GroupId: id, Partitions: map[string][]int32{"t": partitions}}
	}
	cases := map[string]struct {
		reason     string
		groups     []fetchGroup
		limit      int
		part, left []fetchGroup
	}{
		"AllFit": {
			reason: "one request is enough", limit: 1000,
			groups: []fetchGroup{group("a", 0, 1), group("b", 0)},
			part:   []fetchGroup{group("a", 0, 1), group("b", 0)},
		},
		"BetweenGroups": {
			reason: "the second group is too much", limit: 400,
			groups: []fetchGroup{group("a", 0, 1), group("b", 0, 1), group("c", 0)},
			part:   []fetchGroup{group("a", 0, 1)},
			left:   []fetchGroup{group("b", 0, 1), group("c", 0)},
		},
		"WithinAGroup": {
			reason: "the first group alone is too much", limit: 250,
			groups: []fetchGroup{group("a", 0, 1, 2), group("b", 0)},
			part:   []fetchGroup{group("a", 0, 1)},
			left:   []fetchGroup{group("a", 2), group("b", 0)},
		},
		"OnePartition": {
			reason: "one partition is asked for however large it may be", limit: 50,
			groups: []fetchGroup{group("a", 0), group("b", 0)},
			part:   []fetchGroup{group("a", 0)},
			left:   []fetchGroup{group("b", 0)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			part, left := cut(tc.groups, tc.limit, func(string) int { return 79 })
			if diff := cmp.Diff([][]fetchGroup{tc.part, tc.left}, [][]fetchGroup{part, left}); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSmallerParts(t *testing.T) {
	a := fetchGroup{GroupId: "a", Partitions: map[string][]int32{"s": numbers(0, 2), "t": numbers(0, 4)}}
	b := fetchGroup{GroupId: "b", Partitions: map[string][]int32{"t": numbers(0, 1)}}
	cases := map[string]struct {
		reason string
		part   []fetchGroup
		err    error
		want   [][]fetchGroup
	}{
		"Answered":  {reason: "nothing to ask again", part: []fetchGroup{a, b}},
		"Failed":    {reason: "what failed for another reason is not asked again", part: []fetchGroup{a, b}, err: kafka.ErrUnreachable},
		"OldBroker": {reason: "it takes one group a request", part: []fetchGroup{a, b}, err: errTooOld, want: [][]fetchGroup{{a}, {b}}},
		"TooOld":    {reason: "and no less than one", part: []fetchGroup{a}, err: errTooOld},
		"TooLarge":  {reason: "half of the groups", part: []fetchGroup{a, b}, err: errTooLarge, want: [][]fetchGroup{{a}, {b}}},
		"OneGroup": {reason: "half of the partitions", part: []fetchGroup{a}, err: errTooLarge, want: [][]fetchGroup{
			{{GroupId: "a", Partitions: map[string][]int32{"s": numbers(0, 2), "t": numbers(0, 1)}}},
			{{GroupId: "a", Partitions: map[string][]int32{"t": numbers(1, 4)}}},
		}},
		"OnePartition": {reason: "less can not be asked for", part: []fetchGroup{b}, err: errTooLarge},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, smallerParts(tc.part, tc.err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTakePutsTogether is about a group that took two requests.
func TestTakePutsTogether(t *testing.T) {
	half := func(ids ...int32) []fetchGroup {
		return []fetchGroup{{GroupId: "a", Partitions: map[string][]int32{"t": ids}}}
	}
	answer := func(id int32, at int64) *sarama.OffsetFetchResponse {
		r := &sarama.OffsetFetchResponse{Version: 8}
		r.AddGroupBlock("a", "t", id, &sarama.OffsetFetchResponseBlock{Offset: at})
		return r
	}
	answers := map[string]commits{}
	take(half(0), answer(0, 7), nil, answers)
	take(half(1), answer(1, 8), nil, answers)
	for id, want := range []int64{7, 8} {
		if got := answers["a"].at(kafka.TopicPartition{Topic: "t", Partition: int32(id)}); got.at != want || got.err != nil {
			t.Errorf("partition %d is %+v, want %d", id, got, want)
		}
	}
	take(half(2), nil, kafka.ErrTimeout, answers)
	if err := answers["a"].err; !errors.Is(err, kafka.ErrTimeout) {
		t.Errorf("with a part that failed the group has the error %v", err)
	}
}

func TestCommitsThatAreNotInTheAnswer(t *testing.T) {
	p := kafka.TopicPartition{Topic: "t"}
	part := []fetchGroup{{GroupId: "a", Partitions: map[string][]int32{"t": {0}}}}
	other := &sarama.OffsetFetchResponse{Version: 8}
	other.AddGroupBlock("b", "t", 0, &sarama.OffsetFetchResponseBlock{Offset: 7})
	without := &sarama.OffsetFetchResponse{Version: 8}
	without.AddGroupBlock("a", "u", 0, &sarama.OffsetFetchResponseBlock{Offset: 7})
	cases := map[string]struct {
		reason   string
		response *sarama.OffsetFetchResponse
	}{
		"NoGroup":     {"the group is not in the answer", &sarama.OffsetFetchResponse{Version: 8}},
		"OtherGroup":  {"another group is in the answer", other},
		"NoPartition": {"the partition is not in the group's answer", without},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answers := map[string]commits{}
			take(part, tc.response, nil, answers)
			if got := answers["a"].at(p); !errors.Is(got.err, kafka.ErrRejected) || got.at != 0 {
				t.Errorf("%s: got %+v, want ErrRejected and no offset", tc.reason, got)
			}
		})
	}
}

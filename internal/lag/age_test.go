package lag

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestAge(t *testing.T) {
	appended := func(before time.Duration, orEarlier bool) kafka.AppendTime {
		return kafka.AppendTime{At: noon.Add(-before), OrEarlier: orEarlier}
	}
	cases := map[string]struct {
		reason    string
		partition kafka.PartitionSample
		want      Age
	}{
		"Behind": {
			reason:    "the first unread record was appended half a minute ago",
			partition: kafka.PartitionSample{Committed: 120, End: 150, Appended: appended(30*time.Second, false)},
			want:      Age{Duration: 30 * time.Second, Known: true},
		},
		"OlderThanMemory": {
			reason:    "ten minutes or more",
			partition: kafka.PartitionSample{Committed: 120, End: 150, Appended: appended(10*time.Minute, true)},
			want:      Age{Duration: 10 * time.Minute, AtLeast: true, Known: true},
		},
		"NotKnown": {
			reason:    "lag without a time is no lag of 0 s",
			partition: kafka.PartitionSample{Committed: 120, End: 150},
			want:      Age{},
		},
		"CaughtUp": {
			reason:    "nothing unread, whatever was remembered of it",
			partition: kafka.PartitionSample{Committed: 150, End: 150, Appended: appended(time.Hour, true)},
			want:      Age{Known: true},
		},
		"Residue": {
			reason:    "markers don't age",
			partition: kafka.PartitionSample{Committed: 120, End: 150, Empty: true, Appended: appended(time.Hour, false)},
			want:      Age{Known: true},
		},
		"Latest": {
			reason:    "a partition that will be read from its end",
			partition: kafka.PartitionSample{Committed: kafka.NoOffset, End: 150, Appended: appended(time.Hour, false)},
			want:      Age{Known: true},
		},
		"FromTheFuture": {
			reason:    "a producer's clock that runs ahead makes no negative age",
			partition: kafka.PartitionSample{Committed: 120, End: 150, Appended: appended(-time.Hour, false)},
			want:      Age{Known: true},
		},
		"Unread": {
			reason:    "unknown stays unknown",
			partition: kafka.PartitionSample{Err: errLeader, Appended: appended(time.Hour, false)},
			want:      Age{},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Of(kafka.GroupSample{At: noon, Topics: []kafka.TopicSample{topicOf(tc.partition)}}, kafka.InitialLatest)
			if diff := cmp.Diff(tc.want, got.Topics[0].Partitions[0].Behind); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestGroupBehind(t *testing.T) {
	minutes := func(n int, atLeast bool) Partition {
		return Partition{Behind: Age{Duration: time.Duration(n) * time.Minute, AtLeast: atLeast, Known: true}}
	}
	cases := map[string]struct {
		reason string
		group  Group
		want   Age
	}{
		"Oldest": {
			reason: "the oldest of all",
			group:  Group{Topics: []Topic{{Partitions: []Partition{minutes(2, false), minutes(5, false)}}, {Partitions: []Partition{minutes(1, false)}}}},
			want:   Age{Duration: 5 * time.Minute, Known: true},
		},
		"AtLeast": {
			reason: "2 minutes or more may be more than 5",
			group:  Group{Topics: []Topic{{Partitions: []Partition{minutes(2, true), minutes(5, false)}}}},
			want:   Age{Duration: 5 * time.Minute, AtLeast: true, Known: true},
		},
		"PartitionUnknown": {
			reason: "the one that is not known may be the oldest",
			group:  Group{Topics: []Topic{{Partitions: []Partition{minutes(2, false), {Err: errLeader}}}}},
		},
		"TopicUnknown": {
			reason: "and so may any of a topic's that is not known",
			group:  Group{Topics: []Topic{{Partitions: []Partition{minutes(2, false)}}, {Err: errLeader}}},
		},
		"NoSample": {reason: "nothing is known of nothing"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.group.Behind()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

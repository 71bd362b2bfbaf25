package resetplan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// surveyed is a topic whose partitions hold 5 up to 9, with these commits.
func surveyed(commits ...kafka.Commit) kafka.Survey {
	topic := kafka.SurveyedTopic{Name: "orders"}
	for _, c := range commits {
		topic.Partitions = append(topic.Partitions, kafka.SurveyedPartition{Committed: c, Start: 5, End: 9})
	}
	return kafka.Survey{GroupID: "billing", Topics: []kafka.SurveyedTopic{topic}}
}

func TestSeeds(t *testing.T) {
	none, ours, foreign := kafka.Commit{Offset: kafka.NoOffset}, kafka.Commit{Offset: 7, Metadata: "lagrange/partitions=2"}, kafka.Commit{Offset: 7, Metadata: "theirs"}
	seed := func(partition int32, offset int64, metadata string) v1alpha1.SavedOffset {
		return v1alpha1.SavedOffset{Topic: "orders", Partition: partition, Offset: new(offset), Metadata: metadata}
	}
	const two = "lagrange/partitions=2"
	cases := map[string]struct {
		reason  string
		survey  kafka.Survey
		initial kafka.InitialOffset
		want    []v1alpha1.SavedOffset
	}{
		"First": {
			"A new group begins at the end, and remembers how many partitions there were.",
			surveyed(none, none), kafka.InitialLatest, []v1alpha1.SavedOffset{seed(0, 9, two), seed(1, 9, two)},
		},
		"FirstEarliest": {
			"A new group begins at the log start.",
			surveyed(none, none), kafka.InitialEarliest, []v1alpha1.SavedOffset{seed(0, 5, two), seed(1, 5, two)},
		},
		"NeverOpened": {
			"Partition 1 was there when the group started on the topic: latest is meant for it too.",
			surveyed(ours, none), kafka.InitialLatest, []v1alpha1.SavedOffset{seed(1, 9, two)},
		},
		"Added": {
			"Partition 2 came later: its first messages were for the group.",
			surveyed(ours, ours, none), kafka.InitialLatest, []v1alpha1.SavedOffset{seed(2, 5, two)},
		},
		"AddedAndNeverOpened": {
			"Both in one topic.",
			surveyed(ours, none, none), kafka.InitialLatest, []v1alpha1.SavedOffset{seed(1, 9, two), seed(2, 5, two)},
		},
		"ForeignCommits": {
			"Nobody knows how many there were: the side that skips nothing.",
			surveyed(foreign, none), kafka.InitialLatest, []v1alpha1.SavedOffset{seed(1, 5, "")},
		},
		"AtZero": {
			"An offset of 0 is a commit.",
			surveyed(kafka.Commit{Offset: 0}, ours), kafka.InitialLatest, nil,
		},
		"Complete": {"What has a commit is left alone.", surveyed(ours, foreign), kafka.InitialLatest, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Seeds(tc.survey, tc.initial)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

package resetplan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func keptAt(partition int32, topicID string, offset int64) v1alpha1.SavedOffset {
	return v1alpha1.SavedOffset{Topic: "orders", Partition: partition, TopicID: topicID, Offset: new(offset)}
}

func TestUnfinished(t *testing.T) {
	cases := map[string]struct {
		reason string
		writes []v1alpha1.SavedOffset
		want   string
	}{
		"Known":       {"what was being written", []v1alpha1.SavedOffset{keptAt(1, "", 7)}, "[orders-1]"},
		"Unknown":     {"any may have been", nil, "[orders-0 orders-1 orders-2 orders-3]"},
		"Anew":        {"of a topic that was created anew nothing is left of before", []v1alpha1.SavedOffset{keptAt(0, "old", 7), keptAt(1, idOfLife(1), 7)}, "[orders-1]"},
		"AnewOnly":    {"known, and nothing of it matters", []v1alpha1.SavedOffset{keptAt(0, "old", 7), keptAt(9, "old", 7)}, "[]"},
		"Strayed":     {"it came to the new topic", []v1alpha1.SavedOffset{keptAt(0, "old", 7), keptAt(2, "old", 1)}, "[orders-2]"},
		"AnewDeleted": {"no commit is what a new topic has anyway", []v1alpha1.SavedOffset{{Topic: "orders", Partition: 3, TopicID: "old"}}, "[]"},
		"Gone":        {"a partition that is not there any more matters to nobody", []v1alpha1.SavedOffset{keptAt(9, "", 7), keptAt(2, "", 7)}, "[orders-2]"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Unfinished(tc.writes, survey(part(1, 0, 9), part(1, 0, 9), part(1, 0, 9), part(none, 0, 9)))
			if fmt.Sprint(got) != tc.want {
				t.Errorf("%s: %v, want %s", tc.reason, got, tc.want)
			}
		})
	}
}

func TestMissed(t *testing.T) {
	rows := []v1alpha1.ResetRow{
		{Topic: "orders", Partition: 0, Action: v1alpha1.ResetCommit}, {Topic: "orders", Partition: 1, Action: v1alpha1.ResetSkip},
		{Topic: "orders", Partition: 2, Action: v1alpha1.ResetDelete},
	}
	all := make([]kafka.TopicPartition, 4)
	for i := range all {
		all[i] = kafka.TopicPartition{Topic: "orders", Partition: int32(i)}
	}
	if diff := cmp.Diff([]string{"orders-1", "orders-3"}, Missed(all, Written(rows))); diff != "" {
		t.Errorf("left as it is, and not in the plan: -want +got:\n%s", diff)
	}
	if missed := Missed(all[:1], Written(rows)); missed != nil {
		t.Errorf("missed %v, want none", missed)
	}
}

// TestUnmixed: a rollback of the reset that mends a mixture restores what was
// before the one that made it.
func TestUnmixed(t *testing.T) {
	snapshot := []v1alpha1.SavedOffset{keptAt(0, "a", 3), keptAt(1, "a", 10), keptAt(2, "new", 5)}
	got := Unmixed(snapshot, []v1alpha1.SavedOffset{keptAt(0, "a", 10), keptAt(2, "old", 10), keptAt(7, "a", 1)})
	want := []v1alpha1.SavedOffset{keptAt(0, "a", 10), keptAt(1, "a", 10), keptAt(2, "new", 5)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if *snapshot[0].Offset != 3 {
		t.Error("the snapshot was changed in place")
	}
}

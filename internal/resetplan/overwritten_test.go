package resetplan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestOverwritten_A6: another writer is found by what it left.
func TestOverwritten_A6(t *testing.T) {
	many := make([]kafka.SurveyedPartition, 12)
	var writes []v1alpha1.SavedOffset
	for i := range many {
		many[i] = part(5, 0, 9)
		writes = append([]v1alpha1.SavedOffset{saved(int32(i), 7, "t")}, writes...)
	}
	cases := map[string]struct {
		reason string
		writes []v1alpha1.SavedOffset
		now    kafka.Survey
		want   []string
	}{
		"Same": {
			reason: "offset, metadata and absence read back",
			writes: []v1alpha1.SavedOffset{saved(0, 7, "t"), saved(1, none, "")}, now: survey(part(7, 0, 9, metadata("t")), part(none, 0, 9)),
		},
		"Offset":  {"a commit", []v1alpha1.SavedOffset{saved(0, 7, "t")}, survey(part(8, 0, 9, metadata("t"))), []string{"orders-0: 8 instead of 7"}},
		"Gone":    {"expired, or deleted", []v1alpha1.SavedOffset{saved(0, 7, "t")}, survey(part(none, 0, 9)), []string{"orders-0: no commit instead of 7"}},
		"Deleted": {"a commit after the deletion", []v1alpha1.SavedOffset{saved(0, none, "")}, survey(part(0, 0, 9)), []string{"orders-0: 0 instead of no commit"}},
		"Metadata": {
			reason: "the same offset by another writer; its metadata may be anything",
			writes: []v1alpha1.SavedOffset{saved(0, 7, "t")}, now: survey(part(7, 0, 9, metadata("\x00"+strings.Repeat("ä", 40)))),
			want: []string{`orders-0: metadata "\x00` + strings.Repeat("ä", 31) + `"... instead of "t"`},
		},
		"Recreated_A9": {"the commit is of the topic before", []v1alpha1.SavedOffset{saved(0, 7, "t")}, otherLife(survey(part(7, 0, 9, metadata("t")))),
			[]string{"orders-0: its topic was created anew"}},
		"TopicGone":     {"deleted", []v1alpha1.SavedOffset{saved(0, 7, "t")}, withoutTopics(survey()), []string{"orders-0: does not exist any more"}},
		"PartitionGone": {"created anew with fewer", []v1alpha1.SavedOffset{saved(1, 7, "t")}, survey(part(7, 0, 9)), []string{"orders-1: does not exist any more"}},
		"Many": {
			reason: "sorted by partition, ten of them", writes: writes, now: survey(many...),
			want: []string{"orders-0: 5 instead of 7", "orders-1: 5 instead of 7", "orders-2: 5 instead of 7", "orders-3: 5 instead of 7", "orders-4: 5 instead of 7",
				"orders-5: 5 instead of 7", "orders-6: 5 instead of 7", "orders-7: 5 instead of 7", "orders-8: 5 instead of 7", "orders-9: 5 instead of 7"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Overwritten(tc.writes, tc.now)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

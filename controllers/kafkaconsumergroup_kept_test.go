package controllers

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestKeptStep: what is done about the commits of a group, by what the sample says.
func TestKeptStep(t *testing.T) {
	partition := func(w *keptWorld, i int) *kafka.PartitionSample { return &w.seen.sample.Topics[0].Partitions[i] }
	nothing := func(w *keptWorld) { w.seen.kept, w.table = nil, nil }
	gone := func(w *keptWorld) { partition(w, 1).Committed = kafka.NoOffset }
	starts := func(w *keptWorld) { w.starts, w.idle = true, false }
	member := func(w *keptWorld) {
		w.seen.sample.State, w.seen.sample.Members, w.seen.sample.DescribedAt = kafka.StateStable, []kafka.Member{{ID: "m"}}, noon
	}
	mayHaveExpired := func(w *keptWorld) { w.seen.kept.Retention = nil }
	away := func(w *keptWorld) { w.seen.sample.ConnectionErr = kafka.ErrUnreachable }
	all := func(changes ...func(*keptWorld)) func(*keptWorld) {
		return func(w *keptWorld) {
			for _, change := range changes {
				change(w)
			}
		}
	}
	cases := map[string]struct {
		reason string
		change func(w *keptWorld)
		want   keptStep
	}{
		"Same":      {"what is kept is what is there", func(*keptWorld) {}, keptWhole},
		"First":     {"commits, and nobody about", nothing, keptRead},
		"Dead":      {"Kafka calls it dead once its members and its commits are gone", func(w *keptWorld) { gone(w); w.seen.sample.State = kafka.StateDead }, keptGone},
		"NoCommits": {"there is nothing to keep", all(nothing, gone, func(w *keptWorld) { partition(w, 0).Committed = kafka.NoOffset }), keptRest},
		"Moved":     {"by hand", func(w *keptWorld) { partition(w, 0).Committed = 8 }, keptRead},
		"Elsewhere": {"the same offsets of another cluster", func(w *keptWorld) { w.seen.kept.ClusterID = "another" }, keptRead},
		"Gone":      {"the retention is over", gone, keptGone},
		"GoneHeld":  {"a reset has the say", all(gone, func(w *keptWorld) { w.free = false }), keptRest},
		"GoneOld":   {"the sample is from before the last reading", all(gone, func(w *keptWorld) { w.read = noon }), keptRest},
		"Workers":   {"pods that are replaced", all(nothing, func(w *keptWorld) { w.idle, w.empty = false, noon.Add(-59*time.Second) }), keptRest},
		"Crashing":  {"pods that never join", all(nothing, func(w *keptWorld) { w.idle, w.empty = false, noon.Add(-time.Minute) }), keptRead},
		"Members":   {"they keep the commits alive", member, keptForget},
		"MembersOld": {"members from before the offsets were kept", all(member, func(w *keptWorld) {
			w.seen.sample.DescribedAt = noon.Add(-time.Hour)
		}), keptRest},
		"MembersGone":    {"a commit that is gone is still needed", all(member, gone), keptRest},
		"MembersStart":   {"workers would find no commit", all(member, gone, starts), keptShut},
		"Joining":        {"somebody is about to be a member", func(w *keptWorld) { w.seen.sample.State = kafka.StatePreparingRebalance }, keptRest},
		"JoiningStart":   {"and a commit is gone", all(gone, starts, func(w *keptWorld) { w.seen.sample.State = kafka.StatePreparingRebalance }), keptShut},
		"Starts":         {"the retention can't be over", starts, keptWhole},
		"StartsLate":     {"it may be over since the last sample", all(starts, mayHaveExpired), keptGone},
		"StartsLateRead": {"they were read a moment ago", all(starts, mayHaveExpired, func(w *keptWorld) { w.read = noon.Add(-4 * time.Second) }), keptWhole},
		"Away":           {"nobody can look, and nobody starts", away, keptRest},
		"AwayStarts":     {"they can't have expired", all(away, starts), keptRest},
		"AwayExpired":    {"they may have", all(away, starts, mayHaveExpired), keptBlind},
		"AwayReset":      {"a reset has the say", all(away, starts, mayHaveExpired, func(w *keptWorld) { w.free = false }), keptRest},
		"AwayNothing":    {"nothing was kept", all(away, starts, nothing), keptRest},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sample := kafka.GroupSample{At: noon, State: kafka.StateEmpty, Topics: []kafka.TopicSample{{
				Name: "orders", Partitions: []kafka.PartitionSample{{Committed: 7}, {Partition: 1, Committed: 7}},
			}}}
			kept := &v1alpha1.KeptOffsets{
				ClusterID: "c", CountedFrom: new(metav1.NewTime(noon.Add(-time.Hour))), Retention: &metav1.Duration{Duration: 24 * time.Hour},
				Offsets: v1alpha1.ResetOffsets{TakenAt: metav1.NewTime(noon.Add(-time.Minute))},
			}
			w := keptWorld{
				seen:  groupSnapshot{now: noon, sample: sample, sampled: true, kept: kept, cluster: clusterSeen{id: "c"}},
				table: map[kafka.TopicPartition]int64{{Topic: "orders"}: 7, {Topic: "orders", Partition: 1}: 7},
				idle:  true, free: true, empty: noon, read: noon.Add(-time.Minute),
			}
			tc.change(&w)
			if got, err := w.step(30 * time.Second); got != tc.want || (err != nil) != (tc.want == keptBlind) {
				t.Errorf("%s: step %d, %v, want %d", tc.reason, got, err, tc.want)
			}
		})
	}
}

// TestMayCommit: who has the say over a group's offsets.
func TestMayCommit(t *testing.T) {
	active, next := &v1alpha1.ActiveReset{Name: "r"}, &v1alpha1.KafkaOffsetReset{}
	cases := map[string]struct {
		reason string
		seen   resetSeen
		d      resetDecision
		want   bool
	}{
		"None":       {"no reset", resetSeen{}, resetDecision{}, true},
		"Active":     {"it has the group", resetSeen{active: active}, resetDecision{active: active}, false},
		"Released":   {"it gives the group back", resetSeen{active: active}, resetDecision{released: active}, true},
		"Next":       {"it is about to have it", resetSeen{next: next}, resetDecision{}, false},
		"OneByOne":   {"from one to the next", resetSeen{active: active, next: next}, resetDecision{released: active, active: active}, false},
		"Unfinished": {"what is committed may be a mixture", resetSeen{unfinished: &v1alpha1.UnfinishedReset{}}, resetDecision{unfinished: &v1alpha1.UnfinishedReset{}}, false},
		"Completed": {"another one has completed it", resetSeen{active: active, unfinished: &v1alpha1.UnfinishedReset{}},
			resetDecision{released: active}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := mayCommit(groupSnapshot{resets: tc.seen}, tc.d); got != tc.want {
				t.Errorf("%s: %t", tc.reason, got)
			}
		})
	}
}

// TestKeptEvents: what is told of a time that commits were gone.
func TestKeptEvents(t *testing.T) {
	cases := map[string]struct {
		reason string
		is     v1alpha1.RestoredOffsets
		want   string
	}{
		"All":        {"as they were", v1alpha1.RestoredOffsets{Partitions: 2}, "Normal OffsetsRestored"},
		"OutOfRange": {"all of them too, and the log has moved past", v1alpha1.RestoredOffsets{Partitions: 2, Notes: []string{"begins after it"}}, "Normal OffsetsRestored, Normal OffsetsOutOfRange"},
		"LeftOut":    {"somebody deleted one", v1alpha1.RestoredOffsets{NotRestored: 1, Notes: []string{"deleted"}}, "Warning OffsetsNotRestored"},
		"Both":       {"one each", v1alpha1.RestoredOffsets{Partitions: 1, NotRestored: 1, Notes: []string{"begins after it", "deleted"}}, "Normal OffsetsRestored, Warning OffsetsNotRestored"},
		"Failed":     {"the warning tells", v1alpha1.RestoredOffsets{Failed: "no right"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range keptEvents(v1alpha1.KafkaConsumerGroupStatus{}, v1alpha1.KafkaConsumerGroupStatus{RestoredOffsets: &tc.is}) {
				got = append(got, e.kind+" "+e.reason)
			}
			if told := strings.Join(got, ", "); told != tc.want {
				t.Errorf("%s: %q, want %q", tc.reason, told, tc.want)
			}
		})
	}
}

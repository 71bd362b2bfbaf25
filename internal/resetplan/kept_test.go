package resetplan

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const week = 7 * 24 * time.Hour

// keptBefore is what was kept of the topic orders, by partition, of a group whose
// members were last seen so long before the survey.
func keptBefore(ago, retention time.Duration, offsets ...int64) Kept {
	k := Kept{ClusterID: identity.ClusterID, CountedFrom: noon.Add(-ago), Retention: retention}
	for i, offset := range offsets {
		k.Offsets = append(k.Offsets, saved(int32(i), offset, "m"))
	}
	return k
}

func TestKeep(t *testing.T) {
	over, young := keptBefore(8*24*time.Hour, week, 20, 30), keptBefore(24*time.Hour, week, 20, 30)
	unseen, hidden, elsewhere := keptBefore(0, week, 20), keptBefore(24*time.Hour, 0, 20), keptBefore(24*time.Hour, week, 20)
	unseen.CountedFrom, elsewhere.ClusterID = time.Time{}, "another"
	anew := survey(part(none, 0, 50))
	anew.Topics[0].ID = kafka.TopicID{2}
	cases := map[string]struct {
		reason  string
		kept    Kept
		survey  kafka.Survey
		restore []string
		keep    []string
		notes   []string
	}{
		"Nothing":  {"nothing was kept: what is there is", Kept{}, survey(part(7, 0, 50, metadata("w")), part(none, 0, 50)), nil, []string{"orders-0 7 w"}, nil},
		"AllThere": {"as they are now, not as they were", over, survey(part(21, 0, 50, metadata("n")), part(30, 0, 50, metadata("m"))), nil, []string{"orders-0 21 n", "orders-1 30 m"}, nil},
		"Expired":  {"each as it was", over, survey(part(none, 0, 50), part(none, 0, 50)), []string{"orders-0 20 m", "orders-1 30 m"}, []string{"orders-0 20 m", "orders-1 30 m"}, nil},
		"OneIsThere": {"somebody has committed one since", over, survey(part(none, 0, 50), part(5, 0, 50)),
			[]string{"orders-0 20 m"}, []string{"orders-0 20 m", "orders-1 5"}, nil},
		"Added":    {"a partition that came since is none of ours", over, survey(part(20, 0, 50), part(30, 0, 50), part(none, 0, 9)), nil, []string{"orders-0 20", "orders-1 30"}, nil},
		"AtZero":   {"0 is an offset", keptBefore(week, week, 0), survey(part(none, 0, 50)), []string{"orders-0 0 m"}, []string{"orders-0 0 m"}, nil},
		"Deleted":  {"gone too early", young, survey(part(none, 0, 50), part(30, 0, 50)), nil, []string{"orders-1 30"}, []string{"orders-0", "somebody deleted the commit", "168h0m0s"}},
		"OnTheDot": {"clocks may be apart", keptBefore(week-30*time.Second, week, 20), survey(part(none, 0, 50)), []string{"orders-0 20 m"}, []string{"orders-0 20 m"}, nil},
		"Unseen":   {"nobody saw when the last member left: it may have been long before", unseen, survey(part(none, 0, 50)), []string{"orders-0 20 m"}, []string{"orders-0 20 m"}, nil},
		"Hidden":   {"the broker does not say how long it keeps them", hidden, survey(part(none, 0, 50)), []string{"orders-0 20 m"}, []string{"orders-0 20 m"}, nil},
		"Anew":     {"an offset of another log", keptBefore(week, week, 20), anew, nil, nil, []string{"orders-0", "created anew"}},
		"Fewer":    {"partitions never get fewer but in another log", over, survey(part(none, 0, 50)), []string{"orders-0 20 m"}, []string{"orders-0 20 m"}, []string{"orders-1", "created anew"}},
		"Elsewhere": {"an offset of another cluster", elsewhere, survey(part(none, 0, 50), part(3, 0, 9)), nil, []string{"orders-1 3"},
			[]string{`another Kafka cluster, "another"`}},
		"NotSurveyed": {"the topic is not the group's now, and may be again", over, kafka.Survey{ClusterID: identity.ClusterID, At: noon}, nil, []string{"orders-0 20 m", "orders-1 30 m"}, nil},
		"BelowStart":  {"the worker's onOutOfRange decides", keptBefore(week, week, 20), survey(part(none, 25, 50)), []string{"orders-0 20 m"}, []string{"orders-0 20 m"}, []string{"begins after it", "onOutOfRange"}},
		"AboveEnd":    {"and so it does here", keptBefore(week, week, 60), survey(part(none, 25, 50)), []string{"orders-0 60 m"}, []string{"orders-0 60 m"}, []string{"ends before it", "onOutOfRange"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Keep(tc.kept, tc.survey)
			if diff := cmp.Diff(tc.restore, savedTexts(got.Restore)); diff != "" {
				t.Errorf("%s: to be committed again: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.keep, savedTexts(got.Offsets)); diff != "" {
				t.Errorf("%s: kept: -want +got:\n%s", tc.reason, diff)
			}
			told := strings.Join(got.Notes, "\n")
			if (len(got.Notes) > 0) != (len(tc.notes) > 0) || len(got.Notes) > 1 {
				t.Errorf("%s: notes %q", tc.reason, got.Notes)
			}
			if left := strings.Contains(told, "not committed again") || strings.Contains(told, "not used"); left != (got.LeftOut > 0) {
				t.Errorf("%s: %d left out, notes %q", tc.reason, got.LeftOut, got.Notes)
			}
			for _, word := range tc.notes {
				if !strings.Contains(told, word) {
					t.Errorf("%s: %q lacks %q", tc.reason, told, word)
				}
			}
		})
	}
}

// TestKeepRestoresTopicsByTheirIDs: what is kept carries the id of its topic.
func TestKeepRestoresTopicsByTheirIDs(t *testing.T) {
	first := Keep(Kept{}, survey(part(7, 0, 50)))
	if got := first.Offsets[0].TopicID; got != idOfLife(1) {
		t.Fatalf("kept with topic id %q", got)
	}
}

// TestKeepProperties: whatever is gone and whatever is there, no commit that is
// there is written over, each one that is gone is made again as it was kept or
// named, and once that is done nothing more is to be done.
func TestKeepProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var kept Kept
		var parts []kafka.SurveyedPartition
		for i := range int32(1 + random.IntN(6)) {
			parts = append(parts, part(int64(random.IntN(6)-1), int64(random.IntN(3)), 5))
			if random.IntN(4) > 0 {
				kept.Offsets = append(kept.Offsets, saved(i, int64(random.IntN(8)), "m"))
			}
		}
		kept.ClusterID = []string{identity.ClusterID, identity.ClusterID, "another"}[random.IntN(3)]
		kept.Retention = []time.Duration{0, week}[random.IntN(2)]
		kept.CountedFrom = []time.Time{{}, noon.Add(-time.Hour), noon.Add(-week)}[random.IntN(3)]
		s := survey(parts...)
		before := slices.Clone(kept.Offsets)
		got := Keep(kept, s)
		if diff := cmp.Diff(before, kept.Offsets); diff != "" {
			t.Fatalf("the input was changed: %s", diff)
		}
		for _, w := range got.Restore {
			if p := &s.Topics[0].Partitions[w.Partition]; p.Committed.Offset != none {
				t.Fatalf("%+v is written over %d", w, p.Committed.Offset)
			} else {
				p.Committed = kafka.Commit{Offset: *w.Offset, Metadata: w.Metadata}
			}
			if !slices.ContainsFunc(kept.Offsets, func(o v1alpha1.SavedOffset) bool { return cmp.Equal(o, w) }) {
				t.Fatalf("%+v was never kept", w)
			}
		}
		after := kept
		after.Offsets, after.ClusterID = got.Offsets, s.ClusterID
		again := Keep(after, s)
		if len(again.Restore)+len(again.Notes) > 0 {
			t.Fatalf("after %+v there is still %+v", got, again)
		}
		if diff := cmp.Diff(committedIn(s), again.Offsets); diff != "" {
			t.Fatalf("kept is not what is committed: %s", diff)
		}
		if moved, gone := Apart(ByPartition(again.Offsets), sampleOf(s)); moved || gone > 0 {
			t.Fatalf("a sample of the same: moved %t, %d gone", moved, gone)
		}
		if len(kept.Offsets) > 0 && kept.MayHaveExpired(s.At) && kept.ClusterID == s.ClusterID && len(got.Offsets) < len(kept.Offsets) {
			t.Fatalf("of %+v only %+v is left", kept, got)
		}
	}
}

// sampleOf is the sample that a survey of the same moment would be.
func sampleOf(s kafka.Survey) kafka.GroupSample {
	var sample kafka.GroupSample
	for _, t := range s.Topics {
		topic := kafka.TopicSample{Name: t.Name, ID: t.ID}
		for i, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kafka.PartitionSample{Partition: int32(i), Committed: p.Committed.Offset})
		}
		sample.Topics = append(sample.Topics, topic)
	}
	return sample
}

func TestApart(t *testing.T) {
	kept := ByPartition([]v1alpha1.SavedOffset{saved(0, 20, ""), saved(1, 30, ""), saved(2, none, "")})
	sample := func(mod func(*kafka.TopicSample), commits ...int64) kafka.GroupSample {
		s := sampleOf(survey(part(20, 0, 50), part(30, 0, 50), part(none, 0, 50)))
		for i, c := range commits {
			s.Topics[0].Partitions[i].Committed = c
		}
		if mod != nil {
			mod(&s.Topics[0])
		}
		return s
	}
	cases := map[string]struct {
		reason string
		sample kafka.GroupSample
		moved  bool
		gone   int
	}{
		"Same":     {"nothing new", sample(nil), false, 0},
		"Gone":     {"both", sample(nil, none, none), false, 2},
		"Moved":    {"by hand", sample(nil, 20, 31), true, 0},
		"Came":     {"by a seed", sample(nil, 20, 30, 0), true, 0},
		"Both":     {"one each", sample(nil, none, 31), true, 1},
		"Unread":   {"what could not be read is not gone", sample(func(t *kafka.TopicSample) { t.Partitions[0].Err = kafka.ErrUnavailable }, none), false, 0},
		"NoTopic":  {"a topic that is not there says nothing", sample(func(t *kafka.TopicSample) { t.Err = kafka.ErrTopicMissing }, none), false, 0},
		"NotKept":  {"another topic", sample(func(t *kafka.TopicSample) { t.Name = "bills" }, none, none), false, 0},
		"OtherHas": {"another topic's commits are to be kept too", sample(func(t *kafka.TopicSample) { t.Name = "bills" }), true, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if moved, gone := Apart(kept, tc.sample); moved != tc.moved || gone != tc.gone {
				t.Errorf("%s: moved %t, %d gone", tc.reason, moved, gone)
			}
		})
	}
}

func TestOverlaid(t *testing.T) {
	kept := []v1alpha1.SavedOffset{saved(0, 20, "m"), saved(1, 30, "m"), saved(3, 40, "m")}
	got := savedTexts(Overlaid(kept, []v1alpha1.SavedOffset{saved(3, 4, "kor:1"), saved(0, none, ""), saved(2, 5, "kor:1")}))
	if diff := cmp.Diff([]string{"orders-1 30 m", "orders-2 5 kor:1", "orders-3 4 kor:1"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(kept) != 3 || *kept[0].Offset != 20 {
		t.Error("what was kept was changed")
	}
}

// TestExpiry: when the brokers may remove the commits, and from when on that is told.
func TestExpiry(t *testing.T) {
	since := noon.Add(time.Minute)
	cases := map[string]struct {
		reason    string
		counted   time.Time
		retention time.Duration
		expires   time.Time
		warn      time.Time
	}{
		"Default": {"a day before", noon, week, noon.Add(week), noon.Add(week - 24*time.Hour)},
		"Hour":    {"the last quarter", noon, time.Hour, noon.Add(time.Hour), noon.Add(45 * time.Minute)},
		"Unseen":  {"from when it was first seen empty", time.Time{}, time.Hour, since.Add(time.Hour), since.Add(45 * time.Minute)},
		"Hidden":  {"nobody knows", noon, 0, time.Time{}, time.Time{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			expires := Kept{CountedFrom: tc.counted, Retention: tc.retention}.Expires(since)
			if warn := WarnFrom(expires, tc.retention); !expires.Equal(tc.expires) || !warn.Equal(tc.warn) {
				t.Errorf("%s: expires %s, told from %s", tc.reason, expires, warn)
			}
		})
	}
}

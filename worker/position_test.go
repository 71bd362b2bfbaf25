package worker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestDecideStart(t *testing.T) {
	none := commit{offset: kafka.NoOffset}
	cases := map[string]struct {
		reason    string
		partition int32
		committed commit
		history   topicHistory
		log       logRange
		initial   InitialOffset
		want      int64
	}{
		"Committed":        {"The commit is inside the log.", 0, commit{offset: 7}, topicHistory{started: true}, logRange{0, 10, 10}, Latest, 7},
		"CommittedAtEnd":   {"All read: the next message is the first one that comes.", 0, commit{offset: 10}, topicHistory{started: true}, logRange{0, 10, 10}, Earliest, 10},
		"CommittedAtZero":  {"Zero is a position, not 'none'.", 0, commit{offset: 0}, topicHistory{started: true}, logRange{0, 10, 10}, Latest, 0},
		"CommittedAtStart": {"The log start itself still exists.", 0, commit{offset: 4}, topicHistory{started: true}, logRange{4, 10, 10}, Latest, 4},
		"BelowStart":       {"Never to the log end: what is left is handled.", 0, commit{offset: 3}, topicHistory{started: true}, logRange{5, 10, 10}, Latest, 5},
		"NoneEarliest":     {"Nothing was ever committed for the topic.", 0, none, topicHistory{}, logRange{2, 10, 10}, Earliest, 2},
		"NoneLatest":       {"As above.", 0, none, topicHistory{}, logRange{2, 10, 10}, Latest, 10},
		"NoneLatestOpen":   {"What an open transaction wrote may yet be committed.", 0, none, topicHistory{}, logRange{2, 10, 7}, Latest, 7},
		"CommittedBeyond":  {"Above the last stable offset is not above the log end.", 0, commit{offset: 9}, topicHistory{started: true}, logRange{2, 10, 7}, Latest, 9},
		"AddedLater":       {"Siblings have commits: latest would skip what was produced before it was noticed.", 6, none, topicHistory{started: true}, logRange{0, 10, 10}, Latest, 0},
		"AddedAfterFirst":  {"The topic had 6 partitions at the first start, 6 is the seventh.", 6, none, topicHistory{started: true, firstCount: 6}, logRange{0, 10, 10}, Latest, 0},
		"ThereAtFirst":     {"The topic had 6 partitions at the first start: a sibling was only quicker to open.", 5, none, topicHistory{started: true, firstCount: 6}, logRange{0, 10, 10}, Latest, 10},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tp := kafka.TopicPartition{Topic: "t", Partition: tc.partition}
			got, err := decideStart(tp, tc.committed, tc.history, tc.log, tc.initial)
			if err != nil {
				t.Fatalf("%s\ndecideStart: %v", tc.reason, err)
			}
			if got.offset != tc.want {
				t.Errorf("%s\nopens at %d (%s), want %d", tc.reason, got.offset, got.reason, tc.want)
			}
		})
	}
}

func TestDecideStartRefusesACommitAboveTheLogEnd(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 3}
	_, err := decideStart(tp, commit{offset: 11}, topicHistory{started: true}, logRange{0, 10, 10}, Latest)
	var aboveEnd *OffsetAboveEndError
	if !errors.As(err, &aboveEnd) {
		t.Fatalf("decideStart: %v, want an OffsetAboveEndError", err)
	}
	want := OffsetAboveEndError{Topic: "orders", Partition: 3, Committed: 11, End: 10}
	if diff := cmp.Diff(want, *aboveEnd); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFirstCountSurvivesACommit(t *testing.T) {
	cases := map[string]struct {
		reason   string
		metadata string
		want     int32
	}{
		"Ours":     {"What a commit writes is read back.", commit{firstCount: 12}.metadata(), 12},
		"Unknown":  {"A commit that knows nothing says nothing.", commit{}.metadata(), 0},
		"Foreign":  {"Another program's metadata means nothing here.", "bitset:AAECAw==", 0},
		"Negative": {"Nonsense is not believed.", firstCountKey + "-1", 0},
		"NoNumber": {"As above.", firstCountKey + "twelve", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := parseFirstCount(tc.metadata); got != tc.want {
				t.Errorf("%s\nparseFirstCount(%q) = %d, want %d", tc.reason, tc.metadata, got, tc.want)
			}
		})
	}
}

func TestHighWater(t *testing.T) {
	h := newHighWater()
	a, b := kafka.TopicPartition{Topic: "t"}, kafka.TopicPartition{Topic: "t", Partition: 1}
	steps := []struct {
		tp     kafka.TopicPartition
		offset int64
		want   bool
	}{{a, 0, false}, {a, 0, true}, {a, 5, false}, {a, 3, true}, {b, 3, false}, {a, 6, false}}
	for i, step := range steps {
		if got := h.raise(step.tp, step.offset); got != step.want {
			t.Errorf("step %d: offset %d of %s redelivered: %t, want %t", i, step.offset, step.tp, got, step.want)
		}
	}
}

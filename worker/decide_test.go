package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

var none = commit{offset: kafka.NoOffset}

// plain is a log of which no age was asked for.
func plain(start, end, readable int64) logRange {
	return logRange{start: start, end: end, readable: readable, young: kafka.NoOffset}
}

// aged is a log of which all can be read, too old before the offset young.
func aged(start, end, young int64) logRange {
	return logRange{start: start, end: end, readable: end, young: young}
}

func TestDecideStart(t *testing.T) {
	started := topicHistory{started: true}
	cases := map[string]struct {
		reason    string
		partition int32
		committed commit
		history   topicHistory
		log       logRange
		policy    startPolicy
		want      decision
	}{
		"Committed":        {"The commit is inside the log.", 0, commit{offset: 7}, started, plain(0, 10, 10), startPolicy{Initial: Latest}, decision{offset: 7, reason: atCommit}},
		"CommittedAtEnd":   {"All read: the next message is the first one that comes.", 0, commit{offset: 10}, started, plain(0, 10, 10), startPolicy{Initial: Earliest}, decision{offset: 10, reason: atCommit}},
		"CommittedAtZero":  {"Zero is a position, not 'none'.", 0, commit{offset: 0}, started, plain(0, 10, 10), startPolicy{Initial: Latest}, decision{offset: 0, reason: atCommit}},
		"CommittedAtStart": {"The log start itself still exists.", 0, commit{offset: 4}, started, plain(4, 10, 10), startPolicy{OutOfRange: RangeLatest}, decision{offset: 4, reason: atCommit}},
		"CommittedBeyond":  {"Above the last stable offset is not above the log end.", 0, commit{offset: 9}, started, plain(2, 10, 7), startPolicy{OutOfRange: RangeFail}, decision{offset: 9, reason: atCommit}},
		"NoneEarliest":     {"Nothing was ever committed for the topic.", 0, none, topicHistory{}, plain(2, 10, 10), startPolicy{Initial: Earliest}, decision{offset: 2, reason: atEarliest}},
		"NoneLatest":       {"What is there was asked to be passed over.", 0, none, topicHistory{}, plain(2, 10, 10), startPolicy{Initial: Latest}, decision{offset: 10, reason: atLatest, skips: []skip{{atLatest, 2, 10}}}},
		"NoneLatestOpen":   {"What an open transaction wrote may yet be committed.", 0, none, topicHistory{}, plain(2, 10, 7), startPolicy{Initial: Latest}, decision{offset: 7, reason: atLatest, skips: []skip{{atLatest, 2, 7}}}},
		"NoneLatestEmpty":  {"Of an empty log nothing is passed over.", 0, none, topicHistory{}, plain(4, 4, 4), startPolicy{Initial: Latest}, decision{offset: 4, reason: atLatest}},
		"AddedLater":       {"Siblings have commits: latest would skip what was produced before it was noticed.", 6, none, started, plain(0, 10, 10), startPolicy{Initial: Latest}, decision{offset: 0, reason: addedLater}},
		"AddedAfterFirst":  {"The topic had 6 partitions at the first start, 6 is the seventh.", 6, none, topicHistory{started: true, firstCount: 6}, plain(0, 10, 10), startPolicy{Initial: Latest}, decision{offset: 0, reason: addedLater}},
		"ThereAtFirst":     {"The topic had 6 partitions at the first start: a sibling was only quicker to open.", 5, none, topicHistory{started: true, firstCount: 6}, plain(0, 10, 10), startPolicy{Initial: Latest}, decision{offset: 10, reason: atLatest, skips: []skip{{atLatest, 0, 10}}}},

		"BelowEarliest":     {"What is left is handled, also with latest for partitions without commit; 3 and 4 are lost.", 0, commit{offset: 3}, started, plain(5, 10, 10), startPolicy{Initial: Latest, OutOfRange: RangeEarliest}, decision{offset: 5, reason: outOfRange, outOfRange: true, skips: []skip{{outOfRange, 3, 5}}}},
		"BelowLatest":       {"What is left is passed over, too.", 0, commit{offset: 3}, started, plain(5, 10, 10), startPolicy{OutOfRange: RangeLatest}, decision{offset: 10, reason: outOfRange, outOfRange: true, skips: []skip{{outOfRange, 3, 10}}}},
		"BelowLatestOpen":   {"But not what an open transaction wrote.", 0, commit{offset: 3}, started, plain(5, 10, 7), startPolicy{OutOfRange: RangeLatest}, decision{offset: 7, reason: outOfRange, outOfRange: true, skips: []skip{{outOfRange, 3, 7}}}},
		"AboveEarliest":     {"It is another log: none of it was handled, and all of it is.", 0, commit{offset: 20}, started, plain(5, 10, 10), startPolicy{OutOfRange: RangeEarliest}, decision{offset: 5, reason: outOfRange, outOfRange: true}},
		"AboveLatest":       {"As above, and all of it is passed over.", 0, commit{offset: 20}, started, plain(5, 10, 10), startPolicy{OutOfRange: RangeLatest}, decision{offset: 10, reason: outOfRange, outOfRange: true, skips: []skip{{outOfRange, 5, 10}}}},
		"AboveEmpty":        {"A log without a message has nothing to pass over.", 0, commit{offset: 20}, started, plain(0, 0, 0), startPolicy{OutOfRange: RangeLatest}, decision{offset: 0, reason: outOfRange, outOfRange: true}},
		"Young":             {"The commit is young enough: never back.", 0, commit{offset: 7}, started, aged(0, 10, 4), startPolicy{}, decision{offset: 7, reason: atCommit}},
		"Old":               {"The messages before 8 are too old.", 0, commit{offset: 7}, started, aged(0, 10, 8), startPolicy{}, decision{offset: 8, reason: tooOld, skips: []skip{{tooOld, 7, 8}}}},
		"OldNone":           {"As above, from the log start.", 0, none, topicHistory{}, aged(2, 10, 8), startPolicy{Initial: Earliest}, decision{offset: 8, reason: tooOld, skips: []skip{{tooOld, 2, 8}}}},
		"OldAdded":          {"As above.", 3, none, started, aged(2, 10, 8), startPolicy{Initial: Latest}, decision{offset: 8, reason: tooOld, skips: []skip{{tooOld, 2, 8}}}},
		"OldLatest":         {"Nothing is behind the log end.", 0, none, topicHistory{}, aged(2, 10, 8), startPolicy{Initial: Latest}, decision{offset: 10, reason: atLatest, skips: []skip{{atLatest, 2, 10}}}},
		"OldAndBelow":       {"3 and 4 are lost, 5 to 7 too old.", 0, commit{offset: 3}, started, aged(5, 10, 8), startPolicy{OutOfRange: RangeEarliest}, decision{offset: 8, reason: tooOld, outOfRange: true, skips: []skip{{outOfRange, 3, 5}, {tooOld, 5, 8}}}},
		"OldCommittedAtEnd": {"With the commit at the log end, no message is left to be too old.", 0, commit{offset: 10}, started, aged(0, 10, 10), startPolicy{}, decision{offset: 10, reason: atCommit}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tp := kafka.TopicPartition{Topic: "t", Partition: tc.partition}
			got, err := decideStart(tp, tc.committed, tc.history, tc.log, tc.policy)
			if err != nil {
				t.Fatalf("%s\ndecideStart: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(decision{}, skip{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFailNamesThePartition(t *testing.T) {
	for name, tc := range map[string]struct {
		committed int64
		why       string
	}{
		"Below": {3, "deleted before they were handled"},
		"Above": {11, "created again"},
	} {
		t.Run(name, func(t *testing.T) {
			tp := kafka.TopicPartition{Topic: "orders", Partition: 3}
			_, err := decideStart(tp, commit{offset: tc.committed}, topicHistory{started: true}, plain(5, 10, 10), startPolicy{OutOfRange: RangeFail})
			var told *OffsetOutOfRangeError
			if !errors.As(err, &told) {
				t.Fatalf("decideStart: %v, want an OffsetOutOfRangeError", err)
			}
			want := OffsetOutOfRangeError{Topic: "orders", Partition: 3, Committed: tc.committed, LogStart: 5, LogEnd: 10}
			if diff := cmp.Diff(want, *told); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if text := told.Error(); !strings.Contains(text, tc.why) || !strings.Contains(text, `"orders" partition 3`) {
				t.Errorf("%q does not name the partition, or not why: %q", text, tc.why)
			}
		})
	}
}

func TestHookMovesTheStart(t *testing.T) {
	cases := map[string]struct {
		reason string
		to     int64
		want   decision
	}{
		"Stays":   {"What was decided stays with its reason.", 8, decision{offset: 8, reason: tooOld, skips: []skip{{outOfRange, 3, 5}, {tooOld, 5, 8}}}},
		"Forward": {"What it passes over is its own.", 9, decision{offset: 9, reason: byHook, skips: []skip{{outOfRange, 3, 5}, {tooOld, 5, 8}, {byHook, 8, 9}}}},
		"Back":    {"What is handled after all is passed over by nobody.", 6, decision{offset: 6, reason: byHook, skips: []skip{{outOfRange, 3, 5}, {tooOld, 5, 6}}}},
		"All":     {"As above.", 3, decision{offset: 3, reason: byHook}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := decision{offset: 8, reason: tooOld, skips: []skip{{outOfRange, 3, 5}, {tooOld, 5, 8}}}
			got := before.moved(tc.to)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(decision{}, skip{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// Whatever is found, a claim opens inside the log, and each offset between the
// commit and where it opens is passed over exactly once.
func TestADecisionCountsWhatItPassesOver(t *testing.T) {
	choices := []OutOfRange{RangeEarliest, RangeLatest}
	initials := []InitialOffset{Earliest, Latest}
	holds := func(committed, start, length, unread, young, hook uint8, choice, initial, isStarted, age bool) bool {
		log := plain(int64(start), int64(start)+int64(length), 0)
		log.readable = max(log.start, log.end-int64(unread))
		if age {
			log.young = min(log.start+int64(young), log.readable)
		}
		offset := int64(committed) - 20 // without a commit for the lowest
		policy := startPolicy{OutOfRange: choices[b(choice)], Initial: initials[b(initial)]}
		if length > 0 && hook%2 == 0 {
			policy.StartAt = func(context.Context, Start) (int64, error) { return log.start + int64(hook)%int64(length), nil }
		}
		tp := kafka.TopicPartition{Topic: "t"}
		got, err := decide(t.Context(), tp, commit{offset: max(offset, kafka.NoOffset)}, topicHistory{started: isStarted}, log, policy)
		if err != nil || !log.has(got.offset) {
			t.Logf("%v, %+v of %+v", err, got, log)
			return false
		}
		from := offset
		if offset < 0 || offset > log.end {
			from = log.start
		}
		return passed(got.skips) == max(got.offset-from, 0) && ordered(got.skips)
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}

func b(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func passed(skips []skip) (total int64) {
	for _, s := range skips {
		total += s.to - s.from
	}
	return total
}

func ordered(skips []skip) bool {
	for i, s := range skips {
		if s.from >= s.to || i > 0 && skips[i-1].to != s.from {
			return false
		}
	}
	return true
}

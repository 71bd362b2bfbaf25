package resetplan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestRows: what each target makes of a partition.
func TestRows(t *testing.T) {
	cases := map[string]struct {
		reason   string
		spec     v1alpha1.KafkaOffsetResetSpec
		survey   kafka.Survey
		rollback []v1alpha1.SavedOffset
		want     []string
	}{
		"Earliest": {
			reason: "the log start, also where nothing is committed (A12): Kafka's tool with --all-topics leaves such partitions out",
			spec:   spec(earliest), survey: survey(part(100, 20, 500), part(none, 30, 90)),
			want: []string{"orders-0 Commit 100 -> 20 (-80) [20,500]", "orders-1 Commit none -> 30 (0) [30,90]"},
		},
		"Latest_A13": {
			reason: "the end at the group's isolation level, which the survey has",
			spec:   spec(latest), survey: survey(part(100, 20, 500)),
			want: []string{"orders-0 Commit 100 -> 500 (400) [20,500]"},
		},
		"DateTime_A10_PastEnd": {
			reason: "the brokers' -1 for no such message becomes the log end and is never committed; an empty partition is the same",
			spec:   spec(atNoon), survey: survey(part(100, 20, 500, atTime(60)), part(100, 20, 500), part(none, 7, 7)),
			want: []string{
				"orders-0 Commit 100 -> 60 (-40) [20,500]",
				"orders-1 Commit 100 -> 500 (400) [20,500] no message at or after the time: the log end",
				"orders-2 Commit none -> 7 (0) [7,7] no message at or after the time: the log end",
			},
		},
		"DateTime_A10_Skip": {
			reason: "onTimestampPastEnd: Skip",
			spec:   spec(atNoon, onPastEnd(v1alpha1.PastEndSkip)), survey: survey(part(100, 20, 500), part(1, 0, 5, atTime(2))),
			want: []string{
				"orders-0 Skip 100 -> none (none) [20,500] no message at or after the time",
				"orders-1 Commit 1 -> 2 (1) [0,5]",
			},
		},
		"DateTimeBeyondTheEnd": {
			reason: "a message that came after the end was read: all up to the end is older than the time",
			spec:   spec(dayAgo), survey: survey(part(100, 20, 500, atTime(503))),
			want: []string{"orders-0 Commit 100 -> 500 (400) [20,500] no message at or after the time: the log end"},
		},
		"DateTimeAtTheEnd": {
			reason: "the first message after the end was read: it is the next",
			spec:   spec(dayAgo), survey: survey(part(100, 20, 500, atTime(500))),
			want: []string{"orders-0 Commit 100 -> 500 (400) [20,500]"},
		},
		"Offsets": {
			reason: "the named partitions and no others; both ends of the log are in it",
			spec:   spec(offsets(20, 500)), survey: survey(part(100, 20, 500), part(100, 20, 500), part(100, 20, 500)),
			want: []string{"orders-0 Commit 100 -> 20 (-80) [20,500]", "orders-1 Commit 100 -> 500 (400) [20,500]"},
		},
		"OffsetsClamped": {
			reason: "onOutOfRange: Clamp",
			spec:   spec(offsets(19, 501), clamp), survey: survey(part(100, 20, 500), part(100, 20, 500)),
			want: []string{
				"orders-0 Commit 100 -> 20 (-80) [20,500] 19 is below the log start: clamped to it",
				"orders-1 Commit 100 -> 500 (400) [20,500] 501 is above the log end: clamped to it",
			},
		},
		"OffsetsRefused": {
			reason: "the row shows what was asked for, and why it can't be",
			spec:   spec(offsets(19, 501)), survey: survey(part(100, 20, 500), part(100, 20, 500)),
			want: []string{
				"orders-0 Commit 100 -> 19 (-81) [20,500] 19 is below the log start 20",
				"orders-1 Commit 100 -> 501 (401) [20,500] 501 is above the log end 500",
			},
		},
		"ShiftBy_A12": {
			reason: "from the commit; a partition without one is left as it is, where Kafka's tool throws",
			spec:   spec(shiftBy(-30)), survey: survey(part(100, 20, 500), part(none, 20, 500)),
			want: []string{"orders-0 Commit 100 -> 70 (-30) [20,500]", "orders-1 Skip none -> none (none) [20,500] nothing is committed"},
		},
		"ShiftByFar": {
			reason: "no sum wraps around",
			spec:   spec(shiftBy(1<<63-1), clamp), survey: survey(part(100, 20, 500)),
			want: []string{"orders-0 Commit 100 -> 500 (400) [20,500] 9223372036854775807 is above the log end: clamped to it"},
		},
		"ToCurrent_A12": {
			reason: "the commit, and the log end where there is none, as Kafka's tool has it; a stored -1 is none",
			spec:   spec(toCurrent), survey: survey(part(100, 20, 500), part(none, 20, 500)),
			want: []string{"orders-0 Commit 100 -> 100 (0) [20,500]", "orders-1 Commit none -> 500 (480) [20,500] nothing is committed: the log end"},
		},
		"FromGroup_A12": {
			reason: "the other group's commits; without one nothing is done",
			spec:   spec(fromGroup), survey: survey(part(100, 20, 500, source(60)), part(100, 20, 500)),
			want: []string{"orders-0 Commit 100 -> 60 (-40) [20,500]", `orders-1 Skip 100 -> none (none) [20,500] group "shadow" has nothing committed`},
		},
		"Rollback_A12": {
			reason: "no commit is restored by deleting, never by committing -1; also where none is there now, since the workers may commit until they stop",
			spec:   spec(rollbackOf), survey: survey(part(100, 20, 500), part(100, 20, 500), part(none, 20, 500)),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, "m"), saved(1, none, ""), saved(2, none, "")},
			want: []string{
				"orders-0 Commit 100 -> 60 (-40) [20,500]",
				`orders-1 Delete 100 -> none (none) [20,500] nothing was committed before "first"`,
				`orders-2 Delete none -> none (none) [20,500] nothing was committed before "first"`,
			},
		},
		"RollbackOfAStoredMinusOne": {
			reason: "-1 in a snapshot is no commit",
			spec:   spec(rollbackOf), survey: survey(part(100, 20, 500)),
			rollback: []v1alpha1.SavedOffset{{Topic: "orders", Offset: new(none)}},
			want:     []string{`orders-0 Delete 100 -> none (none) [20,500] nothing was committed before "first"`},
		},
		"EmptiedWhileSurveyed": {
			reason: "a start that is read beyond the end is where the log ends",
			spec:   spec(latest), survey: survey(part(100, 600, 500)),
			want: []string{"orders-0 Commit 100 -> 600 (500) [600,600]"},
		},
		"Scope": {
			reason: "the scope's partitions, sorted; a topic without numbers is all of it",
			spec: spec(earliest, scope(v1alpha1.ScopedTopic{Name: "orders", Partitions: []int32{2, 0}},
				v1alpha1.ScopedTopic{Name: "chat"})),
			survey: withTopic(survey(part(1, 0, 5), part(2, 0, 5), part(3, 0, 5)), topic("chat", 2, part(4, 0, 5), part(5, 0, 5))),
			want: []string{
				"chat-0 Commit 4 -> 0 (-4) [0,5]", "chat-1 Commit 5 -> 0 (-5) [0,5]",
				"orders-0 Commit 1 -> 0 (-1) [0,5]", "orders-2 Commit 3 -> 0 (-3) [0,5]",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, rows, _ := Make(request(tc.spec, tc.survey, tc.rollback...))
			if diff := cmp.Diff(tc.want, rowTexts(rows)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func withTopic(s kafka.Survey, more ...kafka.SurveyedTopic) kafka.Survey {
	s.Topics = append(s.Topics, more...)
	return s
}

// TestSummary: the counts of a plan add up, and its words are those of the target.
func TestSummary(t *testing.T) {
	s := survey(part(100, 20, 500), part(300, 20, 500), part(60, 20, 500), part(none, 20, 500), part(100, 90, 500))
	rollback := []v1alpha1.SavedOffset{saved(0, 40, ""), saved(1, 410, ""), saved(2, 60, ""), saved(3, none, ""), saved(4, 50, "m")}
	s.Topics[0].Partitions = append(s.Topics[0].Partitions, part(70, 20, 500))
	rollback = append(rollback, saved(5, none, ""))
	plan, _, problems := Make(request(spec(rollbackOf, clamp), s, rollback...))
	if problems != nil {
		t.Fatalf("refused: %v", problems)
	}
	got := []any{plan.Revision, plan.ClusterID, plan.GroupID, plan.PlannedAt.Time, plan.Rule, plan.Partitions,
		plan.Moved, plan.Skipped, plan.Deleted, plan.Clamped, plan.Distance, plan.FarthestBack, plan.FarthestAhead}
	want := []any{int32(1), "cluster", "billing", noon, `rollbackOf "first": what was committed right before it`, int32(6),
		int32(3), int32(2), int32(1), int32(1), int64(-60 + 110 - 10), "orders-0", "orders-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if plan.Time != nil || plan.Rows.Items != nil {
		t.Errorf("a plan without a time has %v, and rows are the caller's to store: %v", plan.Time, plan.Rows)
	}
}

func TestRule(t *testing.T) {
	cases := map[string]struct {
		target v1alpha1.ResetTarget
		want   string
	}{
		"Earliest":  {earliest, "earliest: the log start"},
		"Latest":    {latest, "latest: the log end when this was planned"},
		"DateTime":  {atNoon, "datetime: the first message that is not older than 2026-03-01T12:00:00Z"},
		"Ago":       {dayAgo, "ago 24h0m0s: the first message that is not older than 2026-02-28T12:00:00Z"},
		"Offsets":   {offsets(1), "offsets: those that the spec names"},
		"ShiftBack": {shiftBy(-5), "shiftBy -5: counted from what is committed once the workers have stopped"},
		"Shift":     {shiftBy(5), "shiftBy +5: counted from what is committed once the workers have stopped"},
		"ToCurrent": {toCurrent, "toCurrent: what is committed once the workers have stopped, the log end where nothing is"},
		"FromGroup": {fromGroup, `fromGroup "shadow": what that group had committed when this was planned`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, _, _ := Make(request(spec(tc.target), survey(part(1, 0, 5))))
			if plan.Rule != tc.want {
				t.Errorf("%q, want %q", plan.Rule, tc.want)
			}
			if timed := tc.target.DateTime != nil || tc.target.Ago != nil; timed != (plan.Time != nil) {
				t.Errorf("time %v", plan.Time)
			}
		})
	}
}

func TestTimeOf(t *testing.T) {
	later := noon.Add(90*time.Second + 700*time.Millisecond).In(time.FixedZone("CET", 3600))
	if got := TimeOf(spec(dayAgo), later); !got.Equal(noon.Add(90*time.Second-24*time.Hour)) || got.Location() != time.UTC {
		t.Errorf("ago 24h: %s", got)
	}
	if got := TimeOf(spec(atNoon), later); !got.Equal(noon) {
		t.Errorf("datetime: %s", got)
	}
	if got := TimeOf(spec(earliest), later); !got.IsZero() {
		t.Errorf("earliest has no time: %s", got)
	}
}

// TestNotes: what whoever approves must know is in the plan, and nothing that does not concern it.
func TestNotes(t *testing.T) {
	nine := make([]kafka.SurveyedPartition, 9)
	for i := range nine {
		nine[i] = part(none, 20, 500)
	}
	noIDs := survey(part(20, 20, 500))
	noIDs.Topics[0].ID = kafka.TopicID{}
	const distance = "distance is in offsets, not messages: compaction and transactions leave offsets without one"
	cases := map[string]struct {
		reason   string
		spec     v1alpha1.KafkaOffsetResetSpec
		survey   kafka.Survey
		rollback []v1alpha1.SavedOffset
		want     []string
	}{
		"A11_TimestampsOutOfOrder": {
			reason: "CreateTime is not monotonic", spec: spec(atNoon), survey: survey(part(60, 20, 500, atTime(60))),
			want: []string{
				"at the target already, and written anew: orders-0",
				"timestamps may be out of order: messages older than the time may follow the target; none that is not older is before it",
			},
		},
		"A15_OffsetsNotMessages": {
			reason: "a distance is not a number of messages", spec: spec(offsets(60)), survey: survey(part(100, 20, 500)),
			want: []string{distance},
		},
		"A12_NoCommits": {
			reason: "named, with as many as fit", spec: spec(latest), survey: survey(nine...),
			want: []string{
				"nothing is committed now, so that the distance is counted from the log start: orders-0, orders-1, orders-2, orders-3, orders-4 and 4 others",
				aheadWords + ": orders-0, orders-1, orders-2, orders-3, orders-4 and 4 others",
				distance,
			},
		},
		"NotAhead": {
			reason: "from no commit to the log start nothing is left out", spec: spec(earliest), survey: survey(part(none, 20, 500)),
			want: []string{
				"nothing is committed now, so that the distance is counted from the log start: orders-0",
				"where the log start moves on before the commit, the target moves with it",
				distance,
			},
		},
		"A10_PastEnd": {
			reason: "the log end is not what was asked for", spec: spec(atNoon), survey: survey(part(100, 20, 500)),
			want: []string{
				"no message at or after the time, so that the log end is committed: orders-0",
				aheadWords + ": orders-0",
				"timestamps may be out of order: messages older than the time may follow the target; none that is not older is before it",
				distance,
			},
		},
		"A17_MetadataNotRestored": {
			reason: "metadata may be counted from the offset that it was beside", spec: spec(rollbackOf, clamp),
			survey: survey(part(100, 20, 500), part(100, 20, 500)), rollback: []v1alpha1.SavedOffset{saved(0, 10, "map"), saved(1, none, "")},
			want: []string{
				"clamped into the log: orders-0",
				"the commit is deleted, since there was none, and workers start at the group's initialOffset: orders-1",
				"clamped, so that the metadata is not restored, which may be counted from the offset: orders-0",
				distance,
			},
		},
		"Preview": {
			reason: "shiftBy is counted after the drain", spec: spec(shiftBy(-5)), survey: survey(part(100, 20, 500), part(none, 20, 500)),
			want: []string{
				"left as it is, for the reason in its row: orders-1",
				"nothing is committed now, so that the distance is counted from the log start: orders-1",
				"the targets are a preview: the rule is applied to what is committed once the workers have stopped",
				distance,
			},
		},
		"A9_NoTopicIDs": {
			reason: "a topic that is created anew can't be noticed", spec: spec(earliest), survey: noIDs,
			want: []string{
				"at the target already, and written anew: orders-0",
				"where the log start moves on before the commit, the target moves with it",
				"the brokers do not tell topic ids: a topic that is created anew before the commit is not noticed",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, _, _ := Make(request(tc.spec, tc.survey, tc.rollback...))
			if diff := cmp.Diff(tc.want, plan.Notes); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestInitialOffsetIsNeverATarget_A10: nothing that the brokers use for "none" or "latest" is ever a target.
func TestInitialOffsetIsNeverATarget_A10(t *testing.T) {
	for _, target := range []v1alpha1.ResetTarget{earliest, latest, atNoon, dayAgo, toCurrent, fromGroup, shiftBy(-1), shiftBy(1)} {
		for _, odd := range []int64{-1, -2, -1 << 63} {
			s := survey(part(odd, 0, 0, atTime(odd), source(odd)))
			_, rows, _ := Make(request(spec(target, clamp), s))
			if text := strings.Join(rowTexts(rows), "\n"); len(rows) != 1 || rows[0].Target != nil && *rows[0].Target < 0 {
				t.Errorf("an answer of %d: %s", odd, text)
			}
		}
	}
}

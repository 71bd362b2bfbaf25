package resetplan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const tag = " TAG"

// TestRecheck: a plan that was made over one survey, held against another.
func TestRecheck(t *testing.T) {
	cases := map[string]struct {
		reason    string
		spec      v1alpha1.KafkaOffsetResetSpec
		plan, now kafka.Survey
		rollback  []v1alpha1.SavedOffset
		snapshot  []string
		writes    []string
		notes     []string
		problems  []Problem
	}{
		"AsApproved": {
			reason: "the approved targets; the snapshot is of now, with metadata (A17); new metadata is the plan's tag (A16, A17)",
			spec:   spec(latest),
			plan:   survey(part(100, 20, 500), part(none, 20, 500)), now: survey(part(180, 40, 900, metadata("map")), part(none, 20, 900)),
			snapshot: []string{"orders-0 180 map", "orders-1 none"},
			writes:   []string{"orders-0 500" + tag, "orders-1 500" + tag},
		},
		"Overtaken": {
			reason: "a group that works on passes the target: what was to be skipped is handled again; the other has not come there",
			spec:   spec(latest),
			plan:   survey(part(100, 20, 500), part(100, 20, 500), part(100, 20, 500)), now: survey(part(520, 20, 900), part(500, 20, 900), part(180, 20, 900)),
			snapshot: []string{"orders-0 520", "orders-1 500", "orders-2 180"},
			writes:   []string{"orders-0 500" + tag, "orders-1 500" + tag, "orders-2 500" + tag},
			notes:    []string{"moved ahead by the plan, and moved back now: the group has come past the target since: orders-0"},
		},
		"AlreadyThere": {
			reason: "written all the same: the tag proves it",
			spec:   spec(offsets(100)), plan: survey(part(100, 20, 500)), now: survey(part(100, 20, 500)),
			snapshot: []string{"orders-0 100"}, writes: []string{"orders-0 100" + tag},
		},
		"A8_EarliestFollows": {
			reason: "the records between are gone: the log start is what earliest means, whatever the policy",
			spec:   spec(earliest), plan: survey(part(100, 20, 500), part(100, 20, 500)), now: survey(part(100, 60, 500), part(100, 20, 500)),
			snapshot: []string{"orders-0 100", "orders-1 100"}, writes: []string{"orders-0 60" + tag, "orders-1 20" + tag},
			notes: []string{"the log start has moved on since the plan, and the target with it: orders-0"},
		},
		"A8_RetentionPassed": {
			reason: "never silent",
			spec:   spec(atNoon), plan: survey(part(100, 20, 500, atTime(50))), now: survey(part(100, 60, 500)),
			problems: []Problem{{v1alpha1.ReasonTargetRefused,
				"the target is below the log start, and onOutOfRange is Fail: orders-0 (50, and the log has 60 to 500)"}},
		},
		"A8_RetentionPassedClamp": {
			reason: "clamped where that was approved, and said",
			spec:   spec(atNoon, clamp), plan: survey(part(100, 20, 500, atTime(50))), now: survey(part(100, 60, 500)),
			snapshot: []string{"orders-0 100"}, writes: []string{"orders-0 60" + tag},
			notes: []string{"clamped into the log, which has moved since the plan: orders-0"},
		},
		"A9_Truncated": {
			reason: "a log that became shorter has lost messages",
			spec:   spec(latest), plan: survey(part(100, 20, 500)), now: survey(part(100, 20, 480)),
			problems: []Problem{{v1alpha1.ReasonTargetRefused,
				"the target is above the log end, and onOutOfRange is Fail: orders-0 (500, and the log has 20 to 480)"}},
		},
		"A9_Recreated": {
			reason: "another log under the same name, although the target is in it",
			spec:   spec(earliest), plan: survey(part(100, 0, 500), part(100, 0, 500)), now: otherLife(survey(part(none, 0, 500), part(none, 0, 500))),
			problems: []Problem{{v1alpha1.ReasonTopicChanged, `created anew, so that the offsets are those of another log: "orders"`}},
		},
		"A9_UnknownID": {
			reason: "a broker that does not tell the id any more; the plan's is kept",
			spec:   spec(earliest), plan: survey(part(100, 0, 500)), now: withoutID(survey(part(100, 0, 500))),
			snapshot: []string{"orders-0 100"}, writes: []string{"orders-0 0" + tag},
		},
		"A9_FewerPartitions": {
			reason: "a topic can only lose partitions by being created anew",
			spec:   spec(earliest), plan: survey(part(100, 0, 500), part(100, 0, 500)), now: survey(part(100, 0, 500)),
			problems: []Problem{{v1alpha1.ReasonTopicChanged, "partitions that their topic has no more: orders-1"}},
		},
		"A9_TopicGone": {
			reason: "deleted, or no longer the group's",
			spec:   spec(earliest), plan: survey(part(100, 0, 500)), now: withoutTopics(survey()),
			problems: []Problem{{v1alpha1.ReasonTopicChanged, `not among the group's topics any more: "orders"`}},
		},
		"OtherCluster": {
			reason: "the address leads to another cluster now",
			spec:   spec(earliest), plan: survey(part(100, 0, 500)), now: ofOtherCluster(survey(part(100, 0, 500))),
			problems: []Problem{{v1alpha1.ReasonClusterChanged, `the reset is of Kafka cluster "cluster", and the brokers are of "other"`}},
		},
		"PartitionsAdded": {
			reason: "not in the plan, so not written",
			spec:   spec(earliest), plan: survey(part(100, 0, 500)), now: withTopic(survey(part(100, 0, 500), part(none, 0, 3)), topic("orders2", 2, part(none, 0, 3))),
			snapshot: []string{"orders-0 100"}, writes: []string{"orders-0 0" + tag},
			notes: []string{"added since the plan, and not written: orders-1, orders2-0"},
		},
		"PartitionsAddedOutOfScope": {
			reason: "the spec names its partitions",
			spec:   spec(offsets(30)), plan: survey(part(100, 0, 500)), now: survey(part(100, 0, 500), part(none, 0, 3)),
			snapshot: []string{"orders-0 100"}, writes: []string{"orders-0 30" + tag},
		},
		"ShiftBy_A15": {
			reason: "counted from what is committed now; a partition that gained its commit is left",
			spec:   spec(shiftBy(-30)), plan: survey(part(100, 20, 500), part(none, 20, 500)),
			now:      survey(part(180, 20, 500), part(90, 20, 500)),
			snapshot: []string{"orders-0 180"}, writes: []string{"orders-0 150" + tag},
		},
		"A7_ShiftByExpired": {
			reason: "a commit has expired, and nothing can be counted from it", spec: spec(shiftBy(-30)),
			plan: survey(part(100, 20, 500), part(90, 20, 500)), now: survey(part(none, 20, 500), part(90, 20, 500)),
			problems: []Problem{{v1alpha1.ReasonDrifted, "the committed offset is gone, which the target is counted from: orders-0 (100, now nothing)"}},
		},
		"A7_ToCurrentExpired": {
			reason: "the log end in its place would skip what was not consumed", spec: spec(toCurrent),
			plan: survey(part(100, 20, 1000)), now: survey(part(none, 20, 1000)),
			problems: []Problem{{v1alpha1.ReasonDrifted, "the committed offset is gone, which the target is counted from: orders-0 (100, now nothing)"}},
		},
		"A7_OffsetExpired": {
			reason: "a target of its own needs no commit", spec: spec(offsets(100)),
			plan: survey(part(90, 20, 500)), now: survey(part(none, 20, 500)),
			snapshot: []string{"orders-0 none"}, writes: []string{"orders-0 100" + tag},
		},
		"ShiftByBelowStart": {
			reason: "the policy holds for what is computed now", spec: spec(shiftBy(-30)), plan: survey(part(100, 20, 500)), now: survey(part(100, 80, 500)),
			problems: []Problem{{v1alpha1.ReasonTargetRefused,
				"the target is below the log start, and onOutOfRange is Fail: orders-0 (70, and the log has 80 to 500)"}},
		},
		"ToCurrent": {
			reason: "what is committed now; the log end of now without a commit",
			spec:   spec(toCurrent), plan: survey(part(100, 20, 500), part(none, 20, 500)), now: survey(part(180, 20, 500), part(none, 20, 600)),
			snapshot: []string{"orders-0 180", "orders-1 none"}, writes: []string{"orders-0 180" + tag, "orders-1 600" + tag},
		},
		"SkippedStays": {
			reason: "a partition that was left out when it was approved is not written", spec: spec(atNoon, onPastEnd(v1alpha1.PastEndSkip)),
			plan: survey(part(100, 20, 500), part(100, 20, 500, atTime(60))), now: survey(part(100, 20, 700, atTime(500)), part(100, 20, 700, atTime(60))),
			snapshot: []string{"orders-1 100"}, writes: []string{"orders-1 60" + tag},
		},
		"A17_Rollback": {
			reason: "offset and metadata, and no commit by deleting",
			spec:   spec(rollbackOf), plan: survey(part(100, 20, 500), part(none, 20, 500)), now: survey(part(130, 20, 500), part(30, 20, 500)),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, "map"), saved(1, none, "")},
			snapshot: []string{"orders-0 130", "orders-1 30"}, writes: []string{"orders-0 60 map", "orders-1 none"},
		},
		"A17_RollbackClamped": {
			reason: "metadata that was written beside another offset is not restored; neither where it was clamped in the plan nor where it is now",
			spec:   spec(rollbackOf, clamp), plan: survey(part(100, 70, 500), part(100, 20, 500)), now: survey(part(100, 70, 500), part(100, 90, 500)),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, "map"), saved(1, 60, "map")},
			snapshot: []string{"orders-0 100", "orders-1 100"}, writes: []string{"orders-0 70" + tag, "orders-1 90" + tag},
			notes: []string{"clamped into the log, which has moved since the plan: orders-1"},
		},
		"RollbackForbidden": {
			reason: "the right was taken away since", spec: spec(rollbackOf), plan: survey(part(100, 20, 500)), now: mayNotDelete(survey(part(100, 20, 500))),
			rollback: []v1alpha1.SavedOffset{saved(0, none, "")},
			problems: []Problem{{v1alpha1.ReasonNotPermitted,
				"to restore that nothing was committed needs the right to DELETE the group, which the cluster does not give: orders-0"}},
		},
		"WithinDrift": {
			reason:   "as far as maxDrift both ways is not beyond it; a first commit counts from the log start, what is skipped does not count",
			spec:     spec(fromGroup, maxDrift(10)),
			plan:     survey(part(100, 20, 500, source(40)), part(100, 20, 500, source(40)), part(none, 20, 500, source(40)), part(100, 20, 500), part(none, 20, 500, source(40))),
			now:      survey(part(110, 20, 500), part(90, 20, 500), part(30, 20, 500), part(400, 20, 500), part(none, 20, 500)),
			snapshot: []string{"orders-0 110", "orders-1 90", "orders-2 30", "orders-4 none"},
			writes:   []string{"orders-0 40" + tag, "orders-1 40" + tag, "orders-2 40" + tag, "orders-4 40" + tag},
		},
		"Drifted": {
			reason: "by one more, and a commit that is gone",
			spec:   spec(earliest, maxDrift(10)),
			plan:   survey(part(100, 20, 500), part(100, 20, 500), part(none, 20, 500), part(100, 20, 500)),
			now:    survey(part(111, 20, 500), part(89, 20, 500), part(31, 20, 500), part(none, 20, 500)),
			problems: []Problem{{v1alpha1.ReasonDrifted, "the committed offset has moved by more than maxDrift, 10, since the plan: " +
				"orders-0 (100, now 111), orders-1 (100, now 89), orders-2 (nothing, now 31), orders-3 (100, now nothing)"}},
		},
		"DriftComesLast": {
			reason: "another plan is of no use where the target can't be reached",
			spec:   spec(offsets(30), maxDrift(0)), plan: survey(part(100, 20, 500)), now: survey(part(101, 40, 500)),
			problems: []Problem{
				{v1alpha1.ReasonTargetRefused, "the target is below the log start, and onOutOfRange is Fail: orders-0 (30, and the log has 40 to 500)"},
				{v1alpha1.ReasonDrifted, "the committed offset has moved by more than maxDrift, 0, since the plan: orders-0 (100, now 101)"},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, rows, refused := Make(request(tc.spec, tc.plan, tc.rollback...))
			if refused != nil {
				t.Fatalf("the plan is refused: %v", refused)
			}
			got, problems := Recheck(tc.spec, plan, rows, tc.rollback, tc.now)
			for i, text := range tc.writes {
				tc.writes[i] = strings.Replace(text, tag, " "+Tag(plan.Hash), 1)
			}
			for _, diff := range []string{
				cmp.Diff(tc.snapshot, savedTexts(got.Snapshot)), cmp.Diff(tc.writes, savedTexts(got.Writes)),
				cmp.Diff(tc.notes, got.Notes), cmp.Diff(tc.problems, problems),
			} {
				if diff != "" {
					t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
				}
			}
			for i, w := range got.Writes {
				if id := idOfLife(1); w.TopicID != id || got.Snapshot[i].TopicID != id {
					t.Errorf("the id of the topic is not kept: %+v, %+v", w, got.Snapshot[i])
				}
			}
		})
	}
}

func otherLife(s kafka.Survey) kafka.Survey {
	s.Topics[0].ID = kafka.TopicID{2}
	return s
}

func withoutID(s kafka.Survey) kafka.Survey {
	s.Topics[0].ID = kafka.TopicID{}
	return s
}

func withoutTopics(s kafka.Survey) kafka.Survey {
	s.Topics = nil
	return s
}

func ofOtherCluster(s kafka.Survey) kafka.Survey {
	s.ClusterID = "other"
	return s
}

func mayNotDelete(s kafka.Survey) kafka.Survey {
	s.MayDelete = false
	return s
}

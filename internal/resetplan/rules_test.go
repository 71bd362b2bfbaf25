package resetplan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestProblems: what a plan is refused for, in words that stay the same while the log moves.
func TestProblems(t *testing.T) {
	healthy := survey(part(100, 20, 500), part(100, 20, 500))
	with := func(mod func(*kafka.Survey)) kafka.Survey {
		s := survey(part(100, 20, 500), part(100, 20, 500))
		mod(&s)
		return s
	}
	withParcels := func(s *kafka.Survey) { s.Topics = append(s.Topics, topic("parcels", 2, part(1, 0, 2))) }
	unknown := with(func(s *kafka.Survey) { s.Known, s.State = false, kafka.StateDead })
	cases := map[string]struct {
		reason   string
		spec     v1alpha1.KafkaOffsetResetSpec
		survey   kafka.Survey
		rollback []v1alpha1.SavedOffset
		want     []Problem
	}{
		"Healthy": {reason: "nothing speaks against it", spec: spec(earliest), survey: healthy},
		"OtherCluster": {
			reason: "another cluster behind the same address", spec: spec(earliest),
			survey: with(func(s *kafka.Survey) { s.ClusterID = "other" }),
			want:   []Problem{{v1alpha1.ReasonClusterChanged, `the reset is of Kafka cluster "cluster", and the brokers are of "other"`}},
		},
		"A22_GroupUnknown": {
			reason: "a commit would create the group of a mistyped name", spec: spec(earliest), survey: unknown,
			want: []Problem{{v1alpha1.ReasonGroupNotSupported,
				`no broker knows the group "billing": it has never had members or commits, or all have expired`}},
		},
		"A22_GroupUnknownRollback": {
			reason: "a rollback may bring an expired group back", spec: spec(rollbackOf), survey: unknown,
			rollback: []v1alpha1.SavedOffset{saved(0, 60, "")},
		},
		"RollbackEmpty": {
			reason: "nothing was committed", spec: spec(rollbackOf), survey: healthy,
			want: []Problem{{v1alpha1.ReasonRollbackMissing, `the KafkaOffsetReset "first" has committed nothing that could be rolled back`}},
		},
		"TopicForeign": {
			reason: "offsets of a topic that is not the group's", survey: healthy,
			spec: spec(v1alpha1.ResetTarget{Offsets: []v1alpha1.PartitionOffset{
				{Topic: "chat", Offset: 1}, {Topic: "chat", Partition: 1, Offset: 1}, {Topic: "audit", Offset: 1}, {Topic: "orders", Offset: 30}}}),
			want: []Problem{{v1alpha1.ReasonTargetRefused, `not among the group's topics: "audit", "chat"`}},
		},
		"ScopeForeign": {
			reason: "a scope that names a topic that is not the group's", survey: healthy,
			spec: spec(earliest, scope(v1alpha1.ScopedTopic{Name: "chat"})),
			want: []Problem{{v1alpha1.ReasonTargetRefused, `not among the group's topics: "chat"`}},
		},
		"PartitionMissing": {
			reason: "sorted, and as many as fit", survey: healthy,
			spec: spec(earliest, scope(v1alpha1.ScopedTopic{Name: "orders", Partitions: []int32{9, 8, 7, 6, 5, 4, 1, 2}})),
			want: []Problem{{v1alpha1.ReasonTargetRefused,
				"partitions that their topic does not have: orders-2, orders-4, orders-5, orders-6, orders-7 and others"}},
		},
		"A9_RollbackRecreated": {
			reason: "the snapshot's offsets are those of another log", spec: spec(rollbackOf), survey: healthy,
			rollback: []v1alpha1.SavedOffset{{Topic: "orders", TopicID: idOfLife(9), Offset: new(int64(60))}},
			want: []Problem{{v1alpha1.ReasonTopicChanged,
				`created anew, so that the offsets are those of another log: "orders"`}},
		},
		"A9_RollbackUnknownID": {
			reason: "a snapshot of brokers that did not tell ids", spec: spec(rollbackOf), survey: healthy,
			rollback: []v1alpha1.SavedOffset{{Topic: "orders", Offset: new(int64(60))}},
		},
		"RollbackGone": {
			reason: "what the snapshot has was there once", spec: spec(rollbackOf), survey: healthy,
			rollback: []v1alpha1.SavedOffset{saved(0, 60, ""), saved(2, 60, ""), {Topic: "chat", Offset: new(int64(1))}},
			want: []Problem{
				{v1alpha1.ReasonTopicChanged, `not among the group's topics any more: "chat"`},
				{v1alpha1.ReasonTopicChanged, "partitions that their topic has no more: orders-2"},
				{v1alpha1.ReasonTopicChanged, "to roll back all that is left, apply another KafkaOffsetReset with the same target and scope: {topics: [{name: orders, partitions: [0]}]}"},
			},
		},
		"RollbackOfOthers": {
			reason: "one of two topics was created anew", spec: spec(rollbackOf), survey: with(withParcels),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, ""), saved(1, 60, ""), {Topic: "parcels", TopicID: idOfLife(9), Offset: new(int64(1))}},
			want: []Problem{
				{v1alpha1.ReasonTopicChanged, `created anew, so that the offsets are those of another log: "parcels"`},
				{v1alpha1.ReasonTopicChanged, "to roll back all that is left, apply another KafkaOffsetReset with the same target and scope: {topics: [{name: orders}]}"},
			},
		},
		"RollbackScoped": {
			reason: "the others are rolled back", spec: spec(rollbackOf, scope(v1alpha1.ScopedTopic{Name: "orders"})), survey: with(withParcels),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, ""), saved(1, 60, ""), {Topic: "parcels", TopicID: idOfLife(9), Offset: new(int64(1))}},
		},
		"RollbackScopeUnrecorded": {
			reason: "nobody knows what to restore there", survey: with(withParcels),
			spec:     spec(rollbackOf, scope(v1alpha1.ScopedTopic{Name: "orders", Partitions: []int32{0, 1}}, v1alpha1.ScopedTopic{Name: "parcels"})),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, "")},
			want:     []Problem{{v1alpha1.ReasonTargetRefused, `the scope names what KafkaOffsetReset "first" has not written: orders-1, parcels`}},
		},
		"A12_DeletionForbidden": {
			reason: "found while planning, not after the workers have stopped", spec: spec(rollbackOf),
			survey:   with(func(s *kafka.Survey) { s.MayDelete = false }),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, ""), saved(1, none, "")},
			want: []Problem{{v1alpha1.ReasonNotPermitted,
				"to restore that nothing was committed needs the right to DELETE the group, which the cluster does not give: orders-1"}},
		},
		"DeletionNotNeeded": {
			reason: "the right is asked for only where it is needed", spec: spec(rollbackOf),
			survey:   with(func(s *kafka.Survey) { s.MayDelete = false }),
			rollback: []v1alpha1.SavedOffset{saved(0, 60, "")},
		},
		"A12_CommitForbidden": {
			reason: "READ of the group", spec: spec(earliest), survey: with(func(s *kafka.Survey) { s.MayCommit = false }),
			want: []Problem{{v1alpha1.ReasonNotPermitted,
				`to commit for the group needs the right to READ it, which the cluster does not give: "billing"`}},
		},
		"CommitNotNeeded": {
			reason: "a deletion takes no READ of the group", spec: spec(rollbackOf),
			survey:   with(func(s *kafka.Survey) { s.MayCommit = false }),
			rollback: []v1alpha1.SavedOffset{saved(0, none, "")},
		},
		"A12_TopicForbidden": {
			reason: "READ of one of two topics", spec: spec(earliest),
			survey: with(func(s *kafka.Survey) {
				s.Topics = append(s.Topics, topic("parcels", 2, part(1, 0, 2), part(1, 0, 2)))
				s.Topics[1].MayCommit = false
			}),
			want: []Problem{{v1alpha1.ReasonNotPermitted,
				`to commit for a topic needs the right to READ it, which the cluster does not give: "parcels"`}},
		},
		"TopicNotNeeded": {
			reason: "the other topic is left out", spec: spec(earliest, scope(v1alpha1.ScopedTopic{Name: "orders"})),
			survey: with(func(s *kafka.Survey) {
				s.Topics = append(s.Topics, topic("parcels", 2, part(1, 0, 2)))
				s.Topics[1].MayCommit = false
			}),
		},
		"A8_OutOfRange": {
			reason: "both ways, without the numbers that move", spec: spec(offsets(19, 501)), survey: healthy,
			want: []Problem{
				{v1alpha1.ReasonTargetRefused, "the target is below the log start, and onOutOfRange is Fail: orders-0"},
				{v1alpha1.ReasonTargetRefused, "the target is above the log end, and onOutOfRange is Fail: orders-1"},
			},
		},
		"A8_OutOfRangeClamped": {reason: "allowed", spec: spec(offsets(19, 501), clamp), survey: healthy},
		"A10_PastEnd": {
			reason: "onTimestampPastEnd: Fail", spec: spec(atNoon, onPastEnd(v1alpha1.PastEndFail)), survey: healthy,
			want: []Problem{{v1alpha1.ReasonTargetRefused,
				"no message is as young as the target, and onTimestampPastEnd is Fail: orders-0, orders-1"}},
		},
		"A12_NothingToCommit": {
			reason: "the workers are not stopped for nothing", spec: spec(shiftBy(1)), survey: survey(part(none, 0, 5)),
			want: []Problem{{v1alpha1.ReasonTargetRefused, "every partition would be left as it is: there is nothing to commit"}},
		},
		"NoPartitions": {
			reason: "a pattern that matches nothing", spec: spec(earliest), survey: with(func(s *kafka.Survey) { s.Topics = nil }),
			want: []Problem{{v1alpha1.ReasonTargetRefused, "the target has no partitions"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, problems := Make(request(tc.spec, tc.survey, tc.rollback...))
			if diff := cmp.Diff(tc.want, problems); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

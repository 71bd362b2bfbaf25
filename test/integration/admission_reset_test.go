package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// resetManifest is a KafkaOffsetReset as a user writes it, to the log start
// unless spec has another target.
func resetManifest(ns, name string, spec fields) *unstructured.Unstructured {
	content := fields{"groupRef": fields{"name": "orders"}, "target": fields{"earliest": fields{}}}
	maps.Copy(content, runtime.DeepCopyJSON(spec))
	u := &unstructured.Unstructured{Object: fields{"spec": content}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaOffsetReset"))
	u.SetNamespace(ns)
	u.SetName(name)
	return u
}

func target(kind string, value any) fields { return fields{"target": fields{kind: value}} }

func partitionOffset(topic string, partition, offset int64) fields {
	return fields{"topic": topic, "partition": partition, "offset": offset}
}

// offsetsOf are those of count partitions.
func offsetsOf(topic string, count int) []any {
	all := list()
	for p := range count {
		all = append(all, partitionOffset(topic, int64(p), 1_000_000_000))
	}
	return all
}

// topicsOf is a scope of count topics with so many partitions each.
func topicsOf(count, partitions int) fields {
	all := list()
	for i := range count {
		numbers := list()
		for p := range partitions {
			numbers = append(numbers, int64(p))
		}
		all = append(all, fields{"name": fmt.Sprintf("orders-%d", i), "partitions": numbers})
	}
	return fields{"topics": all}
}

// TestAdmissionOfReset: what can't work is refused with the field and what to
// do; what is accepted can be read by the manager, whose watch of all resets
// would otherwise fail on one.
func TestAdmissionOfReset(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	one := "exactly one of earliest, latest, datetime, ago, offsets, shiftBy, toCurrent, fromGroup and rollbackOf"
	none := fields{}
	scope := fields{"scope": fields{"topics": list(fields{"name": "orders"})}}
	cases := map[string]struct {
		reason string
		spec   fields
		words  []string // of the error; nil: it is accepted
	}{
		"All": {"a whole spec", fields{
			"target": fields{"datetime": "2026-03-01T14:00:00.5+01:00"}, "scope": fields{"topics": list(fields{"name": "orders", "partitions": list(int64(0), int64(7))})},
			"onOutOfRange": "Clamp", "onTimestampPastEnd": "Skip", "approval": "Manual", "approved": "", "cancel": false, "maxDrift": int64(0),
			"drainTimeout": "5m", "verifyFor": "1m30s", "resume": false, "dedup": "NewNamespace", "ttlAfterFinished": "72h",
		}, nil},
		"NoGroup":   {"whose offsets?", fields{"groupRef": fields{}}, []string{"spec.groupRef.name", "Required"}},
		"GroupName": {"no object is called so", fields{"groupRef": fields{"name": "Orders"}}, []string{"spec.groupRef.name", "match"}},

		"NoTarget":     {"where to?", fields{"target": none}, []string{"spec.target", one}},
		"NullTarget":   {"null is not set", target("earliest", nil), []string{"spec.target", one}},
		"TwoTargets":   {"which one?", fields{"target": fields{"earliest": none, "latest": none}}, []string{"spec.target", one}},
		"TwoOfAll":     {"which one?", fields{"target": fields{"fromGroup": "a", "rollbackOf": "b"}}, []string{"spec.target", one}},
		"Earliest":     {"alone", target("earliest", none), nil},
		"Latest":       {"alone", target("latest", none), nil},
		"ToCurrent":    {"alone", target("toCurrent", none), nil},
		"EarliestWord": {"a habit from other tools", target("earliest", true), []string{"spec.target.earliest", "must be of type object"}},

		"DateTime":       {"UTC", target("datetime", "2026-03-01T14:00:00Z"), nil},
		"DateTimeMillis": {"Kafka's timestamps have them", target("datetime", "2026-03-01T14:00:00.001Z"), nil},
		"DateTimeEpoch":  {"the first that Kafka knows", target("datetime", "1970-01-01T00:00:00Z"), nil},
		"DateTimeNoZone": {"whose two o'clock?", target("datetime", "2026-03-01T14:00:00"), []string{"spec.target.datetime", "(Z|[+-]"}},
		"DateTimeDay":    {"from when?", target("datetime", "2026-03-01"), []string{"spec.target.datetime", "(Z|[+-]"}},
		"DateTimeSpace":  {"SQL", target("datetime", "2026-03-01 14:00:00Z"), []string{"spec.target.datetime", "T[0-9]"}},
		"DateTimeLower":  {"Go does not read it", target("datetime", "2026-03-01t14:00:00z"), []string{"spec.target.datetime", "T[0-9]"}},
		"DateTimeComma":  {"RFC 3339 has a dot", target("datetime", "2026-03-01T14:00:00,5Z"), []string{"spec.target.datetime", "[.]"}},
		"DateTimeZone":   {"Go does not read it", target("datetime", "2026-03-01T14:00:00+99:99"), []string{"spec.target.datetime", "[0-5][0-9]"}},
		"DateTimeNoDay":  {"no such day", target("datetime", "2026-02-30T14:00:00Z"), []string{"spec.target.datetime", "date-time"}},
		"DateTime1969": {"-1 ms is how Kafka asks for the log end", target("datetime", "1969-12-31T23:59:59.999Z"),
			[]string{"spec.target.datetime", "must not be before 1970"}},
		"Ago":         {"a day and a half", target("ago", "36h"), nil},
		"AgoNumber":   {"seconds or hours?", target("ago", "24"), []string{"spec.target.ago", "such as 24h or 1h30m"}},
		"AgoDays":     {"no unit of ours", target("ago", "2d"), []string{"spec.target.ago", "such as 24h or 1h30m"}},
		"AgoNegative": {"the future", target("ago", "-1h"), []string{"spec.target.ago", "such as 24h or 1h30m"}},
		"AgoZero":     {"that is latest", target("ago", "0s"), []string{"spec.target.ago", "between 1ms and 87600h"}},
		"AgoTooLong":  {"before any Kafka", target("ago", "87601h"), []string{"spec.target.ago", "between 1ms and 87600h"}},

		"Offsets": {"two partitions", target("offsets", list(partitionOffset("orders", 0, 0), partitionOffset("orders", 1, 1<<62))), nil},
		"OffsetsTwice": {"which one?", target("offsets", list(partitionOffset("orders", 0, 1), partitionOffset("orders", 0, 2))),
			[]string{"spec.target.offsets[1]", "Duplicate"}},
		"OffsetsNone":       {"nothing to move", target("offsets", list()), []string{"spec.target.offsets", "at least 1"}},
		"OffsetNegative":    {"-1 is no offset", target("offsets", list(partitionOffset("orders", 0, -1))), []string{"spec.target.offsets[0].offset", "greater than or equal to 0"}},
		"OffsetMissing":     {"where to?", target("offsets", list(fields{"topic": "orders", "partition": int64(0)})), []string{"spec.target.offsets[0].offset", "Required"}},
		"PartitionNegative": {"no partition", target("offsets", list(partitionOffset("orders", -1, 0))), []string{"spec.target.offsets[0].partition", "greater than or equal to 0"}},
		"PartitionBeyond":   {"more than Kafka can number", target("offsets", list(partitionOffset("orders", 1<<31, 0))), []string{"spec.target.offsets[0].partition", "int32"}},
		"OffsetsTopic":      {"no Kafka topic has one", target("offsets", list(partitionOffset("a/b", 0, 0))), []string{"spec.target.offsets[0].topic", "[a-zA-Z0-9._-]"}},
		"OffsetsMost":       {"the limit", target("offsets", offsetsOf(strings.Repeat("o", 40), 5000)), nil},
		"OffsetsTooMany":    {"one more", target("offsets", offsetsOf("orders", 5001)), []string{"spec.target.offsets", "at most 5000"}},
		"OffsetsTooLong": {"more than the API server keeps", target("offsets", offsetsOf(strings.Repeat("o", 41), 5000)),
			[]string{"spec.target.offsets", "200000 characters together", "several KafkaOffsetResets"}},

		"ShiftBack":      {"again", target("shiftBy", int64(-1000)), nil},
		"ShiftNot":       {"moves nothing", target("shiftBy", int64(0)), []string{"spec.target.shiftBy", "use toCurrent"}},
		"ShiftTooFar":    {"an offset and it must be below 2^63", target("shiftBy", int64(1e18+1000)), []string{"spec.target.shiftBy", "less than or equal to 1000000000000000000"}},
		"ShiftTooBack":   {"as far", target("shiftBy", int64(-1e18-1000)), []string{"spec.target.shiftBy", "greater than or equal to -1000000000000000000"}},
		"ShiftFraction":  {"offsets are whole", target("shiftBy", 1.5), []string{"spec.target.shiftBy", "integer"}},
		"FromGroup":      {"Kafka's id, not a name of ours", target("fromGroup", "team/billing: v2"), nil},
		"FromGroupEmpty": {"whose?", target("fromGroup", ""), []string{"spec.target.fromGroup", "at least 1"}},
		"RollbackOf":     {"another one", target("rollbackOf", "earlier"), nil},
		"RollbackEmpty":  {"of which?", target("rollbackOf", ""), []string{"spec.target.rollbackOf", "match"}},
		"RollbackOfSelf": {"has committed nothing", target("rollbackOf", "rollbackofself"), []string{"spec.target.rollbackOf", "must name another KafkaOffsetReset"}},

		"ScopeEmpty":      {"all, or none?", fields{"scope": none}, []string{"spec.scope.topics", "Required"}},
		"ScopeNoTopics":   {"all, or none?", fields{"scope": fields{"topics": list()}}, []string{"spec.scope.topics", "at least 1"}},
		"ScopeNothing":    {"all, or none?", fields{"scope": topicsOf(1, 0)}, []string{"spec.scope.topics[0].partitions", "at least 1"}},
		"ScopeTwice":      {"a set", fields{"scope": fields{"topics": list(fields{"name": "a"}, fields{"name": "a"})}}, []string{"spec.scope.topics[1]", "Duplicate"}},
		"ScopePartitions": {"no partition", fields{"scope": fields{"topics": list(fields{"name": "a", "partitions": list(int64(-1))})}}, []string{"spec.scope.topics[0].partitions[0]", "greater than or equal to 0"}},
		"ScopeMost":       {"the limit", fields{"scope": topicsOf(2, 10_000)}, nil},
		"ScopeTooMany":    {"more than the API server keeps", fields{"scope": topicsOf(3, 6_667)}, []string{"spec.scope.topics", "more than 20000 partitions", "leave out partitions"}},
		"ScopeOfOffsets": {"they name their partitions", with(target("offsets", offsetsOf("orders", 1)), scope),
			[]string{"spec.scope", "can't be used with target.offsets"}},
		"ScopeOfRollback": {"a topic of it was created anew", with(target("rollbackOf", "earlier"), scope), nil},

		"OutOfRange":    {"Kafka's word", fields{"onOutOfRange": "earliest"}, []string{"spec.onOutOfRange", `"Fail", "Clamp"`}},
		"PastEnd":       {"a typo", fields{"onTimestampPastEnd": "end"}, []string{"spec.onTimestampPastEnd", `"End", "Skip", "Fail"`}},
		"Approval":      {"a typo", fields{"approval": "auto"}, []string{"spec.approval", `"Manual", "Automatic"`}},
		"ApprovedWord":  {"no hash", fields{"approved": "yes"}, []string{"spec.approved", "[0-9a-f]"}},
		"ApprovedLong":  {"longer than a hash", fields{"approved": strings.Repeat("a", 65)}, []string{"spec.approved", "64"}},
		"DriftNegative": {"less than nothing", fields{"maxDrift": int64(-1)}, []string{"spec.maxDrift", "greater than or equal to 0"}},
		"DrainNumber":   {"no unit", fields{"drainTimeout": "300"}, []string{"spec.drainTimeout", "such as 500ms"}},
		"DrainZero":     {"no time at all", fields{"drainTimeout": "0s"}, []string{"spec.drainTimeout", "between 1ms and 24h"}},
		"VerifyLong":    {"beyond a day", fields{"verifyFor": "25h"}, []string{"spec.verifyFor", "between 1ms and 24h"}},
		"TTLZero":       {"nobody would see it", fields{"ttlAfterFinished": "0s"}, []string{"spec.ttlAfterFinished", "at least 1s, such as 72h"}},
		"TTLDays":       {"no unit of ours", fields{"ttlAfterFinished": "3d"}, []string{"spec.ttlAfterFinished", "such as 72h"}},
		"Automatic":     {"by who may approve", fields{"approval": "Automatic"}, nil},
		"TTLAutomatic": {"what Git applies again would run again", fields{"approval": "Automatic", "ttlAfterFinished": "72h"},
			[]string{"spec.ttlAfterFinished", "can't be used with approval: Automatic"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := resetManifest(ns, strings.ToLower(name), tc.spec)
			wantAdmission(t, tc.reason, kube.Create(context.Background(), u, client.DryRunAll), tc.words)
			if tc.words == nil {
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &v1alpha1.KafkaOffsetReset{}); err != nil {
					t.Errorf("%s: accepted, and can't be read: %v", tc.reason, err)
				}
			}
		})
	}
}

// TestResetNameLength: its ConfigMaps' names are longer by a suffix.
func TestResetNameLength(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for length, words := range map[int][]string{200: nil, 201: {"metadata.name must not be longer than 200 characters"}} {
		u := resetManifest(ns, strings.Repeat("a", length), nil)
		wantAdmission(t, "name", kube.Create(context.Background(), u, client.DryRunAll), words)
	}
}

// TestDefaultsOfReset: the least that a user can write becomes a complete object.
func TestDefaultsOfReset(t *testing.T) {
	t.Parallel()
	u := resetManifest(namespace(t), "least", nil)
	create(t, u)
	want := map[string]any{
		"onOutOfRange": "Fail", "onTimestampPastEnd": "End", "approval": "Manual", "drainTimeout": "10m", "verifyFor": "10s", "resume": true, "dedup": "Keep",
		"approved": nil, "cancel": nil, "scope": nil, "maxDrift": nil, "ttlAfterFinished": nil,
	}
	for path, value := range want {
		if got, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", path); got != value {
			t.Errorf("%s is %v, want %v", path, got, value)
		}
	}
}

// TestResetImmutable: nothing but approved and cancel can be changed, set or
// removed; the same value in other words is no change.
func TestResetImmutable(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	scope := func(partitions int) fields { return fields{"scope": topicsOf(1, partitions)} }
	offsets := func(offset int64) fields {
		return target("offsets", list(partitionOffset("orders", 0, 5), partitionOffset("orders", 1, offset)))
	}
	cases := map[string]struct {
		reason   string
		from, to fields
		field    string // that is named; empty: it is no change
	}{
		"Group":          {"another group's offsets", nil, fields{"groupRef": fields{"name": "other"}}, "groupRef"},
		"Target":         {"another kind", target("earliest", fields{}), target("latest", fields{}), "target"},
		"TargetCurrent":  {"another kind", target("toCurrent", fields{}), target("shiftBy", int64(1)), "target"},
		"TargetGroup":    {"another kind", target("fromGroup", "a"), target("rollbackOf", "a"), "target"},
		"TargetAgo":      {"another kind", target("ago", "24h"), target("datetime", "2026-03-01T14:00:00Z"), "target"},
		"TargetOffsets":  {"another kind", offsets(1), target("earliest", fields{}), "target"},
		"DateTime":       {"a second later", target("datetime", "2026-03-01T14:00:00Z"), target("datetime", "2026-03-01T14:00:01Z"), "target.datetime"},
		"DateTimeZone":   {"an hour earlier", target("datetime", "2026-03-01T14:00:00Z"), target("datetime", "2026-03-01T14:00:00+01:00"), "target.datetime"},
		"DateTimeSame":   {"the same moment", target("datetime", "2026-03-01T14:00:00Z"), target("datetime", "2026-03-01T15:00:00+01:00"), ""},
		"Ago":            {"longer", target("ago", "24h"), target("ago", "25h"), "target.ago"},
		"AgoSame":        {"as a Go program writes it", target("ago", "24h"), target("ago", "24h0m0s"), ""},
		"Offset":         {"of a partition", offsets(1), offsets(2), "target.offsets"},
		"OffsetMore":     {"a partition more", offsets(1), target("offsets", offsetsOf("orders", 3)), "target.offsets"},
		"OffsetLess":     {"a partition less", offsets(1), target("offsets", list(partitionOffset("orders", 0, 5))), "target.offsets"},
		"OffsetOrder":    {"their order says nothing", offsets(1), target("offsets", list(partitionOffset("orders", 1, 1), partitionOffset("orders", 0, 5))), ""},
		"ShiftBy":        {"farther", target("shiftBy", int64(-1)), target("shiftBy", int64(-2)), "target.shiftBy"},
		"FromGroup":      {"another's", target("fromGroup", "a"), target("fromGroup", "b"), "target.fromGroup"},
		"RollbackOf":     {"another", target("rollbackOf", "a"), target("rollbackOf", "b"), "target.rollbackOf"},
		"ScopeSet":       {"less than all", nil, scope(1), "scope"},
		"ScopeRemoved":   {"all", scope(1), fields{"scope": nil}, "scope"},
		"ScopeChanged":   {"a partition more", scope(1), scope(2), "scope.topics"},
		"OutOfRange":     {"another policy", nil, fields{"onOutOfRange": "Clamp"}, "onOutOfRange"},
		"OutOfRangeGone": {"the default is another", fields{"onOutOfRange": "Clamp"}, fields{"onOutOfRange": nil}, "onOutOfRange"},
		"OutOfRangeSame": {"the default, written", nil, fields{"onOutOfRange": "Fail"}, ""},
		"PastEnd":        {"another policy", nil, fields{"onTimestampPastEnd": "Skip"}, "onTimestampPastEnd"},
		"Approval":       {"would run unseen", nil, fields{"approval": "Automatic"}, "approval"},
		"ApprovalBack":   {"runs already", fields{"approval": "Automatic"}, fields{"approval": nil}, "approval"},
		"DriftSet":       {"a bound", nil, fields{"maxDrift": int64(5)}, "maxDrift"},
		"DriftRemoved":   {"no bound", fields{"maxDrift": int64(0)}, fields{"maxDrift": nil}, "maxDrift"},
		"DriftChanged":   {"another bound", fields{"maxDrift": int64(0)}, fields{"maxDrift": int64(5)}, "maxDrift"},
		"Drain":          {"longer", nil, fields{"drainTimeout": "11m"}, "drainTimeout"},
		"DrainSame":      {"as a Go program writes it", nil, fields{"drainTimeout": "10m0s"}, ""},
		"Verify":         {"shorter", nil, fields{"verifyFor": "1s"}, "verifyFor"},
		"VerifySame":     {"as a Go program writes it", fields{"verifyFor": "1m"}, fields{"verifyFor": "60s"}, ""},
		"Resume":         {"stay at zero", nil, fields{"resume": false}, "resume"},
		"Dedup":          {"would be handled again unseen", nil, fields{"dedup": "NewNamespace"}, "dedup"},
		"DedupGone":      {"the default is another", fields{"dedup": "NewNamespace"}, fields{"dedup": nil}, "dedup"},
		"DedupSame":      {"the default, written", nil, fields{"dedup": "Keep"}, ""},
		"TTLSet":         {"removes it", nil, fields{"ttlAfterFinished": "1s"}, "ttlAfterFinished"},
		"TTLRemoved":     {"keeps it", fields{"ttlAfterFinished": "1h"}, fields{"ttlAfterFinished": nil}, "ttlAfterFinished"},
		"TTLChanged":     {"removes it sooner", fields{"ttlAfterFinished": "1h"}, fields{"ttlAfterFinished": "1s"}, "ttlAfterFinished"},
		"TTLSame":        {"as a Go program writes it", fields{"ttlAfterFinished": "1h"}, fields{"ttlAfterFinished": "1h0m0s"}, ""},
		"Approved":       {"what is meant to be set", nil, fields{"approved": "0a"}, ""},
		"ApprovedAgain":  {"another plan", fields{"approved": "0a"}, fields{"approved": "0b"}, ""},
		"ApprovedGone":   {"taken away", fields{"approved": "0a"}, fields{"approved": nil}, ""},
		"Cancel":         {"what is meant to be set", nil, fields{"cancel": true}, ""},
		"CancelGone":     {"as a GitOps tool does", fields{"cancel": true}, fields{"cancel": nil}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := resetManifest(ns, strings.ToLower(name), tc.from)
			create(t, u)
			for field, value := range resetManifest(ns, "", tc.to).Object["spec"].(fields) {
				if tc.from["target"] != nil && field == "target" && tc.to["target"] == nil {
					continue // it stays
				}
				u.Object["spec"].(fields)[field] = value
			}
			wantUnchangeable(t, tc.reason, kube.Update(context.Background(), u), tc.field)
		})
	}
}

// wantUnchangeable: the one field is named as what can't be changed, or there is no error.
func wantUnchangeable(t *testing.T, reason string, err error, field string) {
	t.Helper()
	if field == "" {
		wantAdmission(t, reason, err, nil)
		return
	}
	var refused apierrors.APIStatus
	if !errors.As(err, &refused) || refused.Status().Details == nil {
		t.Fatalf("%s: %v, want it refused", reason, err)
	}
	causes := refused.Status().Details.Causes
	if len(causes) != 1 || causes[0].Field != "spec."+field || !strings.Contains(causes[0].Message, "can't be changed") {
		t.Errorf("%s: %+v, want that spec.%s can't be changed", reason, causes, field)
	}
}

// TestLargestResetHasRoom: beside the largest target that is accepted, the API
// server keeps the largest status: 300 rows each of plan, snapshot and intent,
// with the longest names.
func TestLargestResetHasRoom(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, resetManifest(ns, "largest", target("offsets", offsetsOf(strings.Repeat("o", 40), 5000))))
	var reset v1alpha1.KafkaOffsetReset
	if err := kube.Get(context.Background(), client.ObjectKey{Namespace: ns, Name: "largest"}, &reset); err != nil {
		t.Fatal(err)
	}
	before := reset.DeepCopy()
	reset.Status = largestStatus()
	if err := kube.Status().Patch(context.Background(), &reset, client.MergeFrom(before)); err != nil {
		t.Error(err)
	}
}

func largestStatus() v1alpha1.KafkaOffsetResetStatus {
	now, far, id := metav1.Now(), int64(1e15), "AAAAAAAAAAAAAAAAAAAAAA"
	topic, words := strings.Repeat("o", 249), strings.Repeat("w", 120)
	var rows []v1alpha1.ResetRow
	saved := v1alpha1.ResetOffsets{TakenAt: now}
	for p := range int32(300) {
		rows = append(rows, v1alpha1.ResetRow{
			Topic: topic, Partition: p, TopicID: id, Action: v1alpha1.ResetCommit,
			Committed: &far, Start: far, End: far, Target: &far, Distance: &far, Reason: words,
		})
		saved.Items = append(saved.Items, v1alpha1.SavedOffset{Topic: topic, Partition: p, TopicID: id, Offset: &far, Metadata: words[:16]})
	}
	return v1alpha1.KafkaOffsetResetStatus{
		Phase:    v1alpha1.PhaseVerifying,
		Plan:     &v1alpha1.ResetPlan{PlannedAt: now, Rows: v1alpha1.ResetRows{Items: rows}},
		Snapshot: saved.DeepCopy(), Intent: &v1alpha1.ResetIntent{At: now, Offsets: saved},
	}
}

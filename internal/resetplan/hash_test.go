package resetplan

import (
	"regexp"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestHashOfWhatIsFrozen: an approval is of exactly this.
func TestHashOfWhatIsFrozen(t *testing.T) {
	base := func(target v1alpha1.ResetTarget) Request {
		return request(spec(target), survey(part(100, 20, 500, atTime(60), source(70)), part(none, 20, 500)))
	}
	first := func(r *Request) *kafka.SurveyedPartition { return &r.Survey.Topics[0].Partitions[0] }
	cases := map[string]struct {
		target v1alpha1.ResetTarget
		mod    func(*Request)
		same   bool
	}{
		"UID":            {earliest, func(r *Request) { r.Identity.UID = "u-2" }, false},
		"ClusterID":      {earliest, func(r *Request) { r.Identity.ClusterID = "other" }, false},
		"GroupID":        {earliest, func(r *Request) { r.Identity.GroupID = "other" }, false},
		"Revision":       {earliest, func(r *Request) { r.Identity.Revision++ }, false},
		"TopicID_A9":     {earliest, func(r *Request) { r.Survey.Topics[0].ID[3]++ }, false},
		"TopicName":      {earliest, func(r *Request) { r.Survey.Topics[0].Name = "orderz" }, false},
		"Partitions":     {earliest, func(r *Request) { r.Survey.Topics[0].Partitions = r.Survey.Topics[0].Partitions[:1] }, false},
		"Scope":          {earliest, func(r *Request) { scope(v1alpha1.ScopedTopic{Name: "orders", Partitions: []int32{1}})(&r.Spec) }, false},
		"Target":         {earliest, func(r *Request) { first(r).Start++ }, false},
		"LatestTarget":   {latest, func(r *Request) { first(r).End++ }, false},
		"SourceTarget":   {fromGroup, func(r *Request) { first(r).Source.Offset++ }, false},
		"Action":         {fromGroup, func(r *Request) { first(r).Source.Offset = none }, false},
		"ActionOfARule":  {shiftBy(-5), func(r *Request) { first(r).Committed.Offset = none }, false},
		"Kind":           {earliest, func(r *Request) { r.Spec.Target = offsets(20, 20) }, false},
		"Shift":          {shiftBy(-5), func(r *Request) { r.Spec.Target = shiftBy(-6) }, false},
		"OtherGroup":     {fromGroup, func(r *Request) { r.Spec.Target.FromGroup = "shadow2" }, false},
		"Rolled back":    {rollbackOf, func(r *Request) { r.Spec.Target.RollbackOf = "second" }, false},
		"Time":           {dayAgo, func(r *Request) { r.Time = r.Time.Add(time.Second) }, false},
		"OutOfRange":     {earliest, func(r *Request) { clamp(&r.Spec) }, false},
		"PastEnd":        {earliest, func(r *Request) { r.Spec.OnTimestampPastEnd = v1alpha1.PastEndSkip }, false},
		"Dedup":          {earliest, func(r *Request) { r.Spec.Dedup = v1alpha1.DedupNewNamespace }, false},
		"ExplicitTarget": {offsets(30, 30), func(r *Request) { r.Spec.Target = offsets(30, 31) }, false},

		"Committed":       {earliest, func(r *Request) { first(r).Committed.Offset++ }, true},
		"NoCommitAnyMore": {earliest, func(r *Request) { first(r).Committed.Offset = none }, true},
		"Metadata":        {earliest, func(r *Request) { first(r).Committed.Metadata = "map" }, true},
		"Start":           {latest, func(r *Request) { first(r).Start++ }, true},
		"End":             {earliest, func(r *Request) { first(r).End++ }, true},
		"AtTimeUnasked":   {earliest, func(r *Request) { first(r).AtTime++ }, true},
		"SourceUnasked":   {earliest, func(r *Request) { first(r).Source.Offset++ }, true},
		"PlannedAt":       {earliest, func(r *Request) { r.Survey.At = r.Survey.At.Add(time.Hour) }, true},
		"Members":         {earliest, func(r *Request) { r.Survey.Members = []kafka.Member{{ID: "m"}} }, true},
		"MayDelete":       {earliest, func(r *Request) { r.Survey.MayDelete = false }, true},
		"Approved":        {earliest, func(r *Request) { r.Spec.Approved, r.Spec.Cancel = "x", true }, true},
		"Waits":           {earliest, func(r *Request) { r.Spec.DrainTimeout.Duration, r.Spec.Resume = time.Hour, nil }, true},
		"DedupDefault":    {earliest, func(r *Request) { r.Spec.Dedup = v1alpha1.DedupKeep }, true},
		"DedupNamespace":  {earliest, func(r *Request) { r.Dedup = Dedup{"chat", "chat/2"} }, true},
		"ShiftPreview":    {shiftBy(-5), func(r *Request) { first(r).Committed.Offset++ }, true},
		"CurrentPreview":  {toCurrent, func(r *Request) { first(r).Committed.Offset++ }, true},
		"CurrentNoCommit": {toCurrent, func(r *Request) { first(r).Committed.Offset = none }, true},
		"TopicsUnscoped": {offsets(30, 30), func(r *Request) {
			r.Survey = withTopic(r.Survey, topic("chat", 2, part(1, 0, 5)))
		}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := base(tc.target), base(tc.target)
			if tc.target.RollbackOf != "" {
				before.Rollback = []v1alpha1.SavedOffset{saved(0, 60, "")}
				after.Rollback = before.Rollback
			}
			tc.mod(&after)
			was, _, _ := Make(before)
			is, _, _ := Make(after)
			if (was.Hash == is.Hash) != tc.same {
				t.Errorf("%s and %s", was.Hash, is.Hash)
			}
		})
	}
}

// TestHashIsForPeople: it fits into spec.approved, and its tag into the metadata of each commit.
func TestHashIsForPeople(t *testing.T) {
	plan, _, _ := Make(request(spec(earliest), survey(part(1, 0, 5))))
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(plan.Hash) {
		t.Errorf("hash %q", plan.Hash)
	}
	if got := Tag(plan.Hash); got != "kor:"+plan.Hash[:12] || len(got) != 16 {
		t.Errorf("tag %q of %q", got, plan.Hash)
	}
	if got := Tag("short"); got != "kor:short" {
		t.Errorf("tag %q of a short hash", got)
	}
}

// TestHashIsStable: what an older version stored is what this one computes, or approvals are lost on upgrade.
func TestHashIsStable(t *testing.T) {
	r := request(spec(dayAgo, clamp), survey(part(100, 20, 500, atTime(60)), part(none, 20, 500)))
	plan, rows, _ := Make(r)
	if want := "460c3b84a2de1a9df8c290c1f99582ef"; plan.Hash != want {
		t.Errorf("plan %q, want %q", plan.Hash, want)
	}
	content, sum := Hash(rows[:1])
	const want = `[{"topic":"orders","partition":0,"topicID":"AQAAAAAAAAAAAAAAAAAAAA","action":"Commit","committed":100,"start":20,"end":500,"target":60,"distance":-40}]`
	if string(content) != want || sum != "3034db002848213f9f256f91fa13bb1943e74b1cc415d21dea81b74527c0c5ab" {
		t.Errorf("rows %s, %q", content, sum)
	}
	if got := SpecHash(r.Spec); got != "6efa5a1cc04cef92e4014f9edd793f7f" {
		t.Errorf("spec %q", got)
	}
}

func TestSpecHash(t *testing.T) {
	base := func() v1alpha1.KafkaOffsetResetSpec {
		s := spec(v1alpha1.ResetTarget{DateTime: &metav1.Time{Time: noon}})
		scope(v1alpha1.ScopedTopic{Name: "orders", Partitions: []int32{1, 2}}, v1alpha1.ScopedTopic{Name: "chat"})(&s)
		return s
	}
	cases := map[string]struct {
		mod  func(*v1alpha1.KafkaOffsetResetSpec)
		same bool
	}{
		"Approved": {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Approved = "x" }, true},
		"Cancel":   {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Cancel = true }, true},
		"Zone": {func(s *v1alpha1.KafkaOffsetResetSpec) {
			s.Target.DateTime = &metav1.Time{Time: noon.In(time.FixedZone("CET", 3600))}
		}, true},
		"OrderOfTopics": {func(s *v1alpha1.KafkaOffsetResetSpec) {
			s.Scope.Topics[0], s.Scope.Topics[1] = s.Scope.Topics[1], s.Scope.Topics[0]
		}, true},
		"OrderOfPartitions": {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Scope.Topics[0].Partitions = []int32{2, 1} }, true},
		"Partitions":        {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Scope.Topics[0].Partitions = []int32{2, 3} }, false},
		"Group":             {func(s *v1alpha1.KafkaOffsetResetSpec) { s.GroupRef.Name = "other" }, false},
		"Target":            {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Target = earliest }, false},
		"Scope":             {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Scope = nil }, false},
		"Policy":            {func(s *v1alpha1.KafkaOffsetResetSpec) { s.OnOutOfRange = v1alpha1.OutOfRangeClamp }, false},
		"Approval":          {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Approval = v1alpha1.ApprovalAutomatic }, false},
		"DedupDefault":      {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Dedup = v1alpha1.DedupKeep }, true},
		"Dedup":             {func(s *v1alpha1.KafkaOffsetResetSpec) { s.Dedup = v1alpha1.DedupNewNamespace }, false},
		"Drift":             {func(s *v1alpha1.KafkaOffsetResetSpec) { s.MaxDrift = new(int64(0)) }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			changed := base()
			tc.mod(&changed)
			if got := SpecHash(changed) == SpecHash(base()); got != tc.same {
				t.Errorf("the same: %t", got)
			}
		})
	}
	if SpecHash(spec(offsets(1, 2))) != SpecHash(spec(reversed(offsets(1, 2)))) {
		t.Error("the order of target.offsets is no other target")
	}
}

func reversed(target v1alpha1.ResetTarget) v1alpha1.ResetTarget {
	o := target.Offsets
	o[0], o[1] = o[1], o[0]
	return target
}

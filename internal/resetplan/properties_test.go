package resetplan

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// FuzzReset plays a reset and its rollback on a random group, with a random
// target, while the log moves; everything comes from the seed.
func FuzzReset(f *testing.F) {
	for seed := range uint64(400) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		played := request(randomSpec(r), randomSurvey(r))
		if played.Spec.Target.RollbackOf != "" {
			played.Rollback = randomSnapshot(r, played.Survey)
		}
		checkPlan(t, r, played)
		checkRecheck(t, played, played.Survey)
		checkRecheck(t, played, later(r, played.Survey))
		checkThereAndBack(t, played)
	})
}

func checkPlan(t *testing.T, r *rand.Rand, in Request) {
	t.Helper()
	kept := copied(in.Survey)
	plan, rows, problems := Make(in)
	if diff := cmp.Diff(kept, in.Survey); diff != "" {
		t.Fatalf("the survey was changed: %s", diff)
	}
	againPlan, againRows, againProblems := Make(shuffled(r, in))
	if diff := cmp.Diff([]any{plan, rows, problems}, []any{againPlan, againRows, againProblems}); diff != "" {
		t.Fatalf("the order of the input makes a difference: %s", diff)
	}
	if plan.Moved+plan.Skipped+plan.Deleted != plan.Partitions || int(plan.Partitions) != len(rows) || plan.Clamped > plan.Partitions {
		t.Fatalf("counts that don't add up: %+v of %d rows", plan, len(rows))
	}
	if !slices.IsSortedFunc(rows, func(a, b v1alpha1.ResetRow) int { return partitionOf(a).Compare(partitionOf(b)) }) {
		t.Fatalf("not sorted: %v", rowTexts(rows))
	}
	for i, row := range rows {
		if (row.Action == v1alpha1.ResetCommit) != (row.Target != nil) || row.Start > row.End {
			t.Fatalf("no such row: %s", rowTexts(rows)[i])
		}
		if row.Target != nil && problems == nil && (*row.Target < row.Start || *row.Target > row.End) {
			t.Fatalf("a target that is not in the log: %s", rowTexts(rows)[i])
		}
	}
}

// checkRecheck: what is written is what was approved, in the log of now.
func checkRecheck(t *testing.T, in Request, now kafka.Survey) {
	t.Helper()
	plan, rows, problems := Make(in)
	if problems != nil {
		return
	}
	drained, problems := Recheck(in.Spec, plan, rows, in.Rollback, now)
	if problems != nil {
		if drained.Writes != nil || drained.Snapshot != nil {
			t.Fatalf("%v, and it writes %v", problems, savedTexts(drained.Writes))
		}
		return
	}
	planned := make(map[kafka.TopicPartition]v1alpha1.ResetRow, len(rows))
	for _, row := range rows {
		planned[partitionOf(row)] = row
	}
	for i, w := range drained.Writes {
		row, here := planned[savedAt(w)], partitionIn(now, w)
		if row.Action == v1alpha1.ResetSkip || savedAt(drained.Snapshot[i]) != savedAt(w) {
			t.Fatalf("%v is written beside a snapshot of %v: %v", savedTexts(drained.Writes[i:i+1]), savedTexts(drained.Snapshot[i:i+1]), row)
		}
		if diff := cmp.Diff(here.Committed, commitOf(drained.Snapshot[i])); diff != "" {
			t.Fatalf("the snapshot is not what is committed: %s", diff)
		}
		delete(planned, savedAt(w))
		if row.Action == v1alpha1.ResetDelete {
			if w.Offset != nil || w.Metadata != "" {
				t.Fatalf("a deletion became a commit: %v", savedTexts(drained.Writes[i:i+1]))
			}
			continue
		}
		if want := wantedOffset(in.Spec, row, here); *w.Offset != want || want < here.Start || want > max(here.Start, here.End) {
			t.Fatalf("%d is written to [%d,%d], want %d by %v", *w.Offset, here.Start, here.End, want, row)
		}
	}
	for _, row := range planned {
		lost := in.Spec.Target.ShiftBy != nil && partitionIn(now, v1alpha1.SavedOffset{Topic: row.Topic, Partition: row.Partition}).Committed.Offset < 0
		if row.Action != v1alpha1.ResetSkip && !lost {
			t.Fatalf("approved and not written: %+v", row)
		}
	}
}

// wantedOffset says again, in another way, what an approved row comes to.
func wantedOffset(spec v1alpha1.KafkaOffsetResetSpec, row v1alpha1.ResetRow, here kafka.SurveyedPartition) int64 {
	end, want := max(here.Start, here.End), *row.Target
	switch {
	case spec.Target.ToCurrent != nil && here.Committed.Offset < 0:
		want = end
	case spec.Target.ToCurrent != nil:
		want = here.Committed.Offset
	case spec.Target.ShiftBy != nil:
		want = here.Committed.Offset + *spec.Target.ShiftBy
	}
	if spec.OnOutOfRange == v1alpha1.OutOfRangeClamp || (spec.Target.Earliest != nil && want < here.Start) {
		want = min(max(want, here.Start), end)
	}
	return want
}

// checkThereAndBack: after a reset the same plan moves nothing, and its rollback
// leaves the group exactly as it was.
func checkThereAndBack(t *testing.T, in Request) {
	t.Helper()
	plan, rows, problems := Make(in)
	drained, recheck := Recheck(in.Spec, plan, rows, in.Rollback, in.Survey)
	if problems != nil || recheck != nil {
		return
	}
	after := in
	after.Survey = applied(in.Survey, drained.Writes)
	if texts := Overwritten(drained.Writes, after.Survey); texts != nil {
		t.Fatalf("what was written does not read back: %v", texts)
	}
	if again, _, _ := Make(after); in.Spec.Target.ShiftBy == nil && (again.Moved != 0 || again.Deleted != 0) {
		t.Fatalf("a group that is there already is moved again: %+v", again)
	}
	undo := request(spec(rollbackOf), after.Survey, drained.Snapshot...)
	plan, rows, problems = Make(undo)
	if inTheLog := !slices.ContainsFunc(drained.Snapshot, func(s v1alpha1.SavedOffset) bool { return !isIn(after.Survey, s) }); inTheLog != (problems == nil) {
		t.Fatalf("a rollback to %v: %v", savedTexts(drained.Snapshot), problems)
	}
	if problems != nil {
		return
	}
	undone, problems := Recheck(undo.Spec, plan, rows, undo.Rollback, after.Survey)
	if problems != nil {
		t.Fatalf("the rollback is stopped: %v", problems)
	}
	if diff := cmp.Diff(in.Survey, applied(after.Survey, undone.Writes)); diff != "" {
		t.Fatalf("the rollback does not restore: %s", diff)
	}
	if diff := cmp.Diff(drained.Writes, undone.Snapshot); diff != "" {
		t.Fatalf("the rollback of the rollback would be another: %s", diff)
	}
}

func isIn(s kafka.Survey, offset v1alpha1.SavedOffset) bool {
	here := partitionIn(s, offset)
	return offset.Offset == nil || (*offset.Offset >= here.Start && *offset.Offset <= max(here.Start, here.End))
}

func partitionIn(s kafka.Survey, at v1alpha1.SavedOffset) kafka.SurveyedPartition {
	i := slices.IndexFunc(s.Topics, func(t kafka.SurveyedTopic) bool { return t.Name == at.Topic })
	return s.Topics[i].Partitions[at.Partition]
}

func commitOf(s v1alpha1.SavedOffset) kafka.Commit {
	if s.Offset == nil {
		return kafka.Commit{Offset: none}
	}
	return kafka.Commit{Offset: *s.Offset, Metadata: s.Metadata}
}

func copied(s kafka.Survey) kafka.Survey {
	s.Topics = slices.Clone(s.Topics)
	for i := range s.Topics {
		s.Topics[i].Partitions = slices.Clone(s.Topics[i].Partitions)
	}
	return s
}

// applied is the survey of the group after the writes.
func applied(s kafka.Survey, writes []v1alpha1.SavedOffset) kafka.Survey {
	s = copied(s)
	for _, w := range writes {
		i := slices.IndexFunc(s.Topics, func(t kafka.SurveyedTopic) bool { return t.Name == w.Topic })
		s.Topics[i].Partitions[w.Partition].Committed = commitOf(w)
	}
	return s
}

// later is the survey after some time: logs have moved, the group has worked, partitions came.
func later(r *rand.Rand, s kafka.Survey) kafka.Survey {
	s = copied(s)
	for i := range s.Topics {
		for j := range s.Topics[i].Partitions {
			p := &s.Topics[i].Partitions[j]
			p.End += r.Int64N(20)
			p.Start = min(p.Start+max(0, r.Int64N(40)-30), p.End)
			p.Committed.Offset += max(0, r.Int64N(20)-10)
		}
		if r.IntN(4) == 0 {
			s.Topics[i].Partitions = append(s.Topics[i].Partitions, randomPartition(r))
		}
	}
	return s
}

func shuffled(r *rand.Rand, in Request) Request {
	in.Survey = copied(in.Survey)
	in.Rollback = slices.Clone(in.Rollback)
	in.Spec.Target.Offsets = slices.Clone(in.Spec.Target.Offsets)
	shuffle(r, in.Survey.Topics)
	shuffle(r, in.Rollback)
	shuffle(r, in.Spec.Target.Offsets)
	if in.Spec.Scope != nil {
		in.Spec.Scope = in.Spec.Scope.DeepCopy()
		shuffle(r, in.Spec.Scope.Topics)
		for _, t := range in.Spec.Scope.Topics {
			shuffle(r, t.Partitions)
		}
	}
	return in
}

func shuffle[T any](r *rand.Rand, list []T) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func randomSurvey(r *rand.Rand) kafka.Survey {
	s := survey()
	s.Topics = nil
	for i, name := range []string{"audit", "chat", "orders"}[:1+r.IntN(3)] {
		partitions := make([]kafka.SurveyedPartition, 1+r.IntN(8))
		for j := range partitions {
			partitions[j] = randomPartition(r)
		}
		s.Topics = append(s.Topics, topic(name, byte(i+1), partitions...))
	}
	return s
}

func randomPartition(r *rand.Rand) kafka.SurveyedPartition {
	start := r.Int64N(50)
	end := start + max(0, r.Int64N(60)-10)
	p := part(none, start, end)
	if r.IntN(4) > 0 {
		p.Committed = kafka.Commit{Offset: start + r.Int64N(end-start+1), Metadata: []string{"", "map"}[r.IntN(2)]}
	}
	if r.IntN(30) == 0 {
		p.Committed.Offset = r.Int64N(120)
	}
	if r.IntN(3) > 0 {
		p.AtTime, p.Source.Offset = start+r.Int64N(end-start+3), start+r.Int64N(end-start+1)
	}
	return p
}

func randomSnapshot(r *rand.Rand, s kafka.Survey) []v1alpha1.SavedOffset {
	var snapshot []v1alpha1.SavedOffset
	for _, t := range s.Topics {
		for i, p := range t.Partitions {
			w := v1alpha1.SavedOffset{Topic: t.Name, Partition: int32(i), TopicID: idOf(t.ID)}
			if r.IntN(3) > 0 {
				w.Offset, w.Metadata = new(p.Start+r.Int64N(max(p.End-p.Start, 0)+1)), "saved"
			}
			snapshot = append(snapshot, w)
		}
	}
	return snapshot
}

func randomSpec(r *rand.Rand) v1alpha1.KafkaOffsetResetSpec {
	hour := metav1.Duration{Duration: time.Hour}
	targets := []v1alpha1.ResetTarget{earliest, latest, atNoon, {Ago: &hour}, shiftBy(r.Int64N(41) - 20), toCurrent, fromGroup, rollbackOf,
		{Offsets: []v1alpha1.PartitionOffset{{Topic: "audit", Offset: r.Int64N(60)}, {Topic: "audit", Partition: r.Int32N(3) + 1, Offset: r.Int64N(60)}}}}
	s := spec(targets[r.IntN(len(targets))])
	s.OnOutOfRange = []v1alpha1.OutOfRangePolicy{v1alpha1.OutOfRangeFail, v1alpha1.OutOfRangeClamp}[r.IntN(2)]
	s.OnTimestampPastEnd = []v1alpha1.PastEndPolicy{v1alpha1.PastEndEnd, v1alpha1.PastEndSkip, v1alpha1.PastEndFail}[r.IntN(3)]
	if whole := s.Target.Offsets == nil && s.Target.RollbackOf == ""; whole && r.IntN(2) == 0 {
		scope(v1alpha1.ScopedTopic{Name: "audit", Partitions: [][]int32{nil, {0}, {1, 0}}[r.IntN(3)]}, v1alpha1.ScopedTopic{Name: "chat"})(&s)
	}
	if r.IntN(4) == 0 {
		maxDrift(r.Int64N(10))(&s)
	}
	return s
}

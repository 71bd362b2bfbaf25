package resetplan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// TestDedupNotes: whether what goes back has its effects again, on which partitions, and in which namespace.
func TestDedupNotes(t *testing.T) {
	third := Dedup{InForce: "chat/2", Next: "chat/3"}
	const (
		stays   = `dedup namespace "chat/2" stays in force: what was handled in it has no effect again`
		starts  = `the workers start in dedup namespace "chat/3", after "chat/2": nothing counts as handled in it, on no partition`
		swallow = `handed to the workers again, and swallowed as duplicates as far as the ids are still stored in dedup namespace "chat/2": `
		again   = `handed to the workers again, and handled again, in dedup namespace "chat/3": `
	)
	committed := survey(part(100, 20, 500), part(300, 20, 500), part(none, 20, 500))
	cases := map[string]struct {
		reason   string
		target   v1alpha1.ResetTarget
		policy   v1alpha1.DedupPolicy
		dedup    Dedup
		survey   kafka.Survey
		rollback []v1alpha1.SavedOffset
		want     []string
	}{
		"None":        {"the group says nothing of a store", earliest, v1alpha1.DedupKeep, Dedup{}, committed, nil, nil},
		"Keep":        {"of those with a commit", earliest, v1alpha1.DedupKeep, third, committed, nil, []string{swallow + "orders-0, orders-1", stays}},
		"Unset":       {"an older object has no policy", earliest, "", third, committed, nil, []string{swallow + "orders-0, orders-1", stays}},
		"New":         {"handled again on purpose", earliest, v1alpha1.DedupNewNamespace, third, committed, nil, []string{again + "orders-0, orders-1", starts}},
		"Some":        {"one goes back, one ahead", offsets(200, 200), v1alpha1.DedupKeep, third, committed, nil, []string{swallow + "orders-1", stays}},
		"Ahead":       {"nothing goes back", latest, v1alpha1.DedupKeep, third, committed, nil, []string{stays}},
		"AheadNew":    {"what is handed in twice on the way is handled twice", latest, v1alpha1.DedupNewNamespace, third, committed, nil, []string{starts}},
		"InPlace":     {"at the target already", offsets(100), v1alpha1.DedupKeep, third, committed, nil, []string{stays}},
		"Shift":       {"a rule goes back as well", shiftBy(-5), v1alpha1.DedupKeep, third, committed, nil, []string{swallow + "orders-0, orders-1", stays}},
		"Rollback":    {"back, and no commit any more", rollbackOf, v1alpha1.DedupKeep, third, committed, []v1alpha1.SavedOffset{saved(0, none, ""), saved(1, 250, ""), saved(2, none, "")}, []string{swallow + "orders-0, orders-1", stays}},
		"RollbackNew": {"the same", rollbackOf, v1alpha1.DedupNewNamespace, third, committed, []v1alpha1.SavedOffset{saved(1, 250, "")}, []string{again + "orders-1", starts}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := request(spec(tc.target), tc.survey, tc.rollback...)
			plain, _, _ := Make(r)
			r.Spec.Dedup, r.Dedup = tc.policy, tc.dedup
			plan, _, problems := Make(r)
			if problems != nil {
				t.Fatalf("%s: %v", tc.reason, problems)
			}
			if diff := cmp.Diff(append(plain.Notes, tc.want...), plan.Notes); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestNoNamespace: a new one needs somebody who tells the workers of it.
func TestNoNamespace(t *testing.T) {
	r := request(spec(earliest), survey(part(100, 20, 500)))
	r.Spec.Dedup = v1alpha1.DedupNewNamespace
	want := []Problem{{v1alpha1.ReasonNoDedupNamespace,
		`dedup is NewNamespace, and KafkaConsumerGroup "billing" has no consumer.dedup: nobody would tell its workers of a new namespace`}}
	if _, _, problems := Make(r); !cmp.Equal(problems, want) {
		t.Errorf("%v, want %v", problems, want)
	}
	r.Spec.Dedup = v1alpha1.DedupKeep
	if _, _, problems := Make(r); problems != nil {
		t.Errorf("%v, and there is nothing to start", problems)
	}
}

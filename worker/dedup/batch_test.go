package dedup_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
)

func messages(ids ...string) []worker.Message {
	var list []worker.Message
	for _, id := range ids {
		list = append(list, message(id))
	}
	return list
}

func TestBatch(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		var duplicates, handed []string
		f.OnDuplicate = func(msg worker.Message) { duplicates = append(duplicates, string(msg.Key)) }
		handle := f.BatchHandler(f.db, func(ctx context.Context, tx *sql.Tx, fresh []worker.Message) error {
			handed = nil
			for _, msg := range fresh {
				handed = append(handed, string(msg.Key))
			}
			return insertAll(ctx, tx, fresh)
		})
		steps := []struct{ batch, handed, duplicates []string }{
			{batch: []string{"c", "a", "b"}, handed: []string{"c", "a", "b"}},
			{batch: []string{"d", "a", "e", "d", "c"}, handed: []string{"d", "e"}, duplicates: []string{"a", "d", "c"}},
			{batch: []string{"a", "e"}, duplicates: []string{"a", "e"}},
			{batch: []string{}},
		}
		for i, step := range steps {
			duplicates, handed = nil, nil
			if err := handle(t.Context(), messages(step.batch...)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.handed, handed); diff != "" {
				t.Errorf("step %d, -want +handed in:\n%s", i, diff)
			}
			if diff := cmp.Diff(step.duplicates, duplicates); diff != "" {
				t.Errorf("step %d, -want +duplicates:\n%s", i, diff)
			}
		}
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			if n := f.effects(t, id); n != 1 {
				t.Errorf("%d effects of %s", n, id)
			}
		}
	})
}

// TestBatchOfANamespace: what another namespace has handled is new in this one,
// also in a batch that has a duplicate.
func TestBatchOfANamespace(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		for namespace, batch := range map[string][]string{"other": {"a", "b"}, f.Namespace: {"a"}} {
			store := f.Store
			store.Namespace = namespace
			if err := store.BatchHandler(f.db, func(context.Context, *sql.Tx, []worker.Message) error { return nil })(t.Context(), messages(batch...)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.BatchHandler(f.db, insertAll)(t.Context(), messages("a", "b")); err != nil {
			t.Fatal(err)
		}
		if a, b := f.effects(t, "a"), f.effects(t, "b"); a != 0 || b != 1 {
			t.Errorf("%d effects of a, %d of b; want b's alone", a, b)
		}
	})
}

func TestFailedBatchLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		err := f.BatchHandler(f.db, func(ctx context.Context, tx *sql.Tx, fresh []worker.Message) error {
			return errors.Join(insertAll(ctx, tx, fresh), errBoom)
		})(t.Context(), messages("a", "b"))
		if !errors.Is(err, errBoom) {
			t.Errorf("error %v, want the effect's", err)
		}
		if effects, ids := f.effects(t, "a"), f.ids(t); effects != 0 || ids != 0 {
			t.Errorf("%d effects and %d ids were left", effects, ids)
		}
	})
}

// TestLargeBatch takes several statements; every third message was handled before.
func TestLargeBatch(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		var ids, third []string
		for i := range 1300 {
			ids = append(ids, fmt.Sprintf("%04d", 1300-i))
			if i%3 == 0 {
				third = append(third, ids[i])
			}
		}
		for _, batch := range [][]string{third, ids, slices.Concat(ids, ids)} {
			if err := f.BatchHandler(f.db, insertAll)(t.Context(), messages(batch...)); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.number(t, "SELECT count(*) FROM effects"); n != 1300 {
			t.Errorf("%d effects of 1,300 messages", n)
		}
	})
}

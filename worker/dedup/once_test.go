package dedup_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

var errBoom = errors.New("boom")

func TestOnce(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		var duplicates []worker.Message
		f.OnDuplicate = func(msg worker.Message) { duplicates = append(duplicates, msg) }
		handler := f.Handler(f.db, insert)
		for _, id := range []string{"a", "b", "a", "a"} {
			if err := handler(t.Context(), message(id)); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := f.effects(t, "a"), f.effects(t, "b"); a != 1 || b != 1 {
			t.Errorf("%d effects of a, %d of b; want 1 of each", a, b)
		}
		if len(duplicates) != 2 || string(duplicates[0].Key) != "a" {
			t.Errorf("told of the duplicates %v, want a twice", duplicates)
		}
		already, err := f.once(t.Context(), "b", done)
		if !already || err != nil {
			t.Errorf("already %v, %v; want true", already, err)
		}
		already, err = f.once(t.Context(), "c", done)
		if already || err != nil {
			t.Errorf("already %v, %v; want false", already, err)
		}
	})
}

func TestFailedEffectLeavesNothing(t *testing.T) {
	failures := map[string]func(context.Context, *sql.Tx) error{
		"Error": func(context.Context, *sql.Tx) error { return errBoom },
		"Panic": func(context.Context, *sql.Tx) error { panic(errBoom) },
		"BadStatement": func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO no_such_table VALUES (1)")
			return err
		},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, f fixture) {
				f.db.SetMaxOpenConns(1) // a transaction that stays open would be in the way of all that follows
				if already, err := recovering(func() (bool, error) { return f.once(t.Context(), "a", failure) }); already || err == nil {
					t.Fatalf("already %v, error %v; want the failure", already, err)
				}
				if effects, ids := f.effects(t, "a"), f.ids(t); effects != 0 || ids != 0 {
					t.Errorf("%d effects and %d ids were left by a failure", effects, ids)
				}
				if already, err := f.once(t.Context(), "a", done); already || err != nil {
					t.Errorf("again: already %v, error %v", already, err)
				}
			})
		})
	}
}

func recovering(call func() (bool, error)) (already bool, err error) {
	defer func() {
		if recover() != nil {
			err = errBoom
		}
	}()
	return call()
}

// TestUsersDuplicateKeyIsAnError: a unique key of the user's own that is violated
// says nothing of the message.
func TestUsersDuplicateKeyIsAnError(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		f.exec(t, "CREATE UNIQUE INDEX one ON effects (of_key)")
		f.exec(t, "INSERT INTO effects VALUES (1, 'a')")
		handlers := map[string]worker.Handler{
			"one": f.Handler(f.db, insert),
			"batch": func(ctx context.Context, msg worker.Message) error {
				return f.BatchHandler(f.db, insertAll)(ctx, []worker.Message{msg})
			},
		}
		for name, handler := range handlers {
			err := handler(t.Context(), message("a"))
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), "duplicate") {
				t.Errorf("%s: error %v, want that of the user's index", name, err)
			}
		}
		if ids := f.ids(t); ids != 0 {
			t.Errorf("%d ids are stored without an effect", ids)
		}
	})
}

// TestOnlyAStoredIDIsADuplicate: rows that the database leaves out for another
// reason make no message a duplicate.
func TestOnlyAStoredIDIsADuplicate(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		if f.Dialect == dedup.MySQL { // INSERT IGNORE leaves out what fails a check
			f.exec(t, "ALTER TABLE lagrange_handled ADD CHECK (first_seen < 0)")
		} else {
			f.exec(t, `CREATE FUNCTION leave_out() RETURNS trigger AS 'BEGIN RETURN NULL; END' LANGUAGE plpgsql`)
			f.exec(t, `CREATE TRIGGER leave_out BEFORE INSERT ON lagrange_handled FOR EACH ROW EXECUTE FUNCTION leave_out()`)
		}
		if already, err := f.once(t.Context(), "a", done); already || err == nil {
			t.Errorf("already %v, error %v; want an error: neither the id nor the effect is there", already, err)
		}
		if effects := f.effects(t, "a"); effects != 0 {
			t.Errorf("%d effects without an id", effects)
		}
	})
}

// TestReplay: a rewind repeats nothing, unless it is meant: then there is a new namespace.
func TestReplay(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		passes := []struct {
			namespace string
			effects   int
		}{{"chat", 1}, {"chat", 1}, {"chat/2", 2}, {"chat/2", 2}, {"mail", 3}, {"chat", 3}}
		for i, pass := range passes {
			f.Namespace = pass.namespace
			if err := f.Handler(f.db, insert)(t.Context(), message("a")); err != nil {
				t.Fatal(err)
			}
			if effects := f.effects(t, "a"); effects != pass.effects {
				t.Fatalf("pass %d, namespace %q: %d effects, want %d", i, pass.namespace, effects, pass.effects)
			}
		}
	})
}

func TestCancelledContextLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := f.once(ctx, "a", func(_ context.Context, tx *sql.Tx) error {
			cancel()
			for { // until it is rolled back
				if _, err := tx.ExecContext(context.Background(), "SELECT 1"); err != nil {
					return nil
				}
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		if effects, ids := f.effects(t, "a"), f.ids(t); effects != 0 || ids != 0 {
			t.Errorf("%d effects and %d ids after the context had ended", effects, ids)
		}
	})
}

func TestSettings(t *testing.T) {
	good := dedup.Store{Dialect: dedup.MySQL, Namespace: "chat/2", ID: dedup.IDFromKey(), Table: "app.handled"}
	cases := map[string]struct {
		reason string
		change func(*dedup.Store)
		names  string
	}{
		"NoDialect":        {"a dialect can't be guessed", func(s *dedup.Store) { s.Dialect = "" }, "dialect"},
		"NoNamespace":      {"two consumers would swallow each other's messages", func(s *dedup.Store) { s.Namespace = "" }, "no namespace: a program that takes worker.Config.DedupNamespace"},
		"NamespaceQuote":   {"it stands in the statement", func(s *dedup.Store) { s.Namespace = "a'b" }, "namespace"},
		"NamespaceSpace":   {"databases compare trailing spaces as they like", func(s *dedup.Store) { s.Namespace = "a " }, "namespace"},
		"NamespaceTooLong": {"it must not be cut off", func(s *dedup.Store) { s.Namespace = strings.Repeat("a", 65) }, "namespace"},
		"TableInjection":   {"it stands in the statement", func(s *dedup.Store) { s.Table = "a; DROP TABLE b" }, "table"},
		"TableTwoDots":     {"a schema and a table", func(s *dedup.Store) { s.Table = "a.b.c" }, "table"},
		"NoID":             {"nothing tells messages apart", func(s *dedup.Store) { s.ID = nil }, "no ID"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			store := good
			tc.change(&store)
			// The database is never asked: there is none.
			for call, err := range map[string]error{
				"EnsureSchema": store.EnsureSchema(t.Context(), nil),
				"Handler":      store.Handler(nil, insert)(t.Context(), message("a")),
				"Purge":        func() error { _, err := store.Purge(t.Context(), nil, 0); return err }(),
			} {
				if err == nil || !strings.Contains(err.Error(), tc.names) {
					t.Errorf("%s, %s: error %v, want one that names %q", tc.reason, call, err, tc.names)
				}
			}
		})
	}
}

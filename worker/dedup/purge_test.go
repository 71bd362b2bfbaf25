package dedup_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

// age makes the ids of the namespace older.
func (f fixture) age(t *testing.T, by time.Duration) {
	t.Helper()
	f.exec(t, fmt.Sprintf("UPDATE lagrange_handled SET first_seen = first_seen - %d WHERE namespace = '%s'", int(by.Seconds()), f.Namespace))
}

func (f fixture) store(t *testing.T, prefix string, count int) {
	t.Helper()
	var ids []string
	for i := range count {
		ids = append(ids, fmt.Sprintf("%s%05d", prefix, i))
	}
	if err := f.BatchHandler(f.db, insertAll)(t.Context(), messages(ids...)); err != nil {
		t.Fatal(err)
	}
}

// TestPurge: 2,500 ids of two weeks ago go, in three steps; 10 of now stay, and
// those of another namespace.
func TestPurge(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		other := f
		other.Namespace = "other"
		other.store(t, "old", 3)
		other.age(t, 14*24*time.Hour)
		f.store(t, "old", 2500)
		f.age(t, 14*24*time.Hour)
		f.store(t, "new", 10)

		removed, err := f.Purge(t.Context(), f.db, 15*24*time.Hour)
		if removed != 0 || err != nil {
			t.Errorf("removed %d ids of 14 days, %v; want none before 15", removed, err)
		}
		removed, err = f.Purge(t.Context(), f.db, 24*time.Hour)
		if removed != 2500 || err != nil {
			t.Errorf("removed %d ids, %v; want the 2,500 old ones", removed, err)
		}
		if ids := f.ids(t); ids != 13 {
			t.Errorf("%d ids are left, want 10 new ones and 3 of the other namespace", ids)
		}
		if already, err := f.once(t.Context(), "new00003", done); !already || err != nil {
			t.Errorf("a new id: already %v, %v", already, err)
		}
		if already, err := f.once(t.Context(), "old00003", done); already || err != nil {
			t.Errorf("a purged id: already %v, %v", already, err)
		}
		removed, err = f.Purge(t.Context(), f.db, 0)
		if removed != 11 || err != nil {
			t.Errorf("removed %d ids, %v; want all 11 of the namespace", removed, err)
		}
	})
}

// TestPurgeIsInNobodysWay: while one that has not committed holds an id, the
// others are removed, or it is waited for; new ids come in all the time.
func TestPurgeIsInNobodysWay(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		f.store(t, "old", 1500)
		f.age(t, time.Hour)
		stop, stopped := make(chan struct{}), make(chan error, 1)
		go func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					stopped <- nil
					return
				default:
				}
				if _, err := f.once(t.Context(), fmt.Sprintf("new%05d", i), done); err != nil {
					stopped <- err
					return
				}
			}
		}()
		failures := make(chan error, 2)
		var removed [2]int64
		for i := range removed {
			go func() {
				var err error
				removed[i], err = f.Purge(t.Context(), f.db, time.Minute)
				failures <- err
			}()
		}
		err := errors.Join(<-failures, <-failures)
		close(stop)
		if err := errors.Join(err, <-stopped); err != nil {
			t.Fatal(err)
		}
		again, err := f.Purge(t.Context(), f.db, time.Minute)
		if err != nil || removed[0]+removed[1]+again != 1500 {
			t.Errorf("removed %v and %d, %v; want 1,500 in all", removed, again, err)
		}
	})
}

func TestPurgeOfTheFutureIsRefused(t *testing.T) {
	store := dedup.Store{Dialect: dedup.MySQL, Namespace: "test", ID: dedup.IDFromKey()}
	if _, err := store.Purge(t.Context(), nil, -time.Second); err == nil {
		t.Error("a negative age was taken")
	}
}

func TestCheckRetention(t *testing.T) {
	const day = 24 * time.Hour
	cases := map[string]struct {
		reason string
		topics map[string]time.Duration
		want   map[string]time.Duration
	}{
		"Longer":  {"ids outlive their messages", map[string]time.Duration{"a": 7 * day}, nil},
		"Equal":   {"a message of the last moment may be read after its id has gone", map[string]time.Duration{"a": 8 * day, "b": day}, map[string]time.Duration{"a": 8 * day}},
		"Shorter": {"messages outlive their ids", map[string]time.Duration{"a": 9 * day}, map[string]time.Duration{"a": 9 * day}},
		"Forever": {"no time is long enough", map[string]time.Duration{"a": worker.Forever}, map[string]time.Duration{"a": worker.Forever}},
		"None":    {"nothing to compare with", nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := dedup.CheckRetention(8*day, tc.topics)
			var warning *dedup.RetentionError
			if !errors.As(err, &warning) {
				warning = &dedup.RetentionError{}
			}
			if diff := cmp.Diff(tc.want, warning.Topics); diff != "" {
				t.Errorf("%s: -want +topics:\n%s", tc.reason, diff)
			}
			if tc.want != nil && (!strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), "192h0m0s")) {
				t.Errorf("error %q names neither topic nor time", err)
			}
		})
	}
}

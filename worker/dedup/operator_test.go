package dedup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

// told is the configuration of a worker whose operator names this namespace.
func told(t *testing.T, namespace string) worker.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), workerconfig.FileName)
	content := fmt.Appendf(nil, `{"consumer": {"dedup": {"namespace": %q}}}`, namespace)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(workerconfig.EnvConfig, path)
	config, err := worker.Load()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// TestPassesOfTheOperator: after a rewind that keeps the namespace every message
// is a duplicate; after one with a new namespace each has its effect once more,
// and from then on no other time.
func TestPassesOfTheOperator(t *testing.T) {
	first, second := told(t, "chat"), told(t, "chat/2")
	onEach(t, func(t *testing.T, f fixture) {
		swallowed := 0
		f.OnDuplicate = func(worker.Message) { swallowed++ }
		for _, pass := range []struct {
			what               string
			config             worker.Config
			effects, swallowed int
		}{
			{"the first time", first, 1, 0},
			{"a rewind with dedup Keep", first, 1, 3},
			{"a rewind with dedup NewNamespace", second, 2, 3},
			{"a rewind with dedup Keep after it", second, 2, 6},
		} {
			f.Namespace = pass.config.DedupNamespace
			for _, id := range []string{"a", "b", "c"} {
				if err := f.Handler(f.db, insert)(t.Context(), message(id)); err != nil {
					t.Fatal(err)
				}
			}
			if effects := f.effects(t, "b"); effects != pass.effects || swallowed != pass.swallowed {
				t.Errorf("%s: %d effects and %d swallowed, want %d and %d", pass.what, effects, swallowed, pass.effects, pass.swallowed)
			}
		}
	})
}

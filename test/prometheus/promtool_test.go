package prometheus

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lagrange-operator/lagrange/hack/debian"
)

// promtool finds the program: the machine's own, or Debian's package unpacked
// into the cache. Elsewhere the test is skipped, and fails with CI=true.
func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "lagrange", "promtool-"+debian.Release("/etc/os-release"))
	path := filepath.Join(folder, "usr/bin/promtool")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	t.Log("fetching Debian's package prometheus for its promtool; nothing is installed")
	err = debian.Here()
	if err == nil {
		err = debian.Fetch(t.Context(), folder, []string{"prometheus"}, nil)
	}
	switch {
	case err == nil:
		return path
	case errors.Is(err, debian.ErrElsewhere) && os.Getenv("CI") != "true":
		t.Skip("SKIPPED: the alert rules are tested with promtool: install Prometheus")
	}
	t.Fatalf("promtool: %v", err)
	return ""
}

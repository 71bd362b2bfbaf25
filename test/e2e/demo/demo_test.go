//go:build e2e

// Package demo runs the short demo as its users do: it brings up a cluster of
// its own, checks its own counts, and cleans up.
package demo

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestShortDemo(t *testing.T) {
	if os.Getenv("CLUSTER") == "" && os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("the local cluster needs root")
		}
		t.Skip("SKIPPED: the local cluster needs root; or set CLUSTER=kind or CLUSTER=existing")
	}
	out := t.TempDir()
	program := filepath.Join(out, "demo")
	build := exec.Command("go", "build", "-o", program, "./hack/demo")
	build.Dir = filepath.Join("..", "..", "..")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, said)
	}
	var said bytes.Buffer
	demo := exec.Command(program, "--short", "--out="+out)
	demo.Dir = build.Dir
	demo.Stdout, demo.Stderr = io.MultiWriter(os.Stderr, &said), os.Stderr
	if err := demo.Run(); err != nil {
		t.Fatalf("the demo ended with: %v", err)
	}
	if plot, err := os.ReadFile(filepath.Join(out, "demo.svg")); err != nil || !strings.Contains(string(plot), "<svg") {
		t.Errorf("no plot: %v", err)
	}
	for _, word := range []string{"produced", "replica-minutes", "redeliver"} {
		if !strings.Contains(said.String(), word) {
			t.Errorf("the summary does not say %q", word)
		}
	}
}

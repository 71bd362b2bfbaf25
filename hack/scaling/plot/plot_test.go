package plot

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

func TestFront(t *testing.T) {
	got := Front([]Choice{{30, 0}, {10, 5}, {20, 2}, {25, 3}, {20, 4}, {40, 0}})
	if want := []Choice{{10, 5}, {20, 2}, {30, 0}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPlots(t *testing.T) {
	folder := t.TempDir()
	pareto, run := filepath.Join(folder, "pareto.svg"), filepath.Join(folder, "run.svg")
	if err := Pareto(pareto, "Both", []Family{{Name: "ours", Choices: []Choice{{5, 1}}}, {Name: "theirs", Choices: []Choice{{9, 0}, {7, 2}}}}); err != nil {
		t.Fatal(err)
	}
	points := []sim.Point{{Second: 0, Replicas: 1}, {Second: 15, Replicas: 2, Oldest: 70}, {Second: 30, Replicas: 2}}
	if err := Run(run, "A trace", time.Minute, []Line{{Name: "ours", Points: points}}); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string][]string{pareto: {"Both", "ours", "theirs", "out of target"}, run: {"A trace", "ours", "target 60s", "replicas", "hours"}} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(raw), word) {
				t.Errorf("%s does not say %q", filepath.Base(path), word)
			}
		}
	}
	if Run(run, "Nothing", time.Minute, nil) == nil {
		t.Error("no run to draw is no error")
	}
}

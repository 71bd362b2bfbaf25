package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

// always asks for the same number of workers.
type always int32

func (a always) Decide(sim.View) int32 { return int32(a) }

func static(family string, workers int32) sim.Entrant {
	return sim.Entrant{Family: family, Name: family, New: func(sim.Knowledge) sim.Policy { return always(workers) }}
}

// TestLab runs ten minutes of 20 messages/s, of which a worker handles 40, from a file to
// the last line: one worker is enough, and four cost four times as much.
func TestLab(t *testing.T) {
	directory, out := t.TempDir(), t.TempDir()
	file := "timestamp,rate\n" + "0,20\n300,20\n"
	if err := os.WriteFile(filepath.Join(directory, "flat.csv"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "manifest.yaml"), []byte("traces:\n- {file: flat.csv, mu: 40}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options{traces: directory, out: out, scenario: usual, targets: durations{time.Minute}, seeds: 2, workers: 2, plots: true}
	loads, err := o.loads()
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	l := lab{options: o, loads: loads, entrants: []sim.Entrant{static(ours, 1), static(kedaFamily, 4)}}
	if err := l.report(&printed); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
	var s summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		t.Fatalf("the last line: %v", err)
	}
	us := s.Policies[ours]["60s"]
	// The three workers more take half a minute and more to come and are paid from their request.
	if us.VsBest < 0.249 || us.VsBest > 0.26 || us.OutMean != 0 || us.OverWork < 0.9 || us.OverWork > 1.1 {
		t.Errorf("got %+v", us.figures)
	}
	if !strings.Contains(printed.String(), "keda-best-single") {
		t.Errorf("no table in\n%s", printed.String())
	}
	checkFiles(t, out)
}

func checkFiles(t *testing.T, out string) {
	t.Helper()
	for _, name := range []string{"pareto-60s.svg", "run-flat-60s.svg"} {
		if raw, err := os.ReadFile(filepath.Join(out, name)); err != nil || !bytes.Contains(raw, []byte("<path")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	file, err := os.Open(filepath.Join(out, "runs.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	// Two entrants and the clairvoyant, with two seeds.
	if rows, err := csv.NewReader(file).ReadAll(); err != nil || len(rows) != 1+6 {
		t.Errorf("runs.csv has %d rows: %v", len(rows), err)
	}
}

// TestOrder holds the runs' order to that of the jobs, whoever is done first.
func TestOrder(t *testing.T) {
	loads := []load{
		{Trace: choose(traces.Trace{Name: "long", PerSecond: slices.Repeat([]float64{20}, 7200), Counted: true})},
		{Trace: choose(traces.Trace{Name: "short", PerSecond: slices.Repeat([]float64{20}, 60), Counted: true})},
	}
	o := options{scenario: usual, targets: durations{time.Minute}, seeds: 2, workers: 2}
	runs := lab{options: o, loads: loads, entrants: []sim.Entrant{static("static", 12)}}.runAll()
	var got []string
	for _, r := range runs {
		if r.Family == "static" {
			got = append(got, r.Trace)
		}
	}
	if want := []string{"long", "short", "long", "short"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOptions(t *testing.T) {
	valid := options{scenario: usual, targets: durations{time.Minute}, seeds: 1, workers: 1}
	if err := valid.validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*options){
		"scenario": func(o *options) { o.scenario = "rain" },
		"seeds":    func(o *options) { o.seeds = 0 },
		"targets":  func(o *options) { o.targets = nil },
		"target":   func(o *options) { o.targets = durations{time.Second / 2} },
		"fraction": func(o *options) { o.targets = durations{1500 * time.Millisecond} },
	} {
		o := valid
		change(&o)
		if o.validate() == nil {
			t.Errorf("a wrong %s is no error", name)
		}
	}
	var d durations
	if err := d.Set("60s,5m"); err != nil || !slices.Equal(d, durations{time.Minute, 5 * time.Minute}) || d.String() != "60s,300s" {
		t.Errorf("got %v, %v", d, err)
	}
	if d.Set("soon") == nil {
		t.Error("a word is no error")
	}
}

// TestUndone charges what was left undone: 600 messages of which a worker handles 40 a
// second at first, and half as many after a brown-out.
func TestUndone(t *testing.T) {
	r := sim.Result{Backlog: 600}
	if got := undone(sim.Config{Mu: 40}, r); got != 15 {
		t.Errorf("got %g s, want 15 s", got)
	}
	if got := undone(sim.Config{Mu: 40, MuChange: sim.Change{At: 0.5, Factor: 0.5}}, r); got != 30 {
		t.Errorf("after a brown-out %g s, want 30 s", got)
	}
	silent := load{Trace: choose(traces.Trace{Name: "silent", PerSecond: slices.Repeat([]float64{1}, 600), Counted: true, Mu: 40, Min: new(int32)})}
	o := options{scenario: usual, targets: durations{time.Minute}, seeds: 1, workers: 1}
	runs := lab{options: o, loads: []load{silent}, entrants: []sim.Entrant{static("never", 0)}}.runAll()
	// It pays all 15 s of work at least, and so does the bound.
	never, bound := runs[0], runs[1]
	if never.ReplicaMinutes < 0.25 || never.OutOfTarget < 80 || bound.ReplicaMinutes < 0.25 {
		t.Errorf("never to work costs %g replica-minutes, the bound %g, and is out of target for %g %%", never.ReplicaMinutes, bound.ReplicaMinutes, never.OutOfTarget)
	}
}

func TestSetUp(t *testing.T) {
	j := job{load: load{Trace: traces.Trace{Name: "x", Mu: 40, Partitions: 6, Min: new(int32)}}, target: time.Minute, seed: 3}
	arrivals := slices.Repeat([]float64{100}, 120)
	config, knows := lab{options: options{scenario: "skew"}}.setUp(j, arrivals)
	if config.Mu != 80 || config.Skew != 0.6 || config.Max != 6 || config.Min != 0 || config.Initial != 2 || config.Seed != 3 {
		t.Errorf("twice as fast under skew, and two workers for the first minute: got %+v", config)
	}
	if knows.Mu != config.Mu || knows.Max != 6 || knows.Target != time.Minute || !slices.Equal(knows.Arrivals, arrivals) {
		t.Errorf("policies know %g, %d, %s", knows.Mu, knows.Max, knows.Target)
	}
}

package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// write writes runs.csv, figures.json and the plots into the folder.
func (l lab) write(runs []run, s summary) error {
	if err := os.MkdirAll(l.out, 0o755); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	if err := errors.Join(writeCSV(filepath.Join(l.out, "runs.csv"), runs), writeJSON(filepath.Join(l.out, "figures.json"), runs, s)); err != nil {
		return err
	}
	if !l.plots {
		return nil
	}
	return errors.Join(l.plotPareto(runs), l.plotRuns(s))
}

// writeJSON writes the summary and all runs.
func writeJSON(path string, runs []run, s summary) error {
	raw, err := json.MarshalIndent(struct {
		summary
		Runs []run `json:"runs"`
	}{s, runs}, "", " ")
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// writeCSV writes a row for each run.
func writeCSV(path string, runs []run) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write runs: %w", err)
	}
	out := csv.NewWriter(file)
	rows := [][]string{{
		"trace", "class", "target_s", "seed", "family", "policy", "replica_minutes", "undone_replica_minutes",
		"work_replica_minutes", "clairvoyant_replica_minutes", "out_of_target_percent", "messages_within_target_percent", "p99_age_s", "max_age_s",
		"rebalances", "scale_changes", "paused_partition_s", "violations", "violations_recovery_s_p95",
	}}
	for _, r := range runs {
		rows = append(rows, r.row())
	}
	if err := errors.Join(out.WriteAll(rows), file.Close()); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

func (r run) row() []string {
	row := []string{r.Trace, string(r.Class), text(r.Target), strconv.FormatUint(r.Seed, 10), r.Family, r.Policy}
	for _, n := range []float64{
		r.ReplicaMinutes, r.Undone, r.Work, r.Clairvoyant, r.OutOfTarget, r.WithinTarget, r.P99Age, r.MaxAge,
		r.Rebalances, r.ScaleChanges, r.Paused, float64(len(r.RecoveryTimes)), p95(r.RecoveryTimes),
	} {
		row = append(row, text(n))
	}
	return row
}

func text(n float64) string { return strconv.FormatFloat(n, 'g', 8, 64) }

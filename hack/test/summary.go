package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// result is what became of one tier.
type result struct {
	tier                    string
	took                    time.Duration
	passed, failed, skipped int
	// unavailable says why the tier could not run on this machine.
	unavailable string
	err         error
}

// step is the result of a tier that is one check.
func step(err error) result {
	if err != nil {
		return result{failed: 1, err: err}
	}
	return result{passed: 1}
}

// unavailable is a skip that CI does not allow.
func unavailable(why string) result {
	if os.Getenv("CI") == "true" {
		return step(errors.New(why))
	}
	return result{skipped: 1, unavailable: why}
}

func (r result) plus(other result) result {
	return result{
		passed: r.passed + other.passed, failed: r.failed + other.failed, skipped: r.skipped + other.skipped,
		unavailable: cmp.Or(r.unavailable, other.unavailable),
		err:         errors.Join(r.err, other.err),
	}
}

// count reads the events of go test -json. A test that was run again counts as
// it ended; tests with subtests count once each.
func count(path string) (result, error) {
	file, err := os.Open(path)
	if err != nil {
		return result{}, fmt.Errorf("read test events: %w", err)
	}
	defer func() { _ = file.Close() }()
	var r result
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct{ Action, Test string }
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Test == "" {
			continue
		}
		switch event.Action {
		case "pass":
			r.passed++
		case "fail":
			r.failed++
		case "skip":
			r.skipped++
		}
	}
	return r, lines.Err()
}

// summarise prints one line a tier and one for all, and fails if anything failed.
func summarise(out io.Writer, results []result) error {
	w := &bytes.Buffer{}
	var total result
	fmt.Fprintf(w, "\n%-12s %8s %8s %8s %8s\n", "", "passed", "failed", "skipped", "time")
	for _, r := range results {
		fmt.Fprintf(w, "%-12s %8d %8d %8d %8s\n", r.tier, r.passed, r.failed, r.skipped, r.took)
		if r.unavailable != "" {
			fmt.Fprintf(w, "  SKIPPED: %s\n", r.unavailable)
		}
		if r.err != nil {
			fmt.Fprintf(w, "  FAILED: %v\n", r.err)
		}
		total = total.plus(r)
	}
	fmt.Fprintf(w, "\ntotal: %d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skipped)
	if _, err := w.WriteTo(out); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	if total.err != nil || total.failed > 0 {
		return errors.New("the tests failed")
	}
	return nil
}

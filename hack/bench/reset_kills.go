package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// kill runs the table that kills the manager at each of its writes, on kfake and
// on Apache Kafka. The table has the same points on both.
func (f *resetFigures) kill(ctx context.Context) error {
	say("killing the manager at each of its writes, on kfake and on Apache Kafka (some minutes)")
	assets, err := binaries(ctx)
	if err != nil {
		return err
	}
	tests := exec.CommandContext(ctx, "go", "test", "./test/integration", "-count=1", "-v", "-timeout=45m", "-run=^TestResetKilledAnywhere", "-apache")
	tests.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+assets)
	tests.Stderr = os.Stderr
	out, err := tests.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read what the tests say: %w", err)
	}
	if err := tests.Start(); err != nil {
		return fmt.Errorf("start the tests: %w", err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if worthTelling(lines.Text()) {
			say("%s", lines.Text())
		}
		f.take(lines.Text())
	}
	f.KillsFailed = tests.Wait() != nil || f.KillRuns == 0
	return nil
}

// worthTelling leaves out that each of 150 runs has begun and passed.
func worthTelling(line string) bool {
	return !strings.HasPrefix(line, "=== ") && !strings.Contains(line, "--- PASS")
}

// take takes in a line of the tests: "kill points on kfake: 31, runs: 62, failed:
// false", and what they say of workers that began on a mixture.
func (f *resetFigures) take(line string) {
	if strings.Contains(line, "which is neither before nor after the reset") {
		f.MixedOutcomes++
	}
	_, counts, found := strings.Cut(line, "kill points on ")
	if !found {
		return
	}
	_, counts, _ = strings.Cut(counts, ": ")
	var points, runs int
	if _, err := fmt.Sscanf(counts, "%d, runs: %d,", &points, &runs); err == nil {
		f.KillPoints, f.KillRuns = max(f.KillPoints, points), f.KillRuns+runs
	}
}

package kafka_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// confluentKafka is the version of Python's confluent-kafka, whose wheel has a
// librdkafka of the same version in it. Distributions have older ones: Debian
// 12 has 2.0.2, which refuses retry.backoff.max.ms; 2.3 is the first to know it.
const confluentKafka = "2.16.1"

func produceWithLibrdkafka(t *testing.T, s *recorded, folder, text string) {
	t.Helper()
	python := findPython(t)
	command := exec.CommandContext(within(t), python, filepath.Join("testdata", "producers_produce.py"), folder, s.servers[0], text)
	command.Env = append(os.Environ(), "PYTHONPATH="+confluentKafkaFor(t, python))
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("produce with librdkafka: %v: %s", err, said)
	}
}

// findPython returns Python 3 with pip. Without it the test is skipped, and
// fails with CI=true.
func findPython(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-m", "pip", "--version").Run()
	}
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED, no file was tried with librdkafka, which comes with Python's confluent-kafka: install Python 3 and pip (%v)", err)
	}
	must(t, "find Python and its pip", err)
	return python
}

// confluentKafkaFor is the folder of Python's confluent-kafka, fetched into the
// cache: nothing is installed.
func confluentKafkaFor(t *testing.T, python string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, "find the cache", err)
	tag, err := exec.Command(python, "-c", "import sys; print(sys.implementation.cache_tag)").Output()
	must(t, "ask Python for its version", err)
	folder := filepath.Join(cache, "lagrange", "confluent-kafka-"+confluentKafka+"-"+strings.TrimSpace(string(tag)))
	if _, err := os.Stat(folder); err != nil {
		t.Logf("fetching Python's confluent-kafka %s into %s; nothing is installed", confluentKafka, folder)
		must(t, "fetch confluent-kafka", fetchConfluentKafka(t, python, folder))
	}
	return folder
}

// fetchConfluentKafka fetches into a folder beside and renames it, so that the
// folder is there only when it is whole.
func fetchConfluentKafka(t *testing.T, python, folder string) error {
	t.Helper()
	partial := fmt.Sprintf("%s.%d.partial", folder, os.Getpid())
	defer func() { _ = os.RemoveAll(partial) }() // what is left of a failure
	said, err := exec.CommandContext(within(t), python, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps",
		"--only-binary=:all:", "--target="+partial, "confluent-kafka=="+confluentKafka).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run pip: %w: %s", err, said)
	}
	if err := os.Rename(partial, folder); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil // another process was faster
}

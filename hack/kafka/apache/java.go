package apache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// ErrNoJava is that this machine lacks Java 17 or newer, or the Maven that
// fetches the jars. A test that needs Apache Kafka is then skipped, or fails
// where CI says that it must run.
var ErrNoJava = errors.New("no Java 17 or newer, or no Maven to fetch Apache Kafka with")

const oldestJava = 17

// findJava returns the path of java: that of JAVA_HOME, or of PATH.
func findJava(ctx context.Context) (string, error) {
	path := filepath.Join(os.Getenv("JAVA_HOME"), "bin", "java")
	if os.Getenv("JAVA_HOME") == "" {
		path = "java"
	}
	said, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: run %s -version: %w", ErrNoJava, path, err)
	}
	if major := majorVersion(string(said)); major < oldestJava {
		return "", fmt.Errorf("%w: %s is Java %d", ErrNoJava, path, major)
	}
	return path, nil
}

var versionLine = regexp.MustCompile(`version "(\d+)(?:\.(\d+))?`)

// majorVersion reads what java -version prints: 17 of "17.0.15", 8 of
// "1.8.0_402", 0 of something else.
func majorVersion(said string) int {
	match := versionLine.FindStringSubmatch(said)
	if match == nil {
		return 0
	}
	if match[1] == "1" {
		match[1] = match[2]
	}
	major, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return major
}

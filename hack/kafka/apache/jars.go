package apache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/lagrange-operator/lagrange/hack/process"
)

// Version is the Apache Kafka that is run.
const Version = "4.2.0"

// pom makes Maven copy Kafka, its tools and a logger that writes to standard error.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lagrange</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + Version + `</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>` + Version + `</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

// Ensure has java and Kafka's jars on this machine, and says on out when it
// fetches them. The error wraps ErrNoJava if the machine can't have them.
func Ensure(ctx context.Context, out io.Writer) error {
	_, _, err := ensure(ctx, out)
	return err
}

// ensure returns the paths of java and of the folder with the jars.
func ensure(ctx context.Context, out io.Writer) (java, jars string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	if java, err = findJava(ctx); err != nil {
		return "", "", err
	}
	jars, err = ensureJars(ctx, filepath.Join(cache, "lagrange"), out)
	return java, jars, err
}

// ensureJars fetches into a folder beside and renames it, so that the folder is
// there only when it is whole.
func ensureJars(ctx context.Context, cache string, out io.Writer) (string, error) {
	folder := filepath.Join(cache, "kafka-"+Version)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	unlock, err := lock(ctx, cache)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return folder, nil // another process has fetched them meanwhile
	}
	began := time.Now()
	_, _ = fmt.Fprintf(out, "fetching Apache Kafka %s with Maven into %s\n", Version, folder)
	if err := fetch(ctx, folder); err != nil {
		return "", err
	}
	_, _ = fmt.Fprintf(out, "fetched Apache Kafka %s in %s\n", Version, time.Since(began).Round(time.Second))
	return folder, nil
}

func lock(ctx context.Context, cache string) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	lock := flock.New(filepath.Join(cache, ".kafka.lock"))
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return nil, fmt.Errorf("lock the cache folder %q: %w", cache, err)
	}
	return func() { _ = lock.Close() }, nil
}

func fetch(ctx context.Context, folder string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoJava, err)
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), ".kafka-")
	if err != nil {
		return fmt.Errorf("make a folder for the jars: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }() // what is left of a failure
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), []byte(pom), 0o644); err != nil {
		return fmt.Errorf("write a pom.xml: %w", err)
	}
	command := exec.CommandContext(ctx, maven, "--batch-mode", "--quiet", "--file", filepath.Join(work, "pom.xml"),
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(work, "jars"))
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Apache Kafka with Maven: %w", errors.Join(err, errors.New(string(process.LastLines(said, 20)))))
	}
	if err := os.Rename(filepath.Join(work, "jars"), folder); err != nil {
		return fmt.Errorf("keep the jars: %w", err)
	}
	return nil
}

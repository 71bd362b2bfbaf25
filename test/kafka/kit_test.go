// Package kafka_test tries the lag engine (internal/kafkaadmin and internal/lag)
// on a table of cases, the same on two kinds of Kafka: kfake in this process,
// and Apache Kafka. On Apache Kafka its own tool is asked as well, and each
// difference between its answer and ours has a reason in the table.
//
//	go test ./test/kafka -table cases.md        # writes the table
//	go test ./test/kafka -run '/kfake'          # without Java
package kafka_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// patience bounds every wait: it is reached only by a test that fails.
const patience = 2 * time.Minute

var tableFile = flag.String("table", "", "file to write the table of cases to, in Markdown")

func TestMain(m *testing.M) {
	flag.Parse()
	// A case waits for Kafka more than it works.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if *tableFile != "" {
		if err := os.WriteFile(*tableFile, []byte(theTable.markdown()), 0o600); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// eventually waits until done says so.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
	}
}

// must fails the test if what it was about could not be done.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// within is a context that bounds one step of a test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// startApache starts Apache Kafka for the length of the test. Without Java the
// test is skipped, or fails where CI says that everything must run.
func startApache(t *testing.T, options apache.Options) *apache.Cluster {
	t.Helper()
	options.Progress = os.Stderr
	cluster, err := apache.Start(context.Background(), options)
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED, nothing was tried on Apache Kafka: %v", err)
	}
	must(t, "start Apache Kafka", err)
	t.Cleanup(func() { must(t, "end Apache Kafka", cluster.Close()) })
	return cluster
}

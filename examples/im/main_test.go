package main

import (
	"errors"
	"os"
	"testing"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/sqldb"
)

// TestMain is also the worker that the trial starts: this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTrial is `make example-im` with fewer messages: each kind of failure once.
// Without Java or MariaDB it is skipped, or fails where CI says that it must run.
func TestTrial(t *testing.T) {
	c := command()
	c.SetArgs([]string{"--messages", "5000", "--conversations", "200", "--workers", "2", "--rate", "400"})
	err := c.ExecuteContext(t.Context())
	var unavailable *sqldb.UnavailableError
	if (errors.As(err, &unavailable) || errors.Is(err, apache.ErrNoJava)) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

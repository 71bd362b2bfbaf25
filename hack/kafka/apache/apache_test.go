package apache_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

// started starts a cluster for the length of the test. Without Java the test is
// skipped, or fails where CI says that everything must run.
func started(t *testing.T, options apache.Options) *apache.Cluster {
	t.Helper()
	options.Progress = os.Stderr
	cluster, err := apache.Start(t.Context(), options)
	if errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

func clientOf(t *testing.T, servers []string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(servers...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestToolsAnswersAreRead(t *testing.T) {
	cluster := started(t, apache.Options{Topics: []broker.Topic{{Name: "orders", Partitions: 2}}})
	client := clientOf(t, cluster.BootstrapServers())
	for range 5 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("orders", 0, 7, -1) // above the end
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "billing", offsets); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("orders", 0)

	lines, err := cluster.DescribeOffsets(t.Context(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	known := func(value int64) apache.Number { return apache.Number{Value: value, Known: true} }
	want := []apache.PartitionLine{{
		Group: "billing", Topic: "orders", Committed: known(7), End: known(end.Offset), Lag: known(end.Offset - 7),
		ConsumerID: "-", Host: "-", ClientID: "-",
	}}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +read:\n%s", diff)
	}
	if state, members, err := cluster.DescribeState(t.Context(), "billing"); err != nil || state != "Empty" || members != 0 {
		t.Errorf("state %q with %d members, %v; want Empty", state, members, err)
	}
	if _, err := cluster.DescribeOffsets(t.Context(), "shipping"); err == nil || !strings.Contains(err.Error(), "shipping not found") {
		t.Errorf("the tool on a group that is not there: %v", err)
	}
}

// An in-place look at what a test starts is what its process does: here one that
// is killed while its broker runs.
func TestBrokersEndWithTheProcessThatStartedThem(t *testing.T) {
	if pid := os.Getenv("LAGRANGE_TEST_START"); pid != "" {
		if _, err := apache.Start(context.Background(), apache.Options{Dir: os.Getenv("LAGRANGE_TEST_START")}); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("started\n")
		select {}
	}
	if err := apache.Ensure(t.Context(), os.Stderr); errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestBrokersEndWithTheProcessThatStartedThem$")
	child.Env = append(os.Environ(), "LAGRANGE_TEST_START="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("started\n"))
	_, readErr := out.Read(line)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	if readErr != nil || string(line) != "started\n" {
		t.Fatalf("the child said %q, %v", line, readErr)
	}
	for deadline := time.Now().Add(30 * time.Second); javaRuns(t, dir); {
		if time.Now().After(deadline) {
			t.Fatal("the broker outlives the process that started it")
		}
	}
}

// javaRuns tells whether a process has the folder in its command line.
func javaRuns(t *testing.T, dir string) bool {
	t.Helper()
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatalf("list the processes: %v", err)
	}
	for _, process := range processes {
		command, err := os.ReadFile("/proc/" + process.Name() + "/cmdline")
		if err == nil && bytes.Contains(command, []byte(dir)) && bytes.Contains(command, []byte("kafka.Kafka")) {
			return true
		}
	}
	return false
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	cases := map[string]struct {
		options apache.Options
		want    string
	}{
		"Brokers":  {apache.Options{Brokers: 2}, "only 1 or 3"},
		"Listener": {apache.Options{Brokers: 3, Listeners: []apache.Listener{{Listen: []string{"127.0.0.1:0"}}}}, "each broker needs one"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := apache.Start(t.Context(), tc.options); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// A broker that fails says why: here by its log, of a setting that it refuses.
func TestAFailedStartShowsTheBrokersLog(t *testing.T) {
	if err := apache.Ensure(t.Context(), os.Stderr); errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	_, err := apache.Start(t.Context(), apache.Options{Settings: map[string]string{"num.io.threads": "many"}})
	if err == nil || !strings.Contains(err.Error(), "num.io.threads") {
		t.Errorf("got %v, want what the broker says about num.io.threads", err)
	}
}

// The others wait for one that has ended: the start fails at once all the same,
// with what that one said.
func TestAFailedStartShowsTheLogOfTheBrokerThatEnded(t *testing.T) {
	if err := apache.Ensure(t.Context(), os.Stderr); errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	const free = "127.0.0.1:0"
	_, err = apache.Start(t.Context(), apache.Options{
		Brokers: 3, Listeners: []apache.Listener{{Listen: []string{free, free, taken.Addr().String()}}},
	})
	if err == nil || !strings.Contains(err.Error(), "node 2") || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("got %v, want that node 2's address is in use", err)
	}
}

func TestWithoutJavaTheErrorSaysWhatIsNeeded(t *testing.T) {
	t.Setenv("JAVA_HOME", t.TempDir())
	if _, err := apache.Start(t.Context(), apache.Options{}); !errors.Is(err, apache.ErrNoJava) {
		t.Errorf("got %v, want ErrNoJava", err)
	}
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := apache.Start(t.Context(), apache.Options{}); !errors.Is(err, apache.ErrNoJava) {
		t.Errorf("got %v, want ErrNoJava", err)
	}
}

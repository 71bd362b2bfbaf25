package beside

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

// The test's own binary is the process beside it when these are set.
const (
	beBeside = "LAGRANGE_TEST_BE_BESIDE"
	tallyAt  = "LAGRANGE_TEST_TALLY"
	apacheAt = "LAGRANGE_TEST_APACHE"
)

func TestMain(m *testing.M) {
	if os.Getenv(beBeside) == "" {
		os.Exit(m.Run())
	}
	options := Options{
		Broker:      broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 12}}},
		TallyListen: os.Getenv(tallyAt),
	}
	if address := os.Getenv(apacheAt); address != "" {
		options.Apache, options.Broker.Listen = true, address
	}
	if err := Serve(context.Background(), options, os.Stdin, os.Stdout); err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

func start(t *testing.T, tallyListen string, environment ...string) (*Process, error) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(append(os.Environ(), beBeside+"=1", tallyAt+"="+tallyListen), environment...)
	process, err := Start(t.Context(), command, filepath.Join(t.TempDir(), "log"), false)
	if err == nil {
		t.Cleanup(process.kill)
	}
	return process, err
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func TestWhatWorkersReportIsCounted(t *testing.T) {
	workers := freeAddress(t)
	process, err := start(t, workers)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(tally.Request{Worker: "w", Sequence: 1, Messages: []tally.Message{{Topic: "orders", Offset: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post("http://"+workers+"/handled", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	counts, err := process.Counts(t.Context())
	if err != nil || counts.Distinct != 1 || counts.First.IsZero() {
		t.Errorf("counted %+v, %v", counts, err)
	}
	if err := process.Ended(); err != nil {
		t.Errorf("a running process is said to have ended: %v", err)
	}
	response, err = http.Post("http://"+workers+"/stop", "", nil)
	if err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("pods can stop the broker: %v", err)
	}
}

func TestApacheKafkaHasTheTopic(t *testing.T) {
	if err := apache.Ensure(t.Context(), os.Stderr); errors.Is(err, apache.ErrNoJava) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	address := freeAddress(t)
	process, err := start(t, "127.0.0.1:0", apacheAt+"="+address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sarama.NewClient([]string{address}, nil)
	if err != nil {
		t.Fatal(err)
	}
	partitions, err := client.Partitions("orders")
	_ = client.Close() // read already
	if err != nil || len(partitions) != 12 {
		t.Errorf("partitions %v, %v; want 12", partitions, err)
	}
	if err := process.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("Apache Kafka outlives the process that started it")
	}
}

func TestStop(t *testing.T) {
	process, err := start(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	byAddress := &Process{Control: process.Control}
	if err := byAddress.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	awaitEnd(t, process)
	if err := process.Ended(); err == nil {
		t.Error("its end is not told")
	}
	if _, err := process.Counts(t.Context()); err == nil {
		t.Error("a process that ended counts")
	}
	if err := process.Stop(t.Context()); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
}

func TestItEndsWithWhoeverStartedIt(t *testing.T) {
	process, err := start(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := process.started.lifeline.Close(); err != nil { // as the kernel does for a process that was killed
		t.Fatal(err)
	}
	awaitEnd(t, process)
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, err = start(t, taken.Addr().String())
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func awaitEnd(t *testing.T, process *Process) {
	t.Helper()
	select {
	case <-process.started.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it did not end")
	}
}

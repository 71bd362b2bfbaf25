package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
	"github.com/lagrange-operator/lagrange/hack/kafka/replay"
	"github.com/lagrange-operator/lagrange/hack/kafka/tally"
)

// beWorker makes the test's own binary the worker, as a process of its own.
const beWorker = "LAGRANGE_TEST_BE_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(beWorker) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Worker processes join, are killed and are told to stop while messages come:
// all that were acknowledged are handled, in order.
func TestKilledAndStoppedWorkersLoseNothing(t *testing.T) {
	kafka, err := broker.Start(broker.Options{
		Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "demo", Partitions: 6}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	counted := tally.New()
	server := httptest.NewServer(counted.Handler())
	t.Cleanup(server.Close)
	spawn := func(name string) *exec.Cmd {
		return startWorker(t, name, kafka.Address, strings.TrimPrefix(server.URL, "http://"))
	}
	load, err := replay.New(replay.Options{
		BootstrapServers: []string{kafka.Address}, Topic: "demo",
		Curve: replay.Curve{{At: 0, Value: 500}, {At: 3 * time.Second, Value: 500}}, // 3,000 messages in 6 s
	})
	if err != nil {
		t.Fatal(err)
	}
	produced := make(chan error, 1)
	go func() { produced <- load.Run(t.Context()) }()

	killed, stopped := spawn("killed"), spawn("stopped")
	spawn("stays")
	await(t, "all three have handled something", func() bool { return counted.Counts().Workers == 3 })
	send(t, killed, syscall.SIGKILL)
	_ = killed.Wait() // it was killed
	send(t, stopped, syscall.SIGTERM)
	if err := stopped.Wait(); err != nil {
		t.Errorf("a worker that was told to stop ended with %v", err)
	}
	spawn("late")
	if err := <-produced; err != nil {
		t.Fatal(err)
	}
	done := load.Progress()
	await(t, "every acknowledged message is handled", func() bool { return counted.Counts().Distinct >= done.Acknowledged })
	if diff := cmp.Diff(done.Partitions, counted.Distinct("demo")); diff != "" {
		t.Errorf("acknowledged and handled by partition, -acknowledged +handled:\n%s", diff)
	}
	if got := counted.Counts(); got.OutOfOrder != 0 {
		t.Errorf("counted %+v: order was lost", got)
	}
}

func startWorker(t *testing.T, name, bootstrap, tallyAddress string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), beWorker+"=1",
		workerconfig.EnvClientID+"="+name, workerconfig.EnvBootstrapServers+"="+bootstrap,
		workerconfig.EnvGroupID+"=demo", workerconfig.EnvTopics+"=demo",
		"WORKER_TALLY_ADDR="+tallyAddress, "WORKER_LISTEN=127.0.0.1:0", "WORKER_SERVICE_TIME=1ms")
	log := &strings.Builder{}
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		_ = command.Wait()
		if t.Failed() {
			fmt.Printf("--- log of worker %s\n%s", name, log)
		}
	})
	return command
}

func send(t *testing.T, command *exec.Cmd, which os.Signal) {
	t.Helper()
	if err := command.Process.Signal(which); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	giveUp := time.After(2 * time.Minute)
	for !condition() {
		select {
		case <-look.C:
		case <-giveUp:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestAConfigurationThatCannotWorkEndsTheProcess(t *testing.T) {
	for _, env := range []string{workerconfig.EnvConfig + "=/does/not/exist.json", "WORKER_SERVICE_TIME=soon", workerconfig.EnvGroupID + "="} {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), beWorker+"=1", env)
		output, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(output), `"level":"ERROR"`) {
			t.Errorf("with %s: %v, %s", env, err, output)
		}
	}
}

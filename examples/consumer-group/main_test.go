package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

// beExample makes the test's own binary the example, as a process of its own.
const beExample = "LAGRANGE_TEST_BE_EXAMPLE"

func TestMain(m *testing.M) {
	if os.Getenv(beExample) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Told to stop once it has printed all messages, it ends well and has committed them.
func TestSIGTERMCommits(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Topics: []broker.Topic{{Name: "orders", Partitions: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	client := connect(t, kafka.Address)
	want := produce(t, client, 30)

	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), beExample+"=1", workerconfig.EnvBootstrapServers+"="+kafka.Address,
		workerconfig.EnvGroupID+"=printers", workerconfig.EnvTopics+"=orders")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() }) // it may have ended
	var got []string
	for lines := bufio.NewScanner(out); len(got) < len(want) && lines.Scan(); {
		got = append(got, lines.Text())
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("told to stop, it ended with %v", err)
	}
	if committed := committed(t, client, "printers"); committed != 30 {
		t.Errorf("%d messages are committed, want 30", committed)
	}
}

func connect(t *testing.T, address string) sarama.Client {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.Return.Successes = true
	client, err := sarama.NewClient([]string{address}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// produce returns what is to be printed, sorted.
func produce(t *testing.T, client sarama.Client, count int) []string {
	t.Helper()
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = producer.Close() }()
	var lines []string
	for i := range count {
		key, value := fmt.Sprintf("key-%d", i%7), fmt.Sprint(i)
		message := &sarama.ProducerMessage{Topic: "orders", Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
		if _, _, err := producer.SendMessage(message); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, key+" "+value)
	}
	slices.Sort(lines)
	return lines
}

func committed(t *testing.T, client sarama.Client, group string) int64 {
	t.Helper()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{"orders": {0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for partition := range int32(3) {
		sum += offsets.GetBlock("orders", partition).Offset
	}
	return sum
}

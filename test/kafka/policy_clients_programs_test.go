package kafka_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/worker"
)

func produceWithJava(t *testing.T, s *recorded, folder, text string) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("testdata", "ProducersProduce.java"))
	must(t, "find the program", err)
	_, err = s.apache.Tool(within(t), program, folder, s.servers[0], text)
	must(t, "produce with Java", err)
}

// produceWithWorker does with the worker runtime what the programs do.
func produceWithWorker(t *testing.T, s *recorded, folder, text string) {
	t.Helper()
	content, err := os.ReadFile(text)
	must(t, "read the text", err)
	files, err := os.ReadDir(folder)
	must(t, "list the files", err)
	for _, file := range files {
		t.Setenv(workerconfig.EnvProducerConfig, filepath.Join(folder, file.Name()))
		t.Setenv(workerconfig.EnvBootstrapServers, s.servers[0])
		config, err := worker.Load()
		must(t, "load "+file.Name(), err)
		config.ClientID = "worker-" + file.Name()
		config.Logger, config.Registry = slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry()
		s.produceAs(t, config, file.Name(), content)
	}
}

func (s *recorded) produceAs(t *testing.T, config worker.Config, policy string, text []byte) {
	t.Helper()
	p, err := worker.NewProducer(config)
	must(t, "start the producer of "+policy, err)
	send := func(topic string, count int, value []byte) {
		var messages []worker.Outgoing
		for i := range count {
			m := worker.Outgoing{Topic: "worker-" + policy + "-" + topic, Key: fmt.Append(nil, "key-", i), Value: value}
			if policy == "manual" {
				m.Partition = new(int32(i / 10 * map[string]int{"keys": 1, "one": 0}[topic]))
			}
			messages = append(messages, m)
		}
		must(t, "produce as "+policy, p.SendBatch(within(t), messages))
	}
	send("keys", keyedMessages, []byte("small"))
	send("one", 1, text)
	send("one", longMessages, text[:longBytes])
	must(t, "close the producer of "+policy, p.Close(within(t)))
}

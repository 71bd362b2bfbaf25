package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
	"github.com/lagrange-operator/lagrange/worker"
)

// sender is a producer within a program. told gets the result of a message, once.
type sender interface {
	send(ctx context.Context, m message, value []byte, told func(error))
	// close returns once all results are told that ever will be.
	close(ctx context.Context) error
}

// workerSender is the worker runtime's producer.
type workerSender struct {
	producer *worker.Producer
	topic    string
}

// runtime starts a producer of the worker runtime as a pod would have it: with
// the file that the operator makes of the policy.
func (s *scene) runtime(a arm, topic string) (sender, error) {
	config, err := s.workerConfig(a.policy)
	if err != nil {
		return nil, err
	}
	producer, err := worker.NewProducer(config)
	if err != nil {
		return nil, err
	}
	return &workerSender{producer, topic}, nil
}

// workerConfig has the runtime itself read the policy's settings from a file.
func (s *stand) workerConfig(policy v1alpha1.KafkaProducerPolicySpec) (worker.Config, error) {
	s.environment.Lock()
	defer s.environment.Unlock()
	producer := producerpolicy.WorkerProducer(producerpolicy.Resolve(policy))
	content, err := json.Marshal(workerconfig.File{BootstrapServers: s.servers(), Producer: &producer})
	if err != nil {
		return worker.Config{}, fmt.Errorf("write the worker's file: %w", err)
	}
	path := filepath.Join(s.dir, workerconfig.FileName)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return worker.Config{}, fmt.Errorf("write the worker's file: %w", err)
	}
	if err := os.Setenv(workerconfig.EnvConfig, path); err != nil {
		return worker.Config{}, fmt.Errorf("name the worker's file: %w", err)
	}
	config, err := worker.Load()
	config.Logger = slog.New(slog.DiscardHandler)
	return config, errors.Join(err, os.Unsetenv(workerconfig.EnvConfig))
}

func (w *workerSender) send(ctx context.Context, m message, value []byte, told func(error)) {
	w.producer.Enqueue(ctx, worker.Outgoing{Topic: w.topic, Key: []byte(m.key), Value: value},
		func(_ worker.Receipt, err error) {
			told(err)
			w.producer.Resume(worker.Outgoing{Topic: w.topic, Key: []byte(m.key)})
		})
}

func (w *workerSender) close(ctx context.Context) error { return w.producer.Close(ctx) }

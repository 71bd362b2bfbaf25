package main

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// saramaConfig is what a program that uses sarama itself makes of a policy: what
// producerpolicy.Translate says, but for Net.ReadTimeout: that is responseTimeout,
// which no file for sarama has, since the worker runtime always waits 5 s longer
// than the leader. The two differ in what P11 flags only.
func saramaConfig(policy v1alpha1.KafkaProducerPolicySpec) *sarama.Config {
	s := producerpolicy.Resolve(policy)
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.RequiredAcks = map[v1alpha1.Acks]sarama.RequiredAcks{
		v1alpha1.AcksAll: sarama.WaitForAll, v1alpha1.AcksLeader: sarama.WaitForLocal, v1alpha1.AcksNone: sarama.NoResponse}[s.Acks]
	if config.Producer.Idempotent = *s.Idempotence; config.Producer.Idempotent {
		config.Net.MaxOpenRequests = 1
	}
	config.Producer.Retry.Max = int(s.Retry.Attempts)
	config.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(s.Retry.InitialBackoff.Duration<<min(max(retries, 1)-1, 10), s.Retry.MaxBackoff.Duration)
	}
	config.Producer.Timeout = s.RequestTimeout.Duration
	config.Net.ReadTimeout = s.ResponseTimeout.Duration
	config.Producer.Partitioner = sarama.NewMurmur2Partitioner
	config.Producer.MaxMessageBytes = int(s.MaxMessageBytes)
	config.Producer.Return.Successes, config.Producer.Return.Errors = true, true
	config.Metadata.AllowAutoTopicCreation = false
	return config
}

// saramaSender is a producer of sarama's whose results are all read.
type saramaSender struct {
	topic   string
	async   sarama.AsyncProducer
	reading sync.WaitGroup
}

func newSaramaSender(servers []string, config *sarama.Config, topic string) (*saramaSender, error) {
	async, err := sarama.NewAsyncProducer(servers, config)
	if err != nil {
		return nil, err
	}
	s := &saramaSender{topic: topic, async: async}
	s.reading.Go(func() {
		for done := range async.Successes() {
			done.Metadata.(func(error))(nil)
		}
	})
	s.reading.Go(func() {
		for failed := range async.Errors() {
			failed.Msg.Metadata.(func(error))(failed.Err)
		}
	})
	return s, nil
}

func (s *saramaSender) send(_ context.Context, m message, value []byte, told func(error)) {
	s.async.Input() <- saramaMessage(s.topic, m, value, told)
}

func saramaMessage(topic string, m message, value []byte, told func(error)) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(m.key), Value: sarama.ByteEncoder(value), Metadata: told}
}

func (s *saramaSender) close(context.Context) error {
	s.async.AsyncClose()
	s.reading.Wait()
	return nil
}

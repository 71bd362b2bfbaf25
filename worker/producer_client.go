package worker

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// lookForLeader is the pause between two looks for a partition's leader.
	lookForLeader = 250 * time.Millisecond
	// unknownTopicPatience is how long a topic may be unknown to the brokers
	// that was just created. A name that is mistyped should fail soon.
	unknownTopicPatience = 5 * time.Second
)

// patientClient waits for leaders and topics. sarama's producer fails a message
// at once, whatever its retries, when it finds its partition without a leader,
// as it is during an election. The waiting is done in goroutines of sarama's
// that serve only the one partition or topic.
type patientClient struct {
	sarama.Client
	budget  time.Duration
	givenUp <-chan struct{}
	// first is a broker known to answer, for the producer id: sarama would ask
	// the first of the bootstrap servers again and again, up or not. Nil once
	// the producer is up.
	first atomic.Pointer[sarama.Broker]

	mutex sync.Mutex
	// missing is since when a leader, or with partition -1 a topic, is looked
	// for: what comes later does not wait anew.
	missing map[kafka.TopicPartition]time.Time
}

func newPatientClient(client sarama.Client, first *sarama.Broker, budget time.Duration, givenUp <-chan struct{}) *patientClient {
	c := &patientClient{Client: client, budget: budget, givenUp: givenUp, missing: make(map[kafka.TopicPartition]time.Time)}
	c.first.Store(first)
	return c
}

// LeastLoadedBroker implements sarama.Client.
func (c *patientClient) LeastLoadedBroker() *sarama.Broker {
	if first := c.first.Load(); first != nil {
		return first
	}
	return c.Client.LeastLoadedBroker()
}

// RefreshMetadata implements sarama.Client. That it failed is seen by what is
// then looked for in the metadata.
func (c *patientClient) RefreshMetadata(topics ...string) error {
	_ = c.Client.RefreshMetadata(topics...)
	return nil
}

// Leader implements sarama.Client.
func (c *patientClient) Leader(topic string, partition int32) (leader *sarama.Broker, err error) {
	err = c.await(kafka.TopicPartition{Topic: topic, Partition: partition}, func() (err error) {
		leader, err = c.Client.Leader(topic, partition)
		return err //nolint:wrapcheck // sarama's own, handed back to sarama
	})
	return leader, err
}

// Partitions implements sarama.Client.
func (c *patientClient) Partitions(topic string) (partitions []int32, err error) {
	err = c.await(kafka.TopicPartition{Topic: topic, Partition: -1}, func() (err error) {
		partitions, err = c.Client.Partitions(topic)
		return err //nolint:wrapcheck // sarama's own, handed back to sarama
	})
	return partitions, err
}

// WritablePartitions implements sarama.Client. None is an answer like any other
// to sarama; here it is waited for the first leader.
func (c *patientClient) WritablePartitions(topic string) (partitions []int32, err error) {
	err = c.await(kafka.TopicPartition{Topic: topic, Partition: -1}, func() (err error) {
		partitions, err = c.Client.WritablePartitions(topic)
		if err == nil && len(partitions) == 0 {
			_ = c.Client.RefreshMetadata(topic)
			err = sarama.ErrLeaderNotAvailable
		}
		return err
	})
	return partitions, err
}

// await looks until it succeeds, or what is missing has been so for too long.
func (c *patientClient) await(what kafka.TopicPartition, look func() error) error {
	for {
		err := look()
		if !c.mayPass(what, err, time.Now()) {
			return err
		}
		select {
		case <-c.givenUp:
			return err
		case <-time.After(lookForLeader):
		}
	}
}

// mayPass tells whether the error is worth another look.
func (c *patientClient) mayPass(what kafka.TopicPartition, err error, now time.Time) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err == nil {
		delete(c.missing, what)
		return false
	}
	since, known := c.missing[what]
	if !known {
		since = now
		c.missing[what] = now
	}
	return now.Sub(since) < c.patience(err)
}

func (c *patientClient) patience(err error) time.Duration {
	switch {
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrInvalidTopic), errors.Is(err, sarama.ErrClosedClient):
		return 0
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return min(c.budget, unknownTopicPatience)
	}
	return c.budget
}

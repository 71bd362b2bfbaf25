package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/IBM/sarama"
)

const (
	uniformTopic = "uniform"
	slowTopic    = "uniform-slow"
	zipfTopic    = "zipf-slow"

	benchKeys      = 100_000
	benchValueSize = 100
)

// startFilled starts a broker in its own process with the topics of the worker
// benchmark, filled.
func startFilled(ctx context.Context, folder string, o workerOptions) (address string, stop func(), err error) {
	if address, err = freeAddress(); err != nil {
		return "", nil, err
	}
	args := []string{o.kafka, "--listen=" + address}
	for _, topic := range []string{uniformTopic, slowTopic, zipfTopic} {
		args = append(args, fmt.Sprintf("--topic=%s:%d", topic, o.partitions))
	}
	broker, err := startProcess(ctx, folder, "./hack/kafka", nil, args...)
	if err != nil {
		return "", nil, err
	}
	client, err := reach(ctx, broker, address)
	if err == nil {
		err = fillAll(client, o)
	}
	if err != nil {
		broker.stop()
		return "", nil, err
	}
	return address, broker.stop, client.Close() // nothing is on its way any more
}

// reach connects once the broker has the topics.
func reach(ctx context.Context, broker *process, address string) (sarama.Client, error) {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.Return.Successes = true
	config.Metadata.AllowAutoTopicCreation = false
	for {
		client, err := sarama.NewClient([]string{address}, config)
		if err == nil {
			if _, err = client.Partitions(zipfTopic); err == nil {
				return client, nil
			}
			_ = client.Close()
		}
		select {
		case <-broker.ended:
			return nil, fmt.Errorf("the broker has ended: %w", err)
		default:
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return nil, fmt.Errorf("reach the broker: %w", err)
		}
	}
}

// fillAll draws the keys with a fixed seed: every benchmark has the same messages.
func fillAll(client sarama.Client, o workerOptions) error {
	random := rand.New(rand.NewPCG(1, 1))
	uniform := func() int { return random.IntN(benchKeys) }
	zipf := zipfKeys(random)
	return firstError(
		fill(client, uniformTopic, o.messages, uniform),
		fill(client, slowTopic, o.slow, uniform),
		fill(client, zipfTopic, o.slow, zipf),
	)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// harmonic are the sums 1 + 1/2 + ... of Zipf's law with s=1.
func harmonic() []float64 {
	sums := make([]float64, benchKeys)
	sum := 0.0
	for i := range sums {
		sum += 1 / float64(i+1)
		sums[i] = sum
	}
	return sums
}

// hottestShare is how much of the messages the most frequent key has: 8.3 %.
func hottestShare() float64 { return 1 / harmonic()[benchKeys-1] }

// zipfKeys draws keys by Zipf's law with s=1, which the standard library's
// generator leaves out.
func zipfKeys(random *rand.Rand) func() int {
	sums := harmonic()
	return func() int { return sort.SearchFloat64s(sums, random.Float64()*sums[benchKeys-1]) }
}

// fill produces messages of 100 bytes in batches of up to 1,000.
func fill(client sarama.Client, topic string, messages int, key func() int) error {
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return fmt.Errorf("open a producer: %w", err)
	}
	const atOnce = 12_000
	for left := messages; left > 0 && err == nil; left -= atOnce {
		batch := make([]*sarama.ProducerMessage, min(left, atOnce))
		for i := range batch {
			batch[i] = &sarama.ProducerMessage{
				Topic: topic, Key: sarama.StringEncoder(fmt.Sprintf("key-%06d", key())),
				Value: sarama.ByteEncoder(make([]byte, benchValueSize)),
			}
		}
		err = producer.SendMessages(batch)
	}
	if closeErr := producer.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("fill topic %q: %w", topic, err)
	}
	return nil
}

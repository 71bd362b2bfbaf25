package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/IBM/sarama"
)

// traffic is a broker in its own process, and what happens on it.
type traffic struct {
	address string
	broker  *process
	options reconcileOptions
	client  sarama.Client
	cancel  context.CancelFunc
	ended   chan error
}

func startBroker(ctx context.Context, folder string, o reconcileOptions) (*traffic, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args := []string{"broker", "--listen=" + address}
	for i := range o.objects {
		args = append(args, fmt.Sprintf("--topic=%s:%d", groupName(i), o.partitions))
	}
	t := &traffic{address: address, options: o}
	if t.broker, err = startProcess(ctx, folder, "./hack/kafka", nil, args...); err != nil {
		return nil, err
	}
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewRandomPartitioner
	for range 100 {
		if t.client, err = sarama.NewClient([]string{address}, c); err == nil {
			return t, t.commitAll()
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return t, err
		}
	}
	return t, fmt.Errorf("reach the broker: %w", err)
}

// commitAll gives every group a commit, so that an idle group has no lag.
func (t *traffic) commitAll() error {
	for i := range t.options.objects {
		if err := t.commit(groupName(i)); err != nil {
			return err
		}
	}
	return nil
}

// commit brings a group to the end of its topic.
func (t *traffic) commit(group string) error {
	admin, err := sarama.NewClusterAdminFromClient(t.client)
	if err != nil {
		return err
	}
	offsets := map[int32]sarama.OffsetAndMetadata{}
	for p := range int32(t.options.partitions) {
		end, err := t.client.GetOffset(group, p, sarama.OffsetNewest)
		if err != nil {
			return fmt.Errorf("read the end of %s-%d: %w", group, p, err)
		}
		offsets[p] = sarama.OffsetAndMetadata{Offset: end, LeaderEpoch: -1}
	}
	_, err = admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{group: offsets}, nil)
	return err
}

// start produces to every group every 5 seconds and lets it catch up every 20.
func (t *traffic) start(ctx context.Context) {
	ctx, t.cancel = context.WithCancel(ctx)
	t.ended = make(chan error, 1)
	go func() { t.ended <- t.run(ctx) }()
}

func (t *traffic) run(ctx context.Context) error {
	producer, err := sarama.NewSyncProducerFromClient(t.client)
	if err != nil {
		return err
	}
	for second := 0; ; second++ {
		var messages []*sarama.ProducerMessage
		for i := range t.options.objects {
			if i%5 == second%5 {
				for range 1 + rand.IntN(30) {
					messages = append(messages, &sarama.ProducerMessage{Topic: groupName(i), Value: sarama.StringEncoder("x")})
				}
			}
			if i%20 == second%20 {
				if err := t.commit(groupName(i)); err != nil {
					return err
				}
			}
		}
		if err := producer.SendMessages(messages); err != nil {
			return fmt.Errorf("produce: %w", err)
		}
		if pause(ctx, time.Second) != nil {
			return nil
		}
	}
}

// stop ends the traffic and tells whether it had gone well.
func (t *traffic) stop() error {
	t.cancel()
	return <-t.ended
}

func (t *traffic) close() {
	if t.client != nil {
		_ = t.client.Close()
	}
	t.broker.stop()
}

// Package gateway takes messages from people's devices and hands them to Kafka.
package gateway

import (
	"context"

	"github.com/lagrange-operator/lagrange/examples/im/chat"
	"github.com/lagrange-operator/lagrange/worker"
)

// Gateway delivers messages to a topic.
type Gateway struct {
	producer *worker.Producer
	topic    string
}

// New connects. The producer's defaults are those that lose nothing: acks=all
// and idempotence.
func New(config worker.Config, topic string) (*Gateway, error) {
	producer, err := worker.NewProducer(config)
	if err != nil {
		return nil, err
	}
	return &Gateway{producer: producer, topic: topic}, nil
}

// Deliver returns nil once all in-sync replicas have the message. With an error
// they may have it or not: the device sends it again, with the same ID, before
// it sends the next message of the conversation. So a conversation keeps its
// order, and the archive finds what came twice.
func (g *Gateway) Deliver(ctx context.Context, m chat.Message) error {
	value, err := m.Encode()
	if err != nil {
		return err
	}
	_, err = g.producer.Send(ctx, worker.Outgoing{
		Topic:   g.topic,
		Key:     []byte(m.Conversation),
		Value:   value,
		Headers: []worker.Header{{Key: []byte(chat.IDHeader), Value: []byte(m.ID)}},
	})
	return err
}

// Close waits for what is on its way.
func (g *Gateway) Close(ctx context.Context) error { return g.producer.Close(ctx) }

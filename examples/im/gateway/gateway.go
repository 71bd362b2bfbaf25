// Package gateway takes messages from people's devices and hands them to Kafka.
package gateway

import (
	"context"
	"net/http"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/examples/im/chat"
	"github.com/lagrange-operator/lagrange/worker"
)

// Gateway delivers messages to a topic.
type Gateway struct {
	config   worker.Config
	producer *worker.Producer
	topic    string
}

// New connects. With a configuration of worker.Load the producer does what the
// KafkaProducerPolicy says. Without one its defaults lose nothing either.
func New(config worker.Config, topic string) (*Gateway, error) {
	producer, err := worker.NewProducer(config)
	if err != nil {
		return nil, err
	}
	return &Gateway{config: config, producer: producer, topic: topic}, nil
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

// Handler answers the operator, which asks what policy is in force.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+workerconfig.ReportPath, g.config.ServeProducerReport)
	return mux
}

// Close waits for what is on its way.
func (g *Gateway) Close(ctx context.Context) error { return g.producer.Close(ctx) }

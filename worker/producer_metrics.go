package worker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// producerMetrics are labelled by topic. Producers of one registry share them:
// the series are sums, and stay when a producer is closed.
type producerMetrics struct {
	sent     *prometheus.CounterVec
	failed   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	retries  prometheus.Counter

	topics sync.Map // topic to *topicMetrics
}

// topicMetrics are those of one topic, looked up once.
type topicMetrics struct {
	sent, failed prometheus.Counter
	duration     prometheus.Observer
	inFlight     prometheus.Gauge
}

func newProducerMetrics(registry *prometheus.Registry) (*producerMetrics, error) {
	topic := []string{"topic"}
	m := &producerMetrics{
		sent:   producerCounter("messages_sent_total", "Messages that the brokers have acknowledged."),
		failed: producerCounter("messages_failed_total", "Messages that failed, and whose sender was told so."),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lagrange_producer_seconds",
			Help:    "Time from accepting a message to its result.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18), // 0.5 ms to 65 s
		}, topic),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lagrange_producer_messages_in_flight",
			Help: "Messages that were accepted and have no result yet.",
		}, topic),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lagrange_producer_retries_total",
			Help: "Pauses before a batch, or what waits behind it, was tried again.",
		}),
	}
	err := errors.Join(share(registry, &m.sent), share(registry, &m.failed), share(registry, &m.duration),
		share(registry, &m.inFlight), share(registry, &m.retries))
	if err != nil {
		return nil, fmt.Errorf("register the producer's metrics: %w", err)
	}
	return m, nil
}

func producerCounter(name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lagrange_producer_" + name, Help: help}, []string{"topic"})
}

// share registers the collector, or takes the one that is there already.
func share[T prometheus.Collector](registry *prometheus.Registry, collector *T) error {
	err := registry.Register(*collector)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := there.ExistingCollector.(T); ok {
			*collector = same
			return nil
		}
	}
	return err //nolint:wrapcheck // wrapped once, for all of them
}

func (m *producerMetrics) of(topic string) *topicMetrics {
	if known, ok := m.topics.Load(topic); ok {
		return known.(*topicMetrics)
	}
	made, _ := m.topics.LoadOrStore(topic, &topicMetrics{
		sent: m.sent.WithLabelValues(topic), failed: m.failed.WithLabelValues(topic),
		duration: m.duration.WithLabelValues(topic), inFlight: m.inFlight.WithLabelValues(topic),
	})
	return made.(*topicMetrics)
}

func (m *producerMetrics) settled(s *sending, err error) {
	topic := m.of(s.record.Topic)
	topic.inFlight.Dec()
	topic.duration.Observe(time.Since(s.accepted).Seconds())
	if err != nil {
		topic.failed.Inc()
		return
	}
	topic.sent.Inc()
}

package worker

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// metrics are labelled by topic at most: with a series per partition, a
// thousand pods of a large topic would be a scrape of their own.
type metrics struct {
	handled       *prometheus.CounterVec
	redelivered   *prometheus.CounterVec
	failed        *prometheus.CounterVec
	duration      *prometheus.HistogramVec
	assigned      *prometheus.GaugeVec
	commits       *prometheus.CounterVec
	rebalances    prometheus.Counter
	consumeErrors prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		handled:     counter("messages_handled_total", "Messages for which the handler returned nil.", "topic"),
		redelivered: counter("messages_redelivered_total", "Handled messages that this process had handled before.", "topic"),
		failed:      counter("handler_errors_total", "Calls of the handler that returned an error.", "topic"),
		commits:     counter("commits_total", "Offset commits by result: ok, lost (the group went on without this member) or error.", "result"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lagrange_worker_handler_seconds",
			Help:    "Duration of one call of the handler.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18), // 0.5 ms to 65 s
		}, []string{"topic"}),
		assigned: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lagrange_worker_assigned_partitions",
			Help: "Partitions that this member has now.",
		}, []string{"topic"}),
		rebalances: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lagrange_worker_rebalances_total",
			Help: "Generations of the group that this member has joined.",
		}),
		consumeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lagrange_worker_consumer_errors_total",
			Help: "Errors of joining, fetching and leaving; each is logged.",
		}),
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lagrange_worker_" + name, Help: help}, labels)
}

// register adds the metrics to the registry until the result is called, so that
// a program may call Run again with the registry it keeps.
func (m *metrics) register(registry *prometheus.Registry) (unregister func(), err error) {
	var added []prometheus.Collector
	unregister = func() {
		for _, collector := range added {
			registry.Unregister(collector)
		}
	}
	for _, collector := range []prometheus.Collector{
		m.handled, m.redelivered, m.failed, m.duration, m.assigned, m.commits, m.rebalances, m.consumeErrors,
	} {
		if err := registry.Register(collector); err != nil {
			unregister()
			return nil, fmt.Errorf("register the worker's metrics: %w", err)
		}
		added = append(added, collector)
	}
	return unregister, nil
}

// highWater knows the highest offset that this process has handled of each
// partition, over all sessions: at or below it a message is a redelivery.
type highWater struct {
	mutex   sync.Mutex
	offsets map[kafka.TopicPartition]int64
}

func newHighWater() *highWater {
	return &highWater{offsets: make(map[kafka.TopicPartition]int64)}
}

// raise notes a handled message and tells whether it had been handled before.
func (h *highWater) raise(tp kafka.TopicPartition, offset int64) (redelivered bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if highest, seen := h.offsets[tp]; seen && offset <= highest {
		return true
	}
	h.offsets[tp] = offset
	return false
}

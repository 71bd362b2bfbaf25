package worker

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are labelled by topic at most: with a series per partition, a
// thousand pods of a large topic would be a scrape of their own. Only a
// partition that is held up has series of its own, see stateOf.
type metrics struct {
	handled          *prometheus.CounterVec
	redelivered      *prometheus.CounterVec
	failed           *prometheus.CounterVec
	retried          *prometheus.CounterVec
	deadLettered     *prometheus.CounterVec
	deadLetterErrors prometheus.Counter
	skipped          *prometheus.CounterVec
	offsetsSkipped   *prometheus.CounterVec
	outOfRange       *prometheus.CounterVec
	abandoned        *prometheus.CounterVec
	late             *prometheus.CounterVec
	duration         *durations
	assigned         *prometheus.GaugeVec
	commits          *prometheus.CounterVec
	rebalances       prometheus.Counter
	consumeErrors    prometheus.Counter
	state            stateOf
}

func newMetrics(r *runner) *metrics {
	return &metrics{
		handled:          counters("messages_handled_total", "Messages for which the handler returned nil.", "topic"),
		redelivered:      counters("messages_redelivered_total", "Handled messages that this process had handled before.", "topic"),
		failed:           counters("handler_errors_total", "Calls of the handler that returned an error or panicked.", "topic"),
		retried:          counters("messages_retried_total", "Messages put back to be handled again after a failure.", "topic"),
		deadLettered:     counters("messages_dead_lettered_total", "Messages that the dead letter topic has accepted.", "topic"),
		deadLetterErrors: counter("dead_letter_errors_total", "Dead letters that were not accepted; they are sent again."),
		skipped:          counters("messages_skipped_total", "Fetched messages that a policy passed over, by its reason.", "topic", "reason"),
		offsetsSkipped:   counters("offsets_skipped_total", "Offsets passed over where a partition was opened, by the reason.", "topic", "reason"),
		outOfRange:       counters("out_of_range_total", "Partitions opened whose committed offset was not in the log, by the policy.", "topic", "policy"),
		abandoned:        counters("messages_abandoned_total", "Messages that were in the handler when their partition had to be given up.", "topic"),
		late:             counters("messages_late_total", "Messages whose handler returned after their partition was given up; they don't count.", "topic"),
		commits:          counters("commits_total", "Offset commits by result: ok, lost (the group went on without this member), rebalancing or error.", "result"),
		duration:         newDurations("handler_seconds", "Duration of one call of the handler."),
		assigned: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lagrange_worker_assigned_partitions",
			Help: "Partitions that this member has now.",
		}, []string{"topic"}),
		rebalances:    counter("rebalances_total", "Sessions begun: a cooperative one goes through many generations."),
		consumeErrors: counter("consumer_errors_total", "Errors of joining, fetching and leaving; each is logged."),
		state:         stateOf{r},
	}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lagrange_worker_" + name, Help: help}, labels)
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "lagrange_worker_" + name, Help: help})
}

func (m *metrics) ofTopic(topic string) claimMetrics {
	return claimMetrics{
		handled:     m.handled.WithLabelValues(topic),
		redelivered: m.redelivered.WithLabelValues(topic),
		seconds:     m.duration.ofTopic(topic),
	}
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
		m.handled, m.redelivered, m.failed, m.retried, m.deadLettered, m.deadLetterErrors, m.skipped, m.offsetsSkipped,
		m.outOfRange, m.abandoned, m.late, m.duration, m.assigned, m.commits, m.rebalances, m.consumeErrors, m.state,
	} {
		if err := registry.Register(collector); err != nil {
			unregister()
			return nil, fmt.Errorf("register the worker's metrics: %w", err)
		}
		added = append(added, collector)
	}
	return unregister, nil
}

package kafkaadmin

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// meters count what a Pool or an Admin does, for all connections together. A nil one
// counts nothing.
type meters struct {
	requests       *prometheus.CounterVec
	errors         *prometheus.CounterVec
	cycles         prometheus.Histogram
	connections    prometheus.Gauge
	received, sent prometheus.Counter
}

// newMeters returns nil without a registerer. All that have the same one count
// together.
func newMeters(registerer prometheus.Registerer) *meters {
	if registerer == nil {
		return nil
	}
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lagrange_kafka_requests_total", Help: "Requests sent to Kafka brokers, by API.",
		}, []string{"api"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lagrange_kafka_errors_total",
			Help: "Kafka requests that failed, by kind, and groups, topics and partitions that were answered with an error, by Kafka's name of its code.",
		}, []string{"code"}),
		cycles: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lagrange_kafka_cycle_duration_seconds", Help: "How long the poll cycles of the Kafka connections took.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lagrange_kafka_connections", Help: "Open connections to Kafka brokers.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lagrange_kafka_received_bytes_total", Help: "Bytes of the answers of Kafka brokers, without TLS.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lagrange_kafka_sent_bytes_total", Help: "Bytes of the requests to Kafka brokers, without TLS.",
		}),
	}
	m.requests, m.errors = registered(registerer, m.requests), registered(registerer, m.errors)
	m.cycles, m.connections = registered(registerer, m.cycles), registered(registerer, m.connections)
	m.received, m.sent = registered(registerer, m.received), registered(registerer, m.sent)
	return m
}

// registered returns the collector that is registered, this one or an equal one
// from before.
func registered[C prometheus.Collector](registerer prometheus.Registerer, collector C) C {
	err := registerer.Register(collector)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil {
		panic(err) // as MustRegister: another metric has the name
	}
	return collector
}

// failed counts an error that a call or an answer ended with.
func (m *meters) failed(err error) {
	if m != nil && err != nil {
		m.errors.WithLabelValues(codeOf(err)).Inc()
	}
}

// refused counts the parts of a sample that a broker answered with an error. A
// call that failed as a whole is counted once, by failed.
func (m *meters) refused(outcomes []outcome) {
	if m == nil {
		return
	}
	for i := range outcomes {
		for err := range errorsIn(outcomes[i].sample) {
			if errors.As(err, new(coded)) && !errors.As(err, new(callFailure)) {
				m.failed(err)
			}
		}
	}
}

func (m *meters) cycled(took time.Duration) {
	if m != nil {
		m.cycles.Observe(took.Seconds())
	}
}

// coded is a broker's error code beside the error that it reads as.
type coded struct {
	error
	code sarama.KError
}

func (e coded) Unwrap() error { return e.error }

// callFailure is the failure of a whole call, of which all that was asked for
// in it is told.
type callFailure struct{ error }

func (e callFailure) Unwrap() error { return e.error }

// codeOf names an error in Kafka's words, such as "NOT_COORDINATOR", or by its
// kind where it has no code.
func codeOf(err error) string {
	if c := (coded{}); errors.As(err, &c) {
		var named *kerr.Error
		if errors.As(kerr.ErrorForCode(int16(c.code)), &named) {
			return named.Message
		}
	}
	for _, kind := range []struct {
		err  error
		name string
	}{
		{kafka.ErrTimeout, "timeout"}, {kafka.ErrUnreachable, "unreachable"},
		{kafka.ErrAuthentication, "authentication"}, {kafka.ErrUnsupported, "unsupported"},
	} {
		if errors.Is(err, kind.err) {
			return kind.name
		}
	}
	return "other"
}

// countedDialer counts the connections that it opens until they are closed.
type countedDialer struct {
	*dialer
	meters *meters
}

// Dial implements the dialer that sarama takes for proxies.
func (d countedDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.dialer.Dial(network, address)
	if err != nil || d.meters == nil {
		return conn, err
	}
	d.meters.connections.Inc()
	return countedConn{Conn: conn, closed: sync.OnceFunc(d.meters.connections.Dec)}, nil
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close counts the first time.
func (c countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

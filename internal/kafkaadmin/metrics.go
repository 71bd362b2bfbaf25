package kafkaadmin

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rcrowley/go-metrics"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// noMetrics is the registry given to sarama, whose own metrics nobody reads:
// its meters would start a goroutine that never ends, and its histograms keep
// a thousand values each per broker.
type noMetrics struct{ metrics.Registry }

// GetOrRegister returns a metric of the wanted type that does nothing.
func (noMetrics) GetOrRegister(_ string, wanted any) any {
	switch wanted.(type) {
	case func() metrics.Counter:
		return metrics.NilCounter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	default:
		return metrics.NilMeter{}
	}
}

// Unregister has nothing to do.
func (noMetrics) Unregister(string) {}

// countedMetrics is the registry that counts requests and bytes where sarama
// marks them.
type countedMetrics struct {
	noMetrics
	meters *meters
}

// perAPI is the name of sarama's meters of the requests of one API.
const perAPI = "protocol-requests-rate-"

// GetOrRegister returns the metrics that are counted, and for others one of the
// wanted type that does nothing.
func (m countedMetrics) GetOrRegister(name string, wanted any) any {
	switch name {
	case "incoming-byte-rate":
		return meter{counter: m.meters.received}
	case "outgoing-byte-rate":
		return meter{counter: m.meters.sent}
	}
	if key, err := strconv.ParseInt(strings.TrimPrefix(name, perAPI), 10, 16); err == nil {
		return meter{counter: m.meters.requests.WithLabelValues(kmsg.NameForKey(int16(key)))}
	}
	return m.noMetrics.GetOrRegister(name, wanted)
}

// meter is a meter of sarama's that adds to a counter.
type meter struct {
	metrics.NilMeter
	counter prometheus.Counter
}

// Mark counts n more.
func (m meter) Mark(n int64) { m.counter.Add(float64(n)) }

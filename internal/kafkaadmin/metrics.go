package kafkaadmin

import "github.com/rcrowley/go-metrics"

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

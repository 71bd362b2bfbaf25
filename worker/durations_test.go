package worker

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The histogram is what prometheus' own would be.
func TestDurationsAreAPrometheusHistogram(t *testing.T) {
	ours := newDurations("test_seconds", "Ours.")
	theirs := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "theirs", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
	}, []string{"topic"})
	for bound := 500 * time.Microsecond; bound < 3*time.Minute; bound *= 2 {
		for _, took := range []time.Duration{0, bound - 1, bound, bound + 1} {
			ours.ofTopic("orders").observe(took)
			theirs.WithLabelValues("orders").Observe(took.Seconds())
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(ours, theirs)
	families, err := registry.Gather() // sorted by name
	if err != nil {
		t.Fatal(err)
	}
	got, want := families[0].GetMetric()[0].GetHistogram(), families[1].GetMetric()[0].GetHistogram()
	if got.GetSampleCount() != want.GetSampleCount() || !near(got.GetSampleSum(), want.GetSampleSum()) {
		t.Errorf("%d observations of %f s, want %d of %f s",
			got.GetSampleCount(), got.GetSampleSum(), want.GetSampleCount(), want.GetSampleSum())
	}
	if len(got.GetBucket()) != len(want.GetBucket()) {
		t.Fatalf("%d buckets, want %d", len(got.GetBucket()), len(want.GetBucket()))
	}
	for i, bucket := range want.GetBucket() {
		same := got.GetBucket()[i]
		if !near(same.GetUpperBound(), bucket.GetUpperBound()) || same.GetCumulativeCount() != bucket.GetCumulativeCount() {
			t.Errorf("up to %f s there are %d, want up to %f s %d",
				same.GetUpperBound(), same.GetCumulativeCount(), bucket.GetUpperBound(), bucket.GetCumulativeCount())
		}
	}
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }

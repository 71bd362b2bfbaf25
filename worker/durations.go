package worker

import (
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The buckets of durations: 0.5 ms, 1 ms, 2 ms and so on to 65 s, and one above.
const (
	shortestBucket  = 500 * time.Microsecond
	durationBuckets = 18
)

// durations is a histogram for each topic. It is one of our own because an
// observation with prometheus' would be a tenth of all that a message costs.
type durations struct {
	desc   *prometheus.Desc
	mutex  sync.Mutex
	topics map[string]*topicDurations
}

// topicDurations is the histogram of one topic. The sum lies beside the bucket
// that is nearly always meant: they are written together.
type topicDurations struct {
	nanoseconds atomic.Int64
	buckets     [durationBuckets + 1]atomic.Uint64
}

func newDurations(name, help string) *durations {
	return &durations{
		desc:   prometheus.NewDesc("lagrange_worker_"+name, help, []string{"topic"}, nil),
		topics: make(map[string]*topicDurations),
	}
}

func (d *durations) ofTopic(topic string) *topicDurations {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.topics[topic] == nil {
		d.topics[topic] = &topicDurations{}
	}
	return d.topics[topic]
}

func (t *topicDurations) observe(took time.Duration) {
	t.nanoseconds.Add(int64(took))
	t.buckets[bucketOf(took)].Add(1)
}

// bucketOf is the first bucket that is not shorter: 0.5 ms is in the first, and
// what is above it up to 1 ms in the second.
func bucketOf(took time.Duration) int {
	return min(bits.Len64(uint64(max(0, took-1)/shortestBucket)), durationBuckets)
}

// Describe implements prometheus.Collector.
func (d *durations) Describe(to chan<- *prometheus.Desc) { to <- d.desc }

// Collect implements prometheus.Collector.
func (d *durations) Collect(to chan<- prometheus.Metric) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, topic := range slices.Sorted(maps.Keys(d.topics)) {
		to <- d.topics[topic].metric(d.desc, topic)
	}
}

func (t *topicDurations) metric(desc *prometheus.Desc, topic string) prometheus.Metric {
	sum := time.Duration(t.nanoseconds.Load()).Seconds()
	var count uint64
	upTo := make(map[float64]uint64, durationBuckets)
	for i := range durationBuckets {
		count += t.buckets[i].Load()
		upTo[(shortestBucket << i).Seconds()] = count
	}
	count += t.buckets[durationBuckets].Load()
	return prometheus.MustNewConstHistogram(desc, count, sum, upTo, topic)
}

package lag

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// BenchmarkTake is one poll cycle of 3,000 groups with 32 partitions each, half
// of which lag. It prints the time and the garbage of one partition, and
// what History keeps of it.
func BenchmarkTake(b *testing.B) {
	const groups, partitions = 3000, 32
	sample := busySample(partitions)
	histories := make([]History, groups)
	o := Options{Initial: kafka.InitialEarliest, MaxProcessingTime: 10 * time.Second}
	cycle := func(n int) {
		sample.At = noon.Add(time.Duration(n) * interval)
		for i := range histories {
			histories[i].Take(sample, o)
		}
	}
	before := heap()
	for n := range slotCount {
		cycle(n)
	}
	kept := heap() - before
	b.ReportAllocs()
	n := slotCount
	for b.Loop() {
		n++
		cycle(n)
	}
	b.ReportMetric(float64(kept)/groups/partitions, "kept-B/partition")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/groups/partitions, "ns/partition")
}

// heap is the memory in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// busySample is a group of four workers; every second partition lags and moves.
func busySample(partitions int32) kafka.GroupSample {
	sample := kafka.GroupSample{ClusterID: "one", State: kafka.StateStable}
	t := kafka.TopicSample{Name: "orders-of-the-day", ID: kafka.TopicID{1}}
	for m := range int32(4) {
		sample.Members = append(sample.Members, kafka.Member{ClientID: fmt.Sprintf("orders-worker-%d", m)})
	}
	for i := range partitions {
		t.Partitions = append(t.Partitions, kafka.PartitionSample{
			Partition: i, Committed: 1000 - int64(i%2)*500, End: 1000, HighWatermark: 1000, Appended: kafka.AppendTime{At: noon},
		})
		m := &sample.Members[i*4/partitions]
		m.Assigned = append(m.Assigned, kafka.TopicPartition{Topic: t.Name, Partition: i})
	}
	sample.Topics = []kafka.TopicSample{t}
	return sample
}

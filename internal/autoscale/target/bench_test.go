package target

import (
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// BenchmarkDecide is a decision on 1,000 partitions and 100 members, two hours after the start.
func BenchmarkDecide(b *testing.B) {
	partitions := make([]Partition, 1000)
	c := Config{Target: time.Minute, Assignor: layout.CooperativeSticky, CommitInterval: 5 * time.Second}
	c.Counts = layout.Group{Assignor: c.Assignor, Partitions: []int32{1000}}.Counts()
	s, now := State{}, noon
	look := func(tick int) Observation {
		for i := range partitions {
			p := &partitions[i]
			rate := 100 + float64(tick%7)
			p.End, p.Lag, p.Age = p.End+int64(rate*15), int64(2000+tick%500), 20*time.Second
			p.Produced, p.Consumed, p.Rates, p.Owner = rate, 100, true, i%100
		}
		now = now.Add(15 * time.Second)
		return Observation{Replicas: 100, Ready: 100, Steady: true, Partitions: partitions}
	}
	tick := 0
	for ; tick < 480; tick++ {
		s, _ = Decide(c, s, look(tick), now)
	}
	b.ReportAllocs()
	for b.Loop() {
		tick++
		s, _ = Decide(c, s, look(tick), now)
	}
}

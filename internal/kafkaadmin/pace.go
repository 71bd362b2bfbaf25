package kafkaadmin

import (
	"math/rand/v2"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// stillCycles is after how many cycles in which nothing moved a connection
	// takes its time: a minute at the default interval.
	stillCycles = 12
	// stillInterval is the most that its interval grows to: who reads the samples
	// takes one that is older than 30 seconds for stale.
	stillInterval = 15 * time.Second
)

// pace is the time between the cycles of a connection. Where nothing moves it
// doubles after 12 cycles, and after 12 more, as far as 15s. With 5s: 5, 10, 15.
type pace struct {
	interval time.Duration
	still    int // cycles since something moved
}

func (p *pace) cycled(moved bool) {
	p.still++
	if moved {
		p.still = 0
	}
}

// restart tells whether the pace was slower than it is now.
func (p *pace) restart() bool {
	slowed := p.still >= stillCycles
	p.still = 0
	return slowed
}

// wait is the time until the next cycle, after one that took some: a tenth more
// or less than the interval, so that connections made at the same time do not
// beat as one.
func (p *pace) wait(took time.Duration) time.Duration {
	interval := min(p.interval<<min(p.still/stillCycles, 2), max(stillInterval, p.interval))
	tenth := interval / 10
	return interval - tenth + rand.N(2*tenth+1) - took //nolint:gosec // spreads load, hides nothing
}

// movedBetween tells whether two samples of a group differ in what decisions
// are made from. There is none before the first.
func movedBetween(before, after *kafka.GroupSample) bool {
	if before == nil || before.State != after.State || len(before.Members) != len(after.Members) || len(before.Topics) != len(after.Topics) {
		return true
	}
	for i := range after.Topics {
		if topicMoved(&before.Topics[i], &after.Topics[i]) {
			return true
		}
	}
	return false
}

func topicMoved(before, after *kafka.TopicSample) bool {
	if before.Name != after.Name || before.ID != after.ID || len(before.Partitions) != len(after.Partitions) {
		return true
	}
	for i := range after.Partitions {
		if partitionMoved(&before.Partitions[i], &after.Partitions[i]) {
			return true
		}
	}
	return false
}

// partitionMoved counts what looks find out as well: while there are more to
// make, as after a start, the pace stays.
func partitionMoved(before, after *kafka.PartitionSample) bool {
	return before.Committed != after.Committed || before.End != after.End || before.HighWatermark != after.HighWatermark ||
		before.Empty != after.Empty || (before.Err == nil) != (after.Err == nil)
}

package controllers

import (
	"fmt"
	"hash/fnv"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/lag"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// inSeconds tells whether the group has a lag target in seconds.
func inSeconds(s v1alpha1.ScalingSpec) bool { return s.LagTarget != nil && s.LagTarget.Seconds > 0 }

// targetConfig is the lag target in seconds, nothing for a group without one.
func targetConfig(spec v1alpha1.KafkaConsumerGroupSpec) target.Config {
	scaling := spec.Scaling
	if !inSeconds(scaling) {
		return target.Config{}
	}
	return target.Config{
		Target:         time.Duration(scaling.LagTarget.Seconds) * time.Second,
		Risk:           float64(scaling.Risk) / 100,
		Prefer:         target.Preference(scaling.Prefer),
		Hint:           float64(scaling.CapacityHint),
		CommitInterval: commitInterval(spec.Consumer),
	}
}

// targetObservation is what a lag target in seconds goes by, of a sample in which
// all lag is known.
func targetObservation(seen groupSnapshot) target.Observation {
	o := target.Observation{
		Steady: seen.sample.StateErr == nil && seen.sample.State == kafka.StateStable, Moving: seen.sample.State.Rebalancing(),
		Topics: topicsKey(seen.lag),
	}
	for _, m := range foreignMembers(seen) {
		if len(m.Assigned) > 0 {
			o.Foreign++
		}
	}
	for i := range seen.pods {
		if isReady(&seen.pods[i]) {
			o.Ready++
		}
	}
	partitions := 0
	for _, t := range seen.lag.Topics {
		partitions += len(t.Partitions)
	}
	o.Partitions = make([]target.Partition, 0, partitions)
	for number, t := range seen.lag.Topics {
		for i := range t.Partitions {
			o.Partitions = append(o.Partitions, targetPartition(number, &t.Partitions[i], &seen.sample.Topics[number].Partitions[i]))
		}
	}
	setTargetOwners(o.Partitions, seen)
	return o
}

func targetPartition(topic int, p *lag.Partition, sampled *kafka.PartitionSample) target.Partition {
	committed := sampled.Committed
	if committed < 0 { // nobody has committed yet: where a worker would begin
		committed = sampled.End - p.Messages
	}
	return target.Partition{
		Topic: topic, Lag: p.Messages, Age: ageOf(p), End: sampled.End, Committed: committed,
		Produced: p.Produced.PerSecond, Consumed: p.Consumed.PerSecond, Rates: p.Produced.Known && p.Consumed.Known,
		Owner: layout.Nobody,
	}
}

// ageOf is how long the eldest message has waited. Where that is not known, or older
// than what is remembered, it is at least what it takes to produce as much as waits.
func ageOf(p *lag.Partition) time.Duration {
	if p.Behind.Known && !p.Behind.AtLeast || p.Produced.PerSecond <= 0 {
		return p.Behind.Duration
	}
	produced := min(float64(p.Messages)/p.Produced.PerSecond, (24 * time.Hour).Seconds())
	return max(p.Behind.Duration, time.Duration(produced*float64(time.Second)))
}

// topicsKey is another number for other topics, and for other partitions of them.
func topicsKey(l lag.Group) uint64 {
	h := fnv.New64a()
	for _, t := range l.Topics {
		_, _ = fmt.Fprintf(h, "%s/%d;", t.Name, len(t.Partitions)) // never fails
	}
	return h.Sum64()
}

// topicNames are in the order of PartitionCounts.
func topicNames(l lag.Group) []string {
	names := make([]string, 0, len(l.Topics))
	for _, t := range l.Topics {
		names = append(names, t.Name)
	}
	return names
}

package controllers

import (
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
	o := target.Observation{Steady: seen.sample.StateErr == nil && seen.sample.State == kafka.StateStable}
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
		Topic: topic, Lag: p.Messages, Age: p.Behind.Duration, End: sampled.End, Committed: committed,
		Produced: p.Produced.PerSecond, Consumed: p.Consumed.PerSecond, Rates: p.Produced.Known && p.Consumed.Known,
		Owner: layout.Nobody,
	}
}

// topicNames are in the order of PartitionCounts.
func topicNames(l lag.Group) []string {
	names := make([]string, 0, len(l.Topics))
	for _, t := range l.Topics {
		names = append(names, t.Name)
	}
	return names
}

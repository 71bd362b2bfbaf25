package controllers

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// measuredAfter is how long all workers must have been ready before what they
// consume is their rate: that is a mean over the last minute, and they have to
// join the group first.
const measuredAfter = 90 * time.Second

// catchUpOf is the backlog that has a time of its own: what waits when a reset
// gives the group back, until it is worked off or the time is over.
func catchUpOf(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision) *v1alpha1.CatchUpStatus {
	limit, last := group.Spec.Scaling.CatchUp.Duration, seen.resets.catchUp
	switch {
	case limit == 0 || group.Spec.Scaling.Mode != v1alpha1.ScalingAuto || d.reset.stops != "":
		return nil
	case d.reset.released != nil:
		since := metav1.NewTime(seen.now.Truncate(time.Second))
		return &v1alpha1.CatchUpStatus{Reset: d.reset.released.Name, Since: since, Replicas: d.reset.released.Replicas}
	case last == nil || seen.now.Sub(last.Since.Time) >= limit:
		return nil
	case d.unknown == nil && seen.lag.At.After(last.Since.Time) && backlogOf(seen.lag, last.Since.Time) == 0:
		return nil
	}
	return last
}

// backlogOf is the lag of the partitions on which a message waits that was there
// at that time, with all that waits behind it. What is not known to be younger counts.
func backlogOf(l lag.Group, since time.Time) int64 {
	var messages int64
	for _, t := range l.Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			younger := p.Behind.Known && !p.Behind.AtLeast && l.At.Add(-p.Behind.Duration).After(since)
			if p.Err == nil && !younger {
				messages += min(p.Messages, math.MaxInt64-messages)
			}
		}
	}
	return messages
}

// perReplica is how many messages a second one worker handles, 0 while that is
// not measured: some worker is too new, or on its way.
func perReplica(seen groupSnapshot, consumed lag.Rate) float64 {
	workers := 0
	for i := range seen.pods {
		if hasEnded(&seen.pods[i]) {
			continue
		}
		since, ready := podReadySince(&seen.pods[i])
		if !ready || seen.now.Sub(since) < measuredAfter {
			return 0
		}
		workers++
	}
	if workers == 0 {
		return 0
	}
	return consumed.PerSecond / float64(workers) // 0 while the rate is not known
}

// scale tells the scaler what the resets change: no workers, or those of before
// the reset to go on from, and a backlog.
func (d resetDecision) scale(c *autoscale.Config, o *autoscale.Observation, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) {
	c.Reset = d.stops
	if d.released != nil && o.Replicas == 0 {
		o.Replicas = d.released.Replicas
	}
	if d.catchUp == nil {
		return
	}
	since := d.catchUp.Since.Time
	c.CatchUp = autoscale.CatchUp{Until: since.Add(group.Spec.Scaling.CatchUp.Duration), Replicas: d.catchUp.Replicas}
	if !o.Sampled {
		return
	}
	o.Backlog = backlogOf(seen.lag, since)
	if produced, consumed := seen.lag.Rates(); produced.Known {
		o.Produced, o.PerReplica = produced.PerSecond, perReplica(seen, consumed)
	}
}

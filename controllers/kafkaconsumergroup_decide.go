package controllers

import (
	"errors"
	"fmt"
	"slices"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// decision is what a reconcile is going to do.
type decision struct {
	// blocked says why nothing may be applied until someone acts: what runs keeps running.
	blocked *blocked
	// held says why nothing is applied yet. It may end by itself.
	held *blocked
	// reset is who has the group.
	reset resetDecision
	// producer is what the workers are given of a producer policy.
	producer producerDecision
	// kept is what is to be done about offsets that expire.
	kept keptDecision
	// seed is what is to be done about partitions without a commit.
	seed  seedDecision
	scale autoscale.Decision
	// why the lag is unknown, nil when it is known.
	unknown *unknown
}

// blocked is a state that only someone else can end.
type blocked struct{ reason, message string }

// decide asks the pure packages and remembers what they need next time.
func (r *KafkaConsumerGroupReconciler) decide(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory) decision {
	d := decision{unknown: unknownOf(seen, r.Settings.SampleMaxAge)}
	d.blocked = blockedBy(group, seen)
	if d.blocked == nil {
		d.held = heldBy(seen)
	}
	if d.blocked == nil && d.held == nil {
		d.held = seen.policy.waits()
	}
	c, o := r.scaleConfig(group), r.scaleObservation(group, seen, d.unknown, m)
	d.reset = decideReset(seen.resets, o.Replicas, d.blocked == nil && d.held == nil, seen.now)
	d.producer = decideProducer(seen.policy, d.reset)
	d.reset.catchUp = catchUpOf(group, seen, d)
	d.reset.scale(&c, &o, group, seen)
	m.scaling, d.scale = autoscale.Decide(c, seedState(m.scaling, group, d.unknown != nil), o, seen.now)
	d.reset.countBefore(d.scale.Replicas)
	d.seed = decideSeed(group.Spec.Consumer, seen, d, o.Replicas, m.seeding.read, r.Settings.SampleMaxAge)
	return d
}

// blockedBy is what forbids to apply anything until someone acts, nil for nothing.
func blockedBy(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) *blocked {
	failed := seen.sample.ConnectionErr
	switch {
	case seen.elder != "":
		return &blocked{v1alpha1.ReasonDuplicateGroup, fmt.Sprintf(
			"consumer group %q of this cluster belongs to the older KafkaConsumerGroup %s: delete one of the two, or give this one another groupID",
			group.Spec.GroupID, seen.elder)}
	case seen.owned == ownedByOthers:
		return &blocked{v1alpha1.ReasonNameTaken, fmt.Sprintf(
			"Deployment %q exists and does not belong to this KafkaConsumerGroup: delete or rename it, or rename this object", group.Name)}
	case seen.cluster.changed != nil && seen.owned == ownedByUs && seen.deployment.Status.Replicas > 0:
		return seen.cluster.changed.withRunning(group.Name)
	case seen.cluster.changed != nil:
		return seen.cluster.changed
	case !seen.connection.known && seen.connection.problem != nil:
		return &blocked{seen.connection.problem.reason, seen.connection.problem.message}
	case errors.Is(failed, kafka.ErrInvalid) && seen.deployment == nil && group.Status.DesiredReplicas == 0:
		// No worker could connect with this. Those that run already have connected before.
		return &blocked{reasonOf(failed), seen.connection.blame(failed)}
	}
	return nil
}

// heldBy is what forbids to apply anything for now, nil for nothing. A cluster
// that is pinned and wasn't seen yet may be another one than the pinned.
func heldBy(seen groupSnapshot) *blocked {
	pending := seen.cluster.pending
	if pending == nil || seen.sample.ConnectionErr == nil {
		return pending
	}
	return &blocked{pending.reason, pending.message + ": " + seen.connection.blame(seen.sample.ConnectionErr)}
}

func (r *KafkaConsumerGroupReconciler) scaleConfig(group *v1alpha1.KafkaConsumerGroup) autoscale.Config {
	spec := group.Spec.Scaling
	c := autoscale.Config{
		Manual:         spec.Mode == v1alpha1.ScalingManual,
		Recommend:      spec.Mode == v1alpha1.ScalingRecommend,
		Replicas:       group.Spec.Replicas,
		MinReplicas:    spec.MinReplicas,
		Assignor:       layout.Assignor(group.Spec.Consumer.Assignment),
		ScaleDownAfter: r.Settings.ScaleDownAfter,
	}
	if spec.MaxReplicas != nil {
		c.MaxReplicas = *spec.MaxReplicas
	}
	if spec.LagTarget != nil {
		c.MessagesPerReplica = spec.LagTarget.MessagesPerReplica
	}
	c.Target = targetConfig(group.Spec)
	if spec.OnUnknown != nil {
		c.OnUnknown = autoscale.OnUnknown{After: spec.OnUnknown.After.Duration, MinReplicas: spec.OnUnknown.MinReplicas}
	}
	c.Pause = pauseOf(group)
	return c
}

// pauseOf is the pause that is set, whether it is over or not.
func pauseOf(group *v1alpha1.KafkaConsumerGroup) autoscale.Pause {
	p := group.Spec.Pause
	if p == nil {
		return autoscale.Pause{}
	}
	pause := autoscale.Pause{Mode: autoscale.PauseMode(p.Mode), Reason: p.Reason}
	if p.Until != nil {
		pause.Until = p.Until.Time
	}
	return pause
}

func (r *KafkaConsumerGroupReconciler) scaleObservation(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, u *unknown, m *memory) autoscale.Observation {
	o := autoscale.Observation{Sampled: seen.usable(r.Settings.SampleMaxAge)}
	o.Replicas, o.Exists = presentReplicas(group, seen, m)
	if u != nil {
		o.WhyUnknown = u.message
	}
	if !o.Sampled {
		return o
	}
	o.Lag, o.Unknown = seen.lag.Known()
	o.Partitions, o.AllTopics = seen.lag.PartitionCounts()
	if inSeconds(group.Spec.Scaling) && o.Unknown == 0 {
		o.At, o.Target, o.Topics = seen.lag.At, targetObservation(seen), topicNames(seen.lag)
	}
	o.Rebalancing = seen.sample.State.Rebalancing()
	if err := seen.sample.StateErr; err != nil {
		o.StateUnknown = err.Error()
	}
	o.NeverJoined = r.neverJoined(seen) || topicAwaited(seen)
	return o
}

// presentReplicas is the count last asked for: what we applied, else what the
// live Deployment says. One that was deleted by hand comes back with what it had.
func presentReplicas(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory) (replicas int32, exists bool) {
	live := seen.deployment
	switch {
	case seen.owned == ownedByOthers:
		return 0, false
	case live == nil && m.applied.hash != "", live != nil && m.applied.uid == live.UID:
		return m.applied.replicas, true
	case live == nil:
		return group.Status.DesiredReplicas, group.Status.DesiredReplicas > 0
	case live.Spec.Replicas == nil:
		return 1, true
	}
	return *live.Spec.Replicas, true
}

// neverJoined: workers have been ready for a while and the group has neither
// members nor commits. A misspelt group id looks like this.
func (r *KafkaConsumerGroupReconciler) neverJoined(seen groupSnapshot) bool {
	ready, ok := readySince(seen.pods)
	return ok && seen.now.Sub(ready) >= r.Settings.NeverJoinedAfter &&
		seen.sample.StateErr == nil && len(seen.sample.Members) == 0 && !seen.lag.HasCommits()
}

// topicAwaited: a topic does not exist, and nobody has joined the group. Workers
// on the Go runtime join when all their topics exist: until then more of them
// would only wait with the others.
func topicAwaited(seen groupSnapshot) bool {
	return seen.sample.StateErr == nil && len(seen.sample.Members) == 0 && slices.ContainsFunc(seen.sample.Topics, func(t kafka.TopicSample) bool {
		return errors.Is(t.Err, kafka.ErrTopicMissing)
	})
}

// seedState gives a state without memory the time since when lag has been
// unknown, so that a restart doesn't start onUnknown's clock anew.
func seedState(s autoscale.State, group *v1alpha1.KafkaConsumerGroup, unknown bool) autoscale.State {
	if !s.Last.IsZero() || !unknown {
		return s
	}
	for _, c := range group.Status.Conditions {
		if c.Type == v1alpha1.ConditionLagKnown && c.Status != "True" {
			s.UnknownSince = c.LastTransitionTime.Time
		}
	}
	return s
}

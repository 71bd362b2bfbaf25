package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// carryOut does what was decided.
func (r *KafkaConsumerGroupReconciler) carryOut(ctx context.Context, seen endingSeen, e ending, m *memory) ended {
	if e.step != endDelete {
		m.ending.emptySince = time.Time{}
	}
	switch e.step {
	case endStop:
		return r.stopWorkers(ctx, seen, e, m)
	case endTake:
		return r.takeFromReset(ctx, seen, e)
	case endWait:
		return ended{waits: e.why, again: drainLook}
	case endDelete:
		ctx, cancel := context.WithTimeout(ctx, endAttempt)
		defer cancel()
		return r.deleteOffsets(ctx, seen, m)
	default:
		done := ended{released: true}
		if e.why != "" {
			done.told = retained(seen.group, e.why)
		}
		return done
	}
}

// stopWorkers applies the Deployment as always, with no workers, and with the
// producer's settings that it has: another template would roll what is to stop.
func (r *KafkaConsumerGroupReconciler) stopWorkers(ctx context.Context, seen endingSeen, e ending, m *memory) ended {
	before := cmp.Or(seen.workers.deployment.Spec.Replicas, new(int32))
	done := r.apply(ctx, seen.group, seen.workers, decision{
		scale: autoscale.Decision{Replicas: 0}, producer: producerDecision{files: seen.workers.policy.given.files},
	}, m)
	switch {
	case done.invalid != nil:
		return ended{waits: "the workers can't be stopped: " + done.invalid.message, again: endAgain, trouble: "StopWorkers"}
	case done.failed:
		return ended{waits: "the workers can't be stopped: " + done.err.Error(), again: drainLook, trouble: "StopWorkers"}
	}
	r.emit(seen.group, groupEvent{corev1.EventTypeNormal, "Scaled", "Scale", fmt.Sprintf(
		"from %d to 0: stopped, since the object is being deleted and its consumer group with it (offsetsOnDelete)", *before)})
	return ended{waits: e.why, again: drainLook}
}

// takeFromReset takes the group from the reset that has it, which wakes it, and
// remembers that it may have been writing.
func (r *KafkaConsumerGroupReconciler) takeFromReset(ctx context.Context, seen endingSeen, e ending) ended {
	next := seen.group.DeepCopy()
	active := next.Status.ActiveReset
	next.Status.ActiveReset = nil
	next.Status.UnfinishedReset = &v1alpha1.UnfinishedReset{Name: active.Name, UID: active.UID, Since: metav1.NewTime(seen.workers.now)}
	err := r.Status().Patch(ctx, next, client.MergeFromWithOptions(seen.group, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return ended{waits: fmt.Sprintf("%s: %v", e.why, err), again: afterConflict}
	}
	return ended{waits: e.why, again: afterConflict}
}

// deleteOffsets deletes the consumer group if nobody is in it, and reads that back.
func (r *KafkaConsumerGroupReconciler) deleteOffsets(ctx context.Context, seen endingSeen, m *memory) ended {
	group, connection := seen.group, seen.workers.connection
	remains, err := r.Kafka.Remains(ctx, connection.connection, group.Spec.GroupID)
	switch {
	case err != nil:
		return seen.failed(err)
	case remains.ClusterID != group.Status.ClusterID:
		return ended{again: endAgain, trouble: "AwaitCluster", waits: fmt.Sprintf(
			"Kafka cluster %q answers behind the bootstrap servers, and the consumer group is of %q", remains.ClusterID, group.Status.ClusterID)}
	case remains.Gone():
		return seen.afterDeletion(m.ending.had)
	case !remains.Empty():
		m.ending.emptySince = time.Time{}
		return r.awaitMembers(ctx, seen, remains.Members)
	}
	return r.deleteEmpty(ctx, seen, remains, m)
}

// failed is a look at Kafka that failed.
func (s endingSeen) failed(err error) ended {
	waits := s.workers.connection.blame(err)
	if errors.Is(err, kafka.ErrUnauthorized) {
		waits += fmt.Sprintf(" (the connection's user needs the rights DESCRIBE and DELETE on group %q)", s.group.Spec.GroupID)
	}
	return ended{waits: waits, again: endAgain, trouble: "AskKafka" + reasonOf(err)}
}

// deleteEmpty deletes a group that had no members, nor a heartbeat ago: one that was
// about to come back has then come. The object is read once more before.
func (r *KafkaConsumerGroupReconciler) deleteEmpty(ctx context.Context, seen endingSeen, remains kafka.Remains, m *memory) ended {
	group, connection, now := seen.group, seen.workers.connection.connection, r.Clock.Now()
	if m.ending.emptySince.IsZero() || now.Before(m.ending.emptySince) {
		m.ending.emptySince = now
	}
	heartbeat := cmp.Or(group.Spec.Consumer.HeartbeatInterval.Duration, defaultHeartbeat)
	if left := heartbeat - now.Sub(m.ending.emptySince); left > 0 {
		return ended{waits: "no member is left; waiting whether one comes back", again: left, nobodyLeft: true}
	}
	live, err := r.liveGroup(ctx, group)
	if err != nil || live == nil || live.ResourceVersion != group.ResourceVersion && decideEnding(seen.with(live)).step != endDelete {
		return ended{waits: "the object has changed, and is looked at anew", again: afterConflict}
	}
	m.ending.had = remains
	if err := r.Kafka.DeleteGroup(ctx, connection, group.Status.ClusterID, group.Spec.GroupID); err != nil {
		return seen.failed(err)
	}
	back, err := r.Kafka.Remains(ctx, connection, group.Spec.GroupID)
	switch {
	case err != nil:
		return seen.failed(err)
	case !back.Vacant():
		return ended{again: endAgain, trouble: "DeleteAgain", waits: fmt.Sprintf(
			"it was deleted, and is there again with %d committed offsets: somebody commits for it", back.Commits)}
	}
	return seen.afterDeletion(m.ending.had)
}

// with is what was seen, with the object as it is now.
func (s endingSeen) with(live *v1alpha1.KafkaConsumerGroup) endingSeen {
	s.group = live
	return s
}

// deleted tells that the consumer group is gone, and with how much, if that is known.
func deleted(group *v1alpha1.KafkaConsumerGroup, had kafka.Remains) ended {
	note := fmt.Sprintf("consumer group %q is not in Kafka cluster %q any more", group.Spec.GroupID, group.Status.ClusterID)
	if had.ClusterID != "" {
		note = fmt.Sprintf("deleted consumer group %q from Kafka cluster %q, with committed offsets of %d partitions in %d topics",
			group.Spec.GroupID, group.Status.ClusterID, had.Commits, had.Topics)
	}
	return ended{released: true, deleted: true, told: &groupEvent{corev1.EventTypeNormal, v1alpha1.ReasonOffsetsDeleted, "DeleteOffsets", note}}
}

// afterDeletion lets the object go once a reset that was writing has seen what became
// of its offsets. Without the object it could not tell that from one that a tool
// creates anew, and would wait for it.
func (s endingSeen) afterDeletion(had kafka.Remains) ended {
	done := deleted(s.group, had)
	if s.reset == nil || !isWriting(s.reset) || s.reset.Status.HandOver || !isOf(s.reset.Status.Plan, s.group) {
		return done
	}
	done.released, done.again = false, drainLook
	done.waits = fmt.Sprintf("the consumer group is deleted; KafkaOffsetReset %q, which was committing for it, has not ended yet", s.reset.Name)
	return done
}

// awaitMembers names who is in the group. Static members stay in it when their pods
// have gone: those of the workers are removed.
func (r *KafkaConsumerGroupReconciler) awaitMembers(ctx context.Context, seen endingSeen, members []kafka.Member) ended {
	prefixes := workerPrefixes(seen.workers.replicaSets)
	var workers, foreign, static []string
	for _, m := range members {
		switch ours := hasPrefix(m.ClientID, prefixes); {
		case ours && m.InstanceID != "":
			static = append(static, m.InstanceID)
			workers = append(workers, memberWords(m))
		case ours || len(prefixes) == 0 && hasPrefix(m.ClientID, []string{seen.group.Name + "-"}):
			workers = append(workers, memberWords(m))
		default:
			foreign = append(foreign, memberWords(m))
		}
	}
	if len(static) > 0 {
		if err := r.Kafka.RemoveStatic(ctx, seen.workers.connection.connection, seen.group.Spec.GroupID, static); err != nil {
			return seen.failed(err)
		}
	}
	if len(foreign) > 0 {
		return ended{again: endAgain, trouble: "AwaitMembers", waits: "the group has members that are no workers of this object: " + firstFew(foreign)}
	}
	return ended{again: drainLook, waits: "still in the group, until its session is over: " + firstFew(workers)}
}

func hasPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

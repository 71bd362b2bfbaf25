package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// An object with offsetsOnDelete: Delete is held by a finalizer until its consumer
// group is deleted from Kafka:
//
//	deleted ──> no worker is asked for ──> no pod is left ──> no reset is writing
//	   │           ──> nobody in the group for a heartbeat ──> DeleteGroups ──> read back
//	   │           ──> the reset that was writing has ended ──> released
//	   ├──another's, orphaned, or nothing can be known──> released at once, the group stays
//	   └──five minutes──> released, the group stays, an event names what remains;
//	                      one that nobody is in is deleted a heartbeat later
//
// Each look begins with what there is now, in Kubernetes and in Kafka: a manager
// that is killed anywhere goes on, and a deletion whose answer was lost is read
// back before it is asked for again.

const (
	// offsetsFinalizer keeps the object until its consumer group is deleted from Kafka.
	offsetsFinalizer = "kafka.lagrange.dev/offsets"
	// endWithin is how long that may take.
	endWithin = 5 * time.Minute
	// endAttempt is how long one look at Kafka may take, and endAgain when the next is.
	endAttempt = 15 * time.Second
	endAgain   = 5 * time.Second
)

// Groups reads what Kafka has of consumer groups, and deletes them.
type Groups interface {
	// Remains reads all that there is of a group.
	Remains(ctx context.Context, c kafkaadmin.Connection, groupID string) (kafka.Remains, error)
	// DeleteGroup deletes a group without members, with its commits, on this cluster alone.
	DeleteGroup(ctx context.Context, c kafkaadmin.Connection, clusterID, groupID string) error
}

// ended is what one look at a group that is being deleted has come to.
type ended struct {
	// released: the object may go.
	released bool
	// deleted: the consumer group is gone from Kafka. The object may have to wait all
	// the same, until a reset that was writing has seen it.
	deleted bool
	// told is the event that goes with the release, nil for none.
	told *groupEvent
	// waits is what is still there, and again when is looked anew.
	waits string
	again time.Duration
	// nobodyLeft: it is deleted at the next look, unless somebody comes until then. That
	// is waited for also when the time is over: a manager that was away for that long
	// looks for the first time.
	nobodyLeft bool
	// trouble is what somebody may have to mend, who is told before the time is over;
	// "" for what ends by itself. It is the action of the event: those of one action
	// would be taken for one.
	trouble string
}

// endingMemory is kept for the end of a group; none of it is needed to be right.
type endingMemory struct {
	// askAt is when the broker is asked whether the consumer group may be deleted, and
	// denied what it said last.
	askAt  time.Time
	denied bool
	// emptySince is since when the consumer group has been seen without members.
	emptySince time.Time
	// had is what the consumer group had before it was deleted.
	had kafka.Remains
	// told is the trouble that was told last.
	told string
}

// end takes a group that is being deleted one look further.
func (r *KafkaConsumerGroupReconciler) end(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, m *memory) (ctrl.Result, error) {
	overdue := r.Clock.Now().Sub(group.DeletionTimestamp.Time) >= endWithin
	seen, err := r.observeEnding(ctx, group, m)
	if err != nil && !overdue {
		return ctrl.Result{}, err
	}
	var done ended
	if err != nil {
		done.waits = err.Error()
	} else if done = r.carryOut(ctx, seen, decideEnding(seen), m); seen.group != nil {
		group = seen.group
	}
	switch {
	case !overdue || done.released || done.nobodyLeft:
	case done.deleted:
		done.released = true
	default:
		done = ended{released: true, told: retained(group, fmt.Sprintf("it could not be deleted within %s: %s", endWithin, done.waits))}
	}
	if !done.released {
		r.tellTrouble(group, done, m)
		r.sayEnding(ctx, seen, done)
		return ctrl.Result{RequeueAfter: min(done.again, endAgain)}, nil
	}
	if done.told != nil {
		r.emit(group, *done.told)
		log.FromContext(ctx).Info(done.told.note, "reason", done.told.reason)
	}
	return ctrl.Result{}, r.setOffsetsFinalizer(ctx, group, false)
}

// tellTrouble tells once what somebody may have to mend before the time is over.
func (r *KafkaConsumerGroupReconciler) tellTrouble(group *v1alpha1.KafkaConsumerGroup, done ended, m *memory) {
	if done.trouble == "" || m.ending.told == done.waits {
		return
	}
	m.ending.told = done.waits
	r.emit(group, groupEvent{corev1.EventTypeWarning, "OffsetsNotDeletedYet", done.trouble, fmt.Sprintf(
		"consumer group %q is not deleted from Kafka yet, and is left there after %s: %s", group.Spec.GroupID, endWithin, done.waits)})
}

// retained tells that the consumer group stays, and what somebody who uses it has to know.
func retained(group *v1alpha1.KafkaConsumerGroup, why string) *groupEvent {
	note := fmt.Sprintf("consumer group %q stays in Kafka with its offsets: %s", group.Spec.GroupID, why)
	if reset := mixedBy(group.Status); reset != "" {
		note = fmt.Sprintf("consumer group %q stays in Kafka, and what it has committed may be a mixture: KafkaOffsetReset %q was not completed; %s",
			group.Spec.GroupID, reset, why)
	}
	return &groupEvent{corev1.EventTypeWarning, "OffsetsRetained", "DeleteOffsets", note}
}

// mixedBy is the reset that may have committed one half, "" for none.
func mixedBy(s v1alpha1.KafkaConsumerGroupStatus) string {
	switch {
	case s.ActiveReset != nil && s.ActiveReset.Writing:
		return s.ActiveReset.Name
	case s.UnfinishedReset != nil:
		return s.UnfinishedReset.Name
	}
	return ""
}

// holdOffsets has the object held when it is deleted, or no longer, as the spec
// says. wait: the cache does not show that yet, nor the status that would be written
// over it.
func (r *KafkaConsumerGroupReconciler) holdOffsets(ctx context.Context, group *v1alpha1.KafkaConsumerGroup) (wait bool, err error) {
	wanted := wantsDeletion(group)
	if controllerutil.ContainsFinalizer(group, offsetsFinalizer) == wanted {
		return false, nil
	}
	err = r.setOffsetsFinalizer(ctx, group, wanted)
	return err == nil, err
}

// setOffsetsFinalizer sets or removes the finalizer on the object as the API server
// has it; what it says may be something else by now.
func (r *KafkaConsumerGroupReconciler) setOffsetsFinalizer(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, wanted bool) error {
	change := controllerutil.RemoveFinalizer
	if wanted {
		change = controllerutil.AddFinalizer
	}
	err := guarded(func() error {
		live, err := r.liveGroup(ctx, group)
		if err != nil || live == nil {
			return err
		}
		next := live.DeepCopy()
		going := !live.DeletionTimestamp.IsZero() // no API server takes a finalizer then
		if !going && wantsDeletion(live) != wanted || going && wanted || !change(next, offsetsFinalizer) {
			return nil
		}
		return r.Patch(ctx, next, client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{}))
	}, func() (bool, error) { return true, nil })
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("change the finalizers of KafkaConsumerGroup %q: %w", client.ObjectKeyFromObject(group), err)
	}
	return nil
}

func wantsDeletion(group *v1alpha1.KafkaConsumerGroup) bool {
	return group.Spec.OffsetsOnDelete == v1alpha1.OffsetsDelete
}

// liveGroup is the object as the API server has it, nil when it is gone or another
// has its name.
func (r *KafkaConsumerGroupReconciler) liveGroup(ctx context.Context, group *v1alpha1.KafkaConsumerGroup) (*v1alpha1.KafkaConsumerGroup, error) {
	var live v1alpha1.KafkaConsumerGroup
	key := client.ObjectKeyFromObject(group)
	err := r.Live.Get(ctx, key, &live)
	if apierrors.IsNotFound(err) || err == nil && live.UID != group.UID {
		return nil, nil //nolint:nilnil // an object that is gone is a fact, not a failure
	}
	if err != nil {
		return nil, fmt.Errorf("get KafkaConsumerGroup %q: %w", key, err)
	}
	return &live, nil
}

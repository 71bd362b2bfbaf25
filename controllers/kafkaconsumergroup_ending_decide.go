package controllers

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// endingStep is what is to be done about a group that is being deleted.
type endingStep int

const (
	endRelease endingStep = iota // let the object go; the consumer group stays
	endStop                      // ask for no workers
	endTake                      // take the group from the reset that has it
	endWait                      // look again
	endDelete                    // delete the consumer group, unless somebody is in it
)

// ending is a step, and why.
type ending struct {
	step endingStep
	// why says to whom the object is released, "" for nobody, or what is waited for.
	why string
}

// endingRules are what forbids to delete the consumer group, in their order: first
// what will not change, then what is still under way.
var endingRules = []func(endingSeen) (e ending, applies bool){
	gone, notAsked, orphaned, ofAnother, notOurWorkers, unreachableForGood, clusterNeverSeen,
	maybeOfAnother, workersAsked, workersLeft, claimedByReset, resetWriting,
}

// decideEnding is the first rule that applies; without one the consumer group is deleted.
func decideEnding(s endingSeen) ending {
	for _, rule := range endingRules {
		if e, applies := rule(s); applies {
			return e
		}
	}
	return ending{step: endDelete}
}

// gone: the object, or its namespace, whose workers go with it. Nobody hears an event there.
func gone(s endingSeen) (ending, bool) {
	return ending{step: endRelease}, s.group == nil || s.namespaceGoing
}

// notAsked: the policy was changed while the object was being deleted. What stays may
// be a mixture, so that is told also to whoever asked for it.
func notAsked(s endingSeen) (ending, bool) {
	return ending{endRelease, fmt.Sprintf("offsetsOnDelete is %s", s.group.Spec.OffsetsOnDelete)}, !wantsDeletion(s.group)
}

// orphaned: the workers are meant to stay, and would lose their place. Who orphans
// them marks the object, and takes that away when they have no owner any more.
func orphaned(s endingSeen) (ending, bool) {
	marked := slices.Contains(s.group.Finalizers, metav1.FinalizerOrphanDependents)
	return ending{endRelease, fmt.Sprintf("the object was deleted as --cascade=orphan does it, and Deployment %q keeps its workers", s.group.Name)},
		marked || s.workers.owned == ownedOrphan
}

func ofAnother(s endingSeen) (ending, bool) {
	return ending{endRelease, "it belongs to another KafkaConsumerGroup, " + s.other}, s.other != ""
}

// notOurWorkers: the object never had workers, and whoever has its name may use the group.
func notOurWorkers(s endingSeen) (ending, bool) {
	return ending{endRelease, fmt.Sprintf("Deployment %q does not belong to the object, and may be working in the group", s.group.Name)},
		s.workers.owned == ownedByOthers
}

// unreachableForGood: without a connection nothing can be known. What can't be read
// just now is waited for.
func unreachableForGood(s endingSeen) (ending, bool) {
	c := s.workers.connection
	switch {
	case c.known:
		return ending{}, false
	case c.problem == nil:
		return ending{endWait, "the connection is not resolved yet"}, true
	case c.problem.reason == v1alpha1.ReasonCredentialsUnreadable:
		return ending{endWait, c.problem.message}, true
	}
	return ending{endRelease, "how Kafka is reached is not known: " + c.problem.message}, true
}

func clusterNeverSeen(s endingSeen) (ending, bool) {
	return ending{endRelease, "its Kafka cluster was never seen"}, s.group.Status.ClusterID == ""
}

func maybeOfAnother(s endingSeen) (ending, bool) {
	return ending{endWait, "another KafkaConsumerGroup has the same groupID, and its Kafka cluster is not known yet"}, s.otherPending
}

func workersAsked(s endingSeen) (ending, bool) {
	d := s.workers.deployment
	return ending{endStop, "the workers are being stopped"},
		d != nil && d.DeletionTimestamp.IsZero() && (d.Spec.Replicas == nil || *d.Spec.Replicas != 0)
}

// workersLeft: a pod that is on its way out may still be working, and a ReplicaSet
// without its Deployment still makes pods.
func workersLeft(s endingSeen) (ending, bool) {
	var left []string
	for i := range s.workers.pods {
		if p := &s.workers.pods[i]; !hasEnded(p) {
			left = append(left, podWords(p))
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		return ending{endWait, "still there: " + firstFew(left)}, true
	}
	for i := range s.workers.replicaSets {
		if rs := &s.workers.replicaSets[i]; rs.Spec.Replicas == nil || *rs.Spec.Replicas > 0 {
			left = append(left, fmt.Sprintf("ReplicaSet %q", rs.Name))
		}
	}
	d := s.workers.deployment
	if len(left) == 0 && d != nil && d.DeletionTimestamp.IsZero() && !stoppedBy(d, nil) {
		left = append(left, fmt.Sprintf("Deployment %q, whose controller has not seen yet that no workers are wanted", d.Name))
	}
	return ending{endWait, "still there: " + firstFew(left)}, len(left) > 0
}

// claimedByReset: a reset that may write is told by losing the group. One that has
// not been let write yet never will be.
func claimedByReset(s endingSeen) (ending, bool) {
	active := s.group.Status.ActiveReset
	if active == nil || !active.Writing {
		return ending{}, false
	}
	return ending{endTake, fmt.Sprintf("KafkaOffsetReset %q may be committing", active.Name)}, true
}

// resetWriting: what it had begun to write may still come, until it says that its
// group is going. After that it writes nothing, whatever it has left: all of it goes.
func resetWriting(s endingSeen) (ending, bool) {
	if s.reset == nil || !isWriting(s.reset) || s.reset.Status.HandOver {
		return ending{}, false
	}
	stalled := meta.FindStatusCondition(s.reset.Status.Conditions, v1alpha1.ConditionStalled)
	noticed := stalled != nil && stalled.Status == yes && stalled.Reason == v1alpha1.ReasonGroupMissing
	return ending{endWait, fmt.Sprintf("KafkaOffsetReset %q has not noticed yet that its group is being deleted, and may be committing", s.reset.Name)}, !noticed
}

// workerPrefixes are what the names of the group's pods begin with, by which its
// workers call themselves; none while no ReplicaSet is left.
func workerPrefixes(replicaSets []appsv1.ReplicaSet) []string {
	prefixes := make([]string, 0, len(replicaSets))
	for i := range replicaSets {
		prefixes = append(prefixes, truncated(replicaSets[i].Name+"-"))
	}
	return prefixes
}

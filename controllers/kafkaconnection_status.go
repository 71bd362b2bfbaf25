package controllers

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const maxBrokers = 32

// report writes the status if it says something else than before, and tells
// conditions that changed as events.
func (r *KafkaConnectionReconciler) report(ctx context.Context, connection *v1alpha1.KafkaConnection, seen connectionSnapshot) error {
	before, after := connection.Status, connectionStatus(connection, seen)
	if reflect.DeepEqual(before, after) || saysNothingYet(connection, seen) {
		return nil
	}
	if seen.sampled {
		after.ObservedAt = &metav1.Time{Time: seen.sample.At}
	}
	next := connection.DeepCopy()
	next.Status = after
	err := r.Status().Patch(ctx, next, client.MergeFromWithOptions(connection, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write the status of KafkaConnection %q: %w", client.ObjectKeyFromObject(connection), err)
	}
	for _, kind := range []string{v1alpha1.ConditionConnectionResolved, v1alpha1.ConditionReachable, v1alpha1.ConditionAuthenticated, v1alpha1.ConditionStalled} {
		if e, ok := conditionEvent(meta.FindStatusCondition(before.Conditions, kind), meta.FindStatusCondition(after.Conditions, kind)); ok {
			r.Recorder.Eventf(connection, nil, e.kind, e.reason, e.action, "%s", e.shortNote())
			e.log(ctx)
		}
	}
	return nil
}

// saysNothingYet is true right after a restart, until the first look.
func saysNothingYet(connection *v1alpha1.KafkaConnection, seen connectionSnapshot) bool {
	return seen.connection.known && !seen.sampled && connection.Status.ObservedGeneration == connection.Generation
}

// connectionStatus is the status after this look, with the time of the last one
// that was written. What was learned of the cluster stays while it is away.
func connectionStatus(connection *v1alpha1.KafkaConnection, seen connectionSnapshot) v1alpha1.KafkaConnectionStatus {
	after := *connection.Status.DeepCopy()
	after.ObservedGeneration = connection.Generation
	after.ClusterID, after.BootstrapServers, after.OtherClusterID = seen.cluster.id, seen.cluster.servers, seen.cluster.other
	if seen.sampled && seen.sample.Err == nil && seen.cluster.changed == nil {
		after.BrokerCount, after.Brokers = int32(len(seen.sample.Brokers)), brokerStatuses(seen.sample.Brokers)
	}
	set := func(kind string, v verdict) {
		meta.SetStatusCondition(&after.Conditions, metav1.Condition{
			Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
			ObservedGeneration: connection.Generation, LastTransitionTime: metav1.NewTime(seen.now),
		})
	}
	resolved := seen.connection.resolvedVerdict(after.Conditions, connection.Generation)
	reachable, authenticated := reachableVerdict(seen), authenticatedVerdict(seen)
	set(v1alpha1.ConditionConnectionResolved, resolved)
	set(v1alpha1.ConditionReachable, reachable)
	set(v1alpha1.ConditionAuthenticated, authenticated)
	set(v1alpha1.ConditionStalled, connectionStalled(seen, resolved, authenticated))
	set(v1alpha1.ConditionReady, connectionReady(seen, resolved, reachable, authenticated))
	return after
}

func brokerStatuses(brokers []kafka.Broker) []v1alpha1.BrokerStatus {
	var statuses []v1alpha1.BrokerStatus
	for _, b := range brokers[:min(len(brokers), maxBrokers)] {
		statuses = append(statuses, v1alpha1.BrokerStatus{NodeID: b.NodeID, Address: b.Address, Version: b.Version})
	}
	return statuses
}

// unresolved is the verdict while the connection was never resolved.
func (s connectionSnapshot) unresolved() (verdict, bool) {
	switch {
	case !s.connection.known && s.connection.problem != nil:
		return verdict{notSeen, s.connection.problem.reason, "nothing was tried: " + s.connection.problem.message}, true
	case !s.sampled:
		return verdict{notSeen, v1alpha1.ReasonNotSampled, "the first look at the cluster has not ended yet"}, true
	}
	return verdict{}, false
}

// reachableVerdict: a broker that refuses who we are was reached.
func reachableVerdict(seen connectionSnapshot) verdict {
	if v, is := seen.unresolved(); is {
		return v
	}
	switch err := seen.sample.Err; {
	case errors.Is(err, kafka.ErrInvalid):
		return verdict{notSeen, reasonOf(err), "nothing was tried: " + seen.connection.blame(err)}
	case err != nil && !errors.Is(err, kafka.ErrAuthentication):
		return verdict{no, reasonOf(err), seen.connection.blame(err)}
	}
	return verdict{yes, v1alpha1.ReasonBrokersAnswer, "the brokers answer"}
}

func authenticatedVerdict(seen connectionSnapshot) verdict {
	if v, is := seen.unresolved(); is {
		return v
	}
	switch err := seen.sample.Err; {
	case errors.Is(err, kafka.ErrAuthentication), errors.Is(err, kafka.ErrInvalid):
		return verdict{no, reasonOf(err), seen.connection.blame(err)}
	case err != nil:
		return verdict{notSeen, reasonOf(err), "no broker could be asked"}
	case seen.connection.connection.Security.SASL.Mechanism == "" && seen.connection.connection.Security.TLS.Certificate == "":
		return verdict{yes, v1alpha1.ReasonAnonymous, "the brokers ask for no credentials, and the connection has none"}
	}
	return verdict{yes, v1alpha1.ReasonAccepted, "the brokers accept the credentials"}
}

// connectionStalled: a broker that is away may come back by itself, all else
// waits for someone.
func connectionStalled(seen connectionSnapshot, resolved, authenticated verdict) verdict {
	switch {
	case seen.cluster.changed != nil:
		return verdict{yes, seen.cluster.changed.reason, seen.cluster.changed.message}
	case resolved.status == no:
		return verdict{yes, resolved.reason, resolved.message}
	case authenticated.status == no:
		return verdict{yes, authenticated.reason, authenticated.message}
	}
	return verdict{no, v1alpha1.ReasonNothingStalled, "nothing waits for someone to act"}
}

// connectionReady sums up.
func connectionReady(seen connectionSnapshot, resolved, reachable, authenticated verdict) verdict {
	if seen.cluster.changed != nil {
		return verdict{no, seen.cluster.changed.reason, seen.cluster.changed.message}
	}
	for _, v := range []verdict{resolved, reachable, authenticated} {
		if v.status != yes {
			return verdict{no, v.reason, v.message}
		}
	}
	if seen.cluster.pending != nil {
		return verdict{no, seen.cluster.pending.reason, seen.cluster.pending.message}
	}
	return verdict{yes, v1alpha1.ReasonConnected, fmt.Sprintf("cluster %q answers", seen.cluster.id)}
}

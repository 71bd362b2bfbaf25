package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// The indexes of KafkaConsumerGroups: those of one consumer group, and those
// that refer to one KafkaConnection of their namespace.
const (
	groupIDIndex       = "spec.groupID"
	connectionRefIndex = "spec.kafka.connectionRef.name"
	// policyRefIndex is of those that name one KafkaProducerPolicy of their namespace.
	policyRefIndex = "spec.producerPolicyRef.name"
	// groupRefIndex is of KafkaOffsetResets: those of one KafkaConsumerGroup of their namespace.
	groupRefIndex = "spec.groupRef.name"
)

func indexGroups(ctx context.Context, indexer client.FieldIndexer) error {
	indexes := map[string]client.IndexerFunc{
		groupIDIndex: func(o client.Object) []string { return []string{o.(*v1alpha1.KafkaConsumerGroup).Spec.GroupID} },
		connectionRefIndex: func(o client.Object) []string {
			if ref := o.(*v1alpha1.KafkaConsumerGroup).Spec.Kafka.ConnectionRef; ref != nil {
				return []string{string(ref.Name)}
			}
			return nil
		},
		policyRefIndex: func(o client.Object) []string {
			if ref := o.(*v1alpha1.KafkaConsumerGroup).Spec.ProducerPolicyRef; ref != nil {
				return []string{ref.Name}
			}
			return nil
		},
	}
	for field, values := range indexes {
		if err := indexer.IndexField(ctx, &v1alpha1.KafkaConsumerGroup{}, field, values); err != nil {
			return fmt.Errorf("index KafkaConsumerGroups by %s: %w", field, err)
		}
	}
	err := indexer.IndexField(ctx, &v1alpha1.KafkaOffsetReset{}, groupRefIndex, func(o client.Object) []string {
		return []string{string(o.(*v1alpha1.KafkaOffsetReset).Spec.GroupRef.Name)}
	})
	if err != nil {
		return fmt.Errorf("index KafkaOffsetResets by %s: %w", groupRefIndex, err)
	}
	return nil
}

// specOrDeletion leaves out our own status writes.
func specOrDeletion() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
		},
	})
}

// identityChanges are the changes that may make or end a duplicate: an object
// comes or goes, its connection changes, or its cluster id becomes known.
func identityChanges() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.KafkaConsumerGroup), e.ObjectNew.(*v1alpha1.KafkaConsumerGroup)
			return before.Generation != after.Generation || before.Status.ClusterID != after.Status.ClusterID ||
				before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
		},
	}
}

// rivals are the other objects with the same consumer group.
func (r *KafkaConsumerGroupReconciler) rivals(ctx context.Context, o client.Object) []reconcile.Request {
	group := o.(*v1alpha1.KafkaConsumerGroup)
	var same v1alpha1.KafkaConsumerGroupList
	if err := r.List(ctx, &same, client.MatchingFields{groupIDIndex: group.Spec.GroupID}); err != nil {
		return nil // the cache is closing; the periodic look finds it
	}
	var requests []reconcile.Request
	for _, other := range same.Items {
		if other.UID != group.UID {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&other)})
		}
	}
	return requests
}

// referring are the groups that refer to a KafkaConnection.
func (r *KafkaConsumerGroupReconciler) referring(ctx context.Context, o client.Object) []reconcile.Request {
	return requestsOf(ctx, r, &v1alpha1.KafkaConsumerGroupList{}, client.InNamespace(o.GetNamespace()), client.MatchingFields{connectionRefIndex: o.GetName()})
}

// requestsOf ask for a look at each object of a list. One that can't be read is of
// a cache that is closing; the periodic look finds its objects otherwise.
func requestsOf(ctx context.Context, reader client.Reader, list client.ObjectList, which ...client.ListOption) []reconcile.Request {
	var requests []reconcile.Request
	err := reader.List(ctx, list, append(which, client.UnsafeDisableDeepCopy)...)
	if err == nil {
		err = meta.EachListItem(list, func(o runtime.Object) error {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o.(client.Object))})
			return nil
		})
	}
	if err != nil {
		return nil
	}
	return requests
}

// byGroupRef maps a reset to its group.
func byGroupRef(_ context.Context, o client.Object) []reconcile.Request {
	name := string(o.(*v1alpha1.KafkaOffsetReset).Spec.GroupRef.Name)
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
}

// phaseChanges: by its phase a reset asks for the group and gives it back.
func phaseChanges() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.KafkaOffsetReset), e.ObjectNew.(*v1alpha1.KafkaOffsetReset)
			return before.UID != after.UID || before.Status.Phase != after.Status.Phase ||
				before.Status.HandOver != after.Status.HandOver
		},
	}
}

// byGroupLabel maps a pod or a ReplicaSet to its group.
func byGroupLabel(_ context.Context, o client.Object) []reconcile.Request {
	name, ok := o.GetLabels()[groupLabel]
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
}

// onlyDeletes: a ReplicaSet matters when it goes, since its ConfigMap can go then.
func onlyDeletes() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
}

// podMatters leaves out the many updates of a pod that change no report: what
// counts is what podProblem and readySince read.
func podMatters() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
			return podProblem(before) != podProblem(after) || isReady(before) != isReady(after)
		},
	}
}

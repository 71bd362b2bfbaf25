package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// groupSources wake policies by the KafkaConsumerGroups that name them, and by
// their workers. The cache is the one of the groups' own controller.
func (r *KafkaProducerPolicyReconciler) groupSources(from cache.Cache) []source.Source {
	named := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return groupMattersToPolicies(e.ObjectOld.(*v1alpha1.KafkaConsumerGroup), e.ObjectNew.(*v1alpha1.KafkaConsumerGroup))
	}}
	return []source.Source{
		source.Kind(from, client.Object(&v1alpha1.KafkaConsumerGroup{}), handler.EnqueueRequestsFromMapFunc(policyOfGroup), named),
		source.Kind(from, client.Object(&corev1.Pod{}), handler.EnqueueRequestsFromMapFunc(r.policyOfWorker), podMatters()),
	}
}

// policyOfGroup is the policy that a group names.
func policyOfGroup(_ context.Context, o client.Object) []reconcile.Request {
	ref := o.(*v1alpha1.KafkaConsumerGroup).Spec.ProducerPolicyRef
	if ref == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: ref.Name}}}
}

// policyOfWorker is the policy that the group of a pod names.
func (r *KafkaProducerPolicyReconciler) policyOfWorker(ctx context.Context, o client.Object) []reconcile.Request {
	return r.policyOfWorkers(ctx, reportOwner{o.GetNamespace(), o.GetLabels()})
}

func (r *KafkaProducerPolicyReconciler) policyOfWorkers(ctx context.Context, of reportOwner) []reconcile.Request {
	name, ok := of.labels[groupLabel]
	if !ok {
		return nil
	}
	var group v1alpha1.KafkaConsumerGroup
	if err := r.Get(ctx, types.NamespacedName{Namespace: of.namespace, Name: name}, &group); err != nil {
		return nil // it is gone, or the cache is closing; the periodic look finds it
	}
	return policyOfGroup(ctx, &group)
}

// reportedByWorker wakes the policy of a group whose worker has said something new.
func (r *KafkaProducerPolicyReconciler) reportedByWorker(of reportOwner) {
	for _, request := range r.policyOfWorkers(context.Background(), of) {
		r.wakeups.wake(request.NamespacedName)
	}
}

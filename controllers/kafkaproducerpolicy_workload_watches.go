package controllers

import (
	"context"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
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

// workloadSources wake policies by their workloads, and by what is made of those.
// There are none where Lagrange may not change workloads. policies is the cache
// that has them.
func (r *KafkaProducerPolicyReconciler) workloadSources(policies cache.Cache) []source.Source {
	if r.Workloads == nil {
		return nil
	}
	from := r.Workloads.cache
	made := handler.EnqueueRequestsFromMapFunc(byPolicyLabel)
	asking := handler.EnqueueRequestsFromMapFunc(r.policiesOf)
	return []source.Source{
		source.Kind(from, client.Object(metadataOf(deploymentKind)), asking, workloadMatters()),
		source.Kind(from, client.Object(metadataOf(statefulSetKind)), asking, workloadMatters()),
		source.Kind(from, client.Object(&corev1.Pod{}), made, podMatters()),
		source.Kind(from, client.Object(&corev1.ConfigMap{}), made),
		source.Kind(from, client.Object(&appsv1.ReplicaSet{}), made, onlyDeletes()),
		source.Kind(from, client.Object(&appsv1.ControllerRevision{}), made, onlyDeletes()),
		source.Kind(policies, client.Object(&v1alpha1.KafkaProducerPolicy{}), handler.EnqueueRequestsFromMapFunc(r.selectingBeside), givesOtherwise()),
	}
}

// byPolicyLabel maps what was made for a policy to it.
func byPolicyLabel(_ context.Context, o client.Object) []reconcile.Request {
	name, ok := o.GetLabels()[v1alpha1.LabelProducerPolicy]
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
}

// reported wakes the policy by what one of its pods says.
func (r *KafkaProducerPolicyReconciler) reported(of reportOwner) {
	if name, ok := of.labels[v1alpha1.LabelProducerPolicy]; ok {
		r.wakeups.wake(types.NamespacedName{Namespace: of.namespace, Name: name})
	}
}

// policiesOf are the policies that select the workload, and the one, gone maybe,
// whose settings it was given.
func (r *KafkaProducerPolicyReconciler) policiesOf(ctx context.Context, o client.Object) []reconcile.Request {
	requests := byPolicyLabel(ctx, o)
	for _, policy := range r.selecting(ctx, o.GetNamespace()) {
		c := candidateOf(policy)
		if c.unreadable == nil && c.selector.Matches(labels.Set(o.GetLabels())) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(policy)})
		}
	}
	return requests
}

// selectingBeside are the other policies of the namespace that select workloads:
// one that gives way, or comes between, may change whose turn it is.
func (r *KafkaProducerPolicyReconciler) selectingBeside(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, policy := range r.selecting(ctx, o.GetNamespace()) {
		if policy.Name != o.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(policy)})
		}
	}
	return requests
}

// selecting are the policies of the namespace that select workloads.
func (r *KafkaProducerPolicyReconciler) selecting(ctx context.Context, namespace string) []*v1alpha1.KafkaProducerPolicy {
	var policies v1alpha1.KafkaProducerPolicyList
	if err := r.List(ctx, &policies, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is closing; the periodic look finds it
	}
	var selecting []*v1alpha1.KafkaProducerPolicy
	for i := range policies.Items {
		if policies.Items[i].Spec.Selector != nil {
			selecting = append(selecting, &policies.Items[i])
		}
	}
	return selecting
}

// workloadMatters leaves out status writes of workloads that have nothing of ours.
func workloadMatters() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld, e.ObjectNew
			return before.GetGeneration() != after.GetGeneration() || !maps.Equal(before.GetLabels(), after.GetLabels()) ||
				!maps.Equal(before.GetAnnotations(), after.GetAnnotations()) || after.GetLabels()[v1alpha1.LabelProducerPolicy] != ""
		},
	}
}

// givesOtherwise: the policy selects others than before, has something in force
// for the first time, or goes.
func givesOtherwise() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool { return e.Object.(*v1alpha1.KafkaProducerPolicy).Spec.Selector != nil },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.KafkaProducerPolicy), e.ObjectNew.(*v1alpha1.KafkaProducerPolicy)
			return (before.Spec.Selector != nil || after.Spec.Selector != nil) &&
				(before.Generation != after.Generation || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
					(before.Status.InForce == nil) != (after.Status.InForce == nil))
		},
	}
}

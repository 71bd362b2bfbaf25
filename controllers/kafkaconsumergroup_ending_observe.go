package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// endingSeen is what one look at a group that is being deleted finds in Kubernetes.
// What decides is read from the API server, but for other objects that have the same
// consumer group, which are the cache's: of one created a moment ago it may not know.
type endingSeen struct {
	// group is the object, nil when it is gone.
	group *v1alpha1.KafkaConsumerGroup
	// namespaceGoing: its whole namespace is being deleted.
	namespaceGoing bool
	// workers are its Deployment, pods and ReplicaSets, and how Kafka is reached.
	workers groupSnapshot
	// other is another object that has the same consumer group, "" for none; with
	// otherPending one may turn out to have it.
	other        string
	otherPending bool
	// reset is one that may have been writing when the object was deleted, nil for none.
	reset *v1alpha1.KafkaOffsetReset
}

// observeEnding reads everything into one snapshot. The object comes before its
// Deployment: whoever orphans the one marks the other first.
func (r *KafkaConsumerGroupReconciler) observeEnding(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, m *memory) (endingSeen, error) {
	var seen endingSeen
	live, err := r.liveGroup(ctx, group)
	if err != nil || live == nil {
		return seen, err
	}
	seen.group, seen.namespaceGoing = live, namespaceGoing(ctx, r.Client, live.Namespace)
	if err := r.resolveConnection(ctx, live, m); err != nil {
		return seen, err
	}
	seen.workers = groupSnapshot{
		now: r.Clock.Now(), connection: m.connection, cluster: clusterSeen{id: live.Status.ClusterID, servers: live.Status.BootstrapServers},
	}
	if err := r.liveWorkers(ctx, live, &seen.workers); err != nil {
		return seen, err
	}
	seen.workers.policy.given = givenNow(seen.workers, m)
	seen.workers.resets.pass = highestPass(live.Status, seen.workers)
	if seen.other, seen.otherPending, err = r.otherOf(ctx, live, seen.workers); err != nil {
		return seen, err
	}
	if left := live.Status.UnfinishedReset; left != nil {
		reset, err := r.liveReset(ctx, client.ObjectKey{Namespace: live.Namespace, Name: left.Name})
		if err != nil {
			return seen, err
		}
		if reset != nil && reset.UID == left.UID {
			seen.reset = reset
		}
	}
	return seen, nil
}

// namespaceGoing tells whether the namespace takes nothing new, since it is being deleted.
func namespaceGoing(ctx context.Context, c client.Client, namespace string) bool {
	probe := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "lagrange-probe-"}}
	return apierrors.HasStatusCause(c.Create(ctx, &probe, client.DryRunAll), corev1.NamespaceTerminatingCause)
}

// liveWorkers reads the Deployment, and what is left of its workers.
func (r *KafkaConsumerGroupReconciler) liveWorkers(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen *groupSnapshot) error {
	if err := r.listWorkers(ctx, group, seen); err != nil { // for the ConfigMaps
		return err
	}
	var deployment appsv1.Deployment
	switch err := r.Live.Get(ctx, client.ObjectKeyFromObject(group), &deployment); {
	case err == nil:
		seen.deployment = &deployment
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("get Deployment %q: %w", client.ObjectKeyFromObject(group), err)
	}
	seen.owned = ownershipOf(group, seen.deployment)
	var replicaSets appsv1.ReplicaSetList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&replicaSets, &pods} { // one makes the other
		err := r.Live.List(ctx, list, client.InNamespace(group.Namespace), client.MatchingLabels(selectorLabels(group)))
		if err != nil {
			return fmt.Errorf("list %T of %q: %w", list, client.ObjectKeyFromObject(group), err)
		}
	}
	seen.replicaSets, seen.pods = replicaSets.Items, pods.Items
	return nil
}

// otherOf names another object that has the consumer group: an older one, also
// while that is being deleted, since its own policy counts then; and one that stays.
func (r *KafkaConsumerGroupReconciler) otherOf(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) (other string, pending bool, err error) {
	if c := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.ConditionStalled); c != nil && c.Status == yes && c.Reason == v1alpha1.ReasonDuplicateGroup {
		return "that was older", false, nil // which may be gone by now
	}
	var same v1alpha1.KafkaConsumerGroupList
	err = r.List(ctx, &same, client.MatchingFields{groupIDIndex: group.Spec.GroupID}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return "", false, fmt.Errorf("list KafkaConsumerGroups of group %q: %w", group.Spec.GroupID, err)
	}
	for i := range same.Items {
		it := &same.Items[i]
		switch {
		case it.UID == group.UID || !it.DeletionTimestamp.IsZero() && !older(it, group):
		case seen.sameCluster(it, r.serversOf(ctx, it)):
			return client.ObjectKeyFromObject(it).String(), false, nil
		default:
			pending = pending || clusterPending(it)
		}
	}
	return "", pending, nil
}

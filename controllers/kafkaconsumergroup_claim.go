package controllers

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
)

// observeResets reads who has the group and who wants it.
func (r *KafkaConsumerGroupReconciler) observeResets(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen *groupSnapshot, m *memory) error {
	var list v1alpha1.KafkaOffsetResetList
	err := r.List(ctx, &list, client.InNamespace(group.Namespace), client.MatchingFields{groupRefIndex: group.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("list the KafkaOffsetResets of %q: %w", client.ObjectKeyFromObject(group), err)
	}
	status, err := r.claimNow(ctx, group, *seen, m)
	if err != nil {
		return err
	}
	seen.kept = status.KeptOffsets
	seen.resets = resetSeen{active: status.ActiveReset, catchUp: status.CatchUp, unfinished: status.UnfinishedReset}
	seen.resets.pass = highestPass(status, *seen, list.Items...)
	if len(status.Resets) == 0 {
		seen.resets.ran = ranResets(group, seen.cluster.id, list.Items)
	}
	if active := status.ActiveReset; active != nil {
		if seen.resets.holder, err = r.holderOf(ctx, group, *active, list.Items); err != nil {
			return err
		}
		if holder := seen.resets.holder; holder != nil {
			seen.resets.pass = max(seen.resets.pass, highestPass(status, *seen, *holder))
		}
		if seen.resets.stopped, err = r.workersGone(ctx, group, *seen); err != nil {
			return err
		}
	}
	if seen.resets.held() {
		return nil
	}
	seen.resets.next, err = r.nextReset(ctx, group, list.Items)
	return err
}

// claimNow is the status as last written. Before workers are started where there
// are none it is read from the API server: the cache, or a status that another
// writer's change of the object brought back, may not know of a claim yet. It is
// read after the Deployment, whose version is the condition of the start.
func (r *KafkaConsumerGroupReconciler) claimNow(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory,
) (v1alpha1.KafkaConsumerGroupStatus, error) {
	status := statusNow(group, m)
	present, _ := presentReplicas(group, seen, m)
	if toldByCache(status, seen.deployment, present) || pauseOf(group).At(seen.now) == autoscale.PauseScaleToZero {
		return status, nil
	}
	var live v1alpha1.KafkaConsumerGroup
	key := client.ObjectKeyFromObject(group)
	if err := r.Live.Get(ctx, key, &live); client.IgnoreNotFound(err) != nil {
		return status, fmt.Errorf("get KafkaConsumerGroup %q before its workers start: %w", key, err)
	}
	if live.UID == group.UID {
		status.ActiveReset, status.CatchUp = live.Status.ActiveReset, live.Status.CatchUp
		status.KeptOffsets = live.Status.KeptOffsets
		status.UnfinishedReset, status.DedupPass = live.Status.UnfinishedReset, max(status.DedupPass, live.Status.DedupPass)
	}
	return status, nil
}

// holderOf is the active reset. That it needs the group no more is not taken from the cache.
func (r *KafkaConsumerGroupReconciler) holderOf(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, active v1alpha1.ActiveReset, cached []v1alpha1.KafkaOffsetReset,
) (*v1alpha1.KafkaOffsetReset, error) {
	for i := range cached {
		if cached[i].UID == active.UID && needsGroup(&cached[i]) {
			return &cached[i], nil
		}
	}
	reset, err := r.liveReset(ctx, client.ObjectKey{Namespace: group.Namespace, Name: active.Name})
	if err != nil || reset == nil || reset.UID != active.UID {
		return nil, err
	}
	return reset, nil
}

// nextReset is the reset whose turn is next, if the API server says so too.
func (r *KafkaConsumerGroupReconciler) nextReset(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, cached []v1alpha1.KafkaOffsetReset,
) (*v1alpha1.KafkaOffsetReset, error) {
	first := firstInTurn(cached)
	if first == nil {
		return nil, nil //nolint:nilnil // no reset is a fact, not a failure
	}
	reset, err := r.liveReset(ctx, client.ObjectKeyFromObject(first))
	if err != nil || reset == nil || reset.UID != first.UID || !wantsGroup(reset) || string(reset.Spec.GroupRef.Name) != group.Name {
		return nil, err
	}
	return reset, nil
}

// liveReset reads a reset from the API server, nil when there is none.
func (r *KafkaConsumerGroupReconciler) liveReset(ctx context.Context, key client.ObjectKey) (*v1alpha1.KafkaOffsetReset, error) {
	var reset v1alpha1.KafkaOffsetReset
	err := r.Live.Get(ctx, key, &reset)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // a reset that is gone is a fact, not a failure
	}
	if err != nil {
		return nil, fmt.Errorf("get KafkaOffsetReset %q: %w", key, err)
	}
	return &reset, nil
}

// workersGone tells whether none of the workers is left, and none can come back by
// what was decided before the claim. Before it says so for the first time it asks
// the API server.
func (r *KafkaConsumerGroupReconciler) workersGone(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) (bool, error) {
	mark := markFor(seen.resets.active, nil)
	gone := seen.owned == ownedByUs && markOf(seen.deployment) == mark && stoppedBy(seen.deployment, seen.pods)
	if !gone || seen.resets.active.Stopped {
		return gone, nil
	}
	var deployment appsv1.Deployment
	var pods corev1.PodList
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(group), &deployment)
	if err == nil {
		err = r.Live.List(ctx, &pods, client.InNamespace(group.Namespace), client.MatchingLabels(selectorLabels(group)))
	}
	if err != nil {
		return false, fmt.Errorf("look for workers of %q: %w", client.ObjectKeyFromObject(group), err)
	}
	return markOf(&deployment) == mark && stoppedBy(&deployment, pods.Items), nil
}

// stoppedBy: the Deployment asks for no workers, its controller has seen that, and
// no pod is left that may be working. One that is being deleted still may.
func stoppedBy(deployment *appsv1.Deployment, pods []corev1.Pod) bool {
	return deployment != nil && deployment.Spec.Replicas != nil && *deployment.Spec.Replicas == 0 &&
		statusIsCurrent(deployment) && deployment.Status.Replicas == 0 &&
		!slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !hasEnded(&p) })
}

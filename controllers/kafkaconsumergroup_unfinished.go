package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// A reset that goes between its first and its last commit leaves a mixture of
// offsets behind: nobody may start on it.
//
//	deleted, not complete in time ──handOver──> the group takes tables and ConfigMaps over ──> the reset may go
//	removed by force ──────────────────────────> the group knows that it was writing, and no more
//	another reset that writes all of it has succeeded ──> workers

// isWriting: the reset may have changed offsets, or is about to.
func isWriting(reset *v1alpha1.KafkaOffsetReset) bool {
	return reset.Status.Phase == v1alpha1.PhaseCommitting || reset.Status.Phase == v1alpha1.PhaseVerifying
}

// unfinishedAfter is what is left unfinished after the active reset has gone, and
// the ConfigMaps that the group takes over for it.
func unfinishedAfter(s resetSeen, now time.Time) (*v1alpha1.UnfinishedReset, []string) {
	switch {
	case s.active == nil:
		return s.unfinished, nil
	case s.holder == nil && s.active.Writing:
		return &v1alpha1.UnfinishedReset{Name: s.active.Name, UID: s.active.UID, Since: metav1.NewTime(now)}, nil
	case s.holder != nil && s.holder.Status.HandOver && isWriting(s.holder):
		left := s.holder.Status
		return &v1alpha1.UnfinishedReset{
			Name: s.active.Name, UID: s.active.UID, Since: metav1.NewTime(now), ClusterID: left.Plan.ClusterID,
			Snapshot: left.Snapshot.DeepCopy(), Writes: left.Intent.Offsets.DeepCopy(),
		}, slices.Concat(left.Snapshot.ConfigMaps, left.Intent.Offsets.ConfigMaps)
	case s.holder != nil && completed(s.holder.Status):
		return nil, nil
	}
	return s.unfinished, nil
}

// completed: all that the reset was to write is written. Its plan was refused
// unless that is all that another one left unfinished.
func completed(s v1alpha1.KafkaOffsetResetStatus) bool {
	return s.Intent != nil && s.Outcome != nil && s.Outcome.Phase == v1alpha1.PhaseSucceeded
}

// adopt makes the group an owner of ConfigMaps, so that they stay when their reset goes.
func (r *KafkaConsumerGroupReconciler) adopt(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, names []string) error {
	for _, name := range names {
		var configMap corev1.ConfigMap
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: group.Namespace, Name: name}, &configMap)
		if apierrors.IsNotFound(err) {
			continue // which may be why the reset can't be completed
		}
		if err != nil {
			return fmt.Errorf("take over ConfigMap %q: %w", name, err)
		}
		before := configMap.DeepCopy()
		if err := controllerutil.SetOwnerReference(group, &configMap, r.Scheme()); err != nil {
			return fmt.Errorf("take over ConfigMap %q: %w", name, err)
		}
		if err := r.Patch(ctx, &configMap, client.MergeFrom(before)); err != nil {
			return fmt.Errorf("take over ConfigMap %q: %w", name, err)
		}
	}
	return nil
}

// unfinishedVerdict says what someone has to do; is is false where nothing is left unfinished.
func unfinishedVerdict(s *v1alpha1.KafkaConsumerGroupStatus) (v verdict, is bool) {
	left := s.UnfinishedReset
	if left == nil {
		return verdict{}, false
	}
	how := fmt.Sprintf("apply one with target.rollbackOf %q, or one that writes the same partitions", left.Name)
	if left.Writes == nil {
		how = "apply one that writes all partitions of all topics"
	}
	return verdict{yes, v1alpha1.ReasonOffsetResetUnfinished, fmt.Sprintf(
		"KafkaOffsetReset %q went before it had committed all of its offsets, and what is committed may be a mixture: no worker is started before another KafkaOffsetReset has succeeded: %s",
		left.Name, how)}, true
}

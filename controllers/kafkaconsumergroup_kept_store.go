package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// keptLabel is on the ConfigMaps of a group's kept offsets, with its uid.
const keptLabel = "kafka.lagrange.dev/kept-offsets"

// takeOver loads what is kept, and lays over it what a reset wrote that gives the
// group back: that is where the group goes on now.
func (r *KafkaConsumerGroupReconciler) takeOver(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen *groupSnapshot, d resetDecision, m *memory,
) error {
	t := &m.keeping.table
	switch {
	case seen.kept == nil:
		*t = keptTable{}
		return nil
	case t.sha256 != seen.kept.Offsets.SHA256 || t.by == nil:
		offsets, err := r.documents().offsetsOf(ctx, group.Namespace, seen.kept.Offsets)
		if errors.Is(err, errLost) && r.doWithout(*seen, d) {
			seen.kept, *t = nil, keptTable{}
			return nil
		}
		if err != nil {
			return err
		}
		*t = tableOf(seen.kept.Offsets.SHA256, offsets)
	}
	holder := seen.resets.holder
	if !hasWritten(d, holder) {
		return nil
	}
	writes, err := r.documents().offsetsOf(ctx, group.Namespace, holder.Status.Intent.Offsets)
	if errors.Is(err, errLost) {
		return nil // which it says itself
	}
	if err != nil {
		return err
	}
	next := *seen.kept.DeepCopy()
	if err := r.store(ctx, group, &next, resetplan.Overlaid(t.offsets, writes), next.Offsets.TakenAt.Time, m); err != nil {
		return err
	}
	seen.kept = &next
	return nil
}

// hasWritten: a reset gives the group back that has committed.
func hasWritten(d resetDecision, holder *v1alpha1.KafkaOffsetReset) bool {
	return d.released != nil && holder != nil && holder.Status.Intent != nil && holder.Status.Intent.Begun > 0
}

// doWithout: what was kept, and is lost, is not needed. Every partition has a
// commit, or a reset has said where the group goes on.
func (r *KafkaConsumerGroupReconciler) doWithout(seen groupSnapshot, d resetDecision) bool {
	missing, _, err := commitsIn(seen, r.Settings.SampleMaxAge)
	return err == nil && missing == 0 || hasWritten(d, seen.resets.holder)
}

func tableOf(sha256 string, offsets []v1alpha1.SavedOffset) keptTable {
	return keptTable{sha256: sha256, offsets: offsets, by: resetplan.ByPartition(offsets)}
}

// store puts the offsets where what is kept says, and remembers them.
func (r *KafkaConsumerGroupReconciler) store(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, kept *v1alpha1.KeptOffsets, offsets []v1alpha1.SavedOffset, at time.Time, m *memory,
) error {
	table, err := r.documents().keepOffsets(ctx, group, "kept", offsets, atSecond(at))
	if err != nil {
		return err
	}
	if table.SHA256 == kept.Offsets.SHA256 {
		table.TakenAt = kept.Offsets.TakenAt // nothing that would be worth a write
	}
	kept.Offsets = table
	m.keeping.table = tableOf(table.SHA256, offsets)
	setExpiry(kept)
	return nil
}

// unclaimedBut asks the API server whether the group is free of resets, but for
// the one that gives it back.
func (r *KafkaConsumerGroupReconciler) unclaimedBut(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, released *v1alpha1.ActiveReset) error {
	var live v1alpha1.KafkaConsumerGroup
	key := client.ObjectKeyFromObject(group)
	if err := r.Live.Get(ctx, key, &live); err != nil {
		return fmt.Errorf("get KafkaConsumerGroup %q before its offsets are committed: %w", key, err)
	}
	active := live.Status.ActiveReset
	mine := active == nil && live.Status.UnfinishedReset == nil || active != nil && released != nil && active.UID == released.UID
	if live.UID != group.UID || !live.DeletionTimestamp.IsZero() || !mine {
		return fmt.Errorf("commit offsets of KafkaConsumerGroup %q: it was given to a reset, or is being deleted", key)
	}
	return nil
}

// forgetKept removes the ConfigMaps that what is kept does not name any more, also
// those whose status was never written: when the names change, and once after the
// manager's start, for what one before it has left.
func (r *KafkaConsumerGroupReconciler) forgetKept(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, before, after v1alpha1.KafkaConsumerGroupStatus, m *memory) {
	var err error
	switch is := keptConfigMaps(after); {
	case !slices.Equal(keptConfigMaps(before), is):
		var left []metav1.ObjectMeta
		if left, err = r.unnamedKept(ctx, group, is); err == nil {
			err = r.removeKept(ctx, left)
		}
	case !m.keeping.swept && r.status.budget.AllowN(r.Clock.Now(), 1): // a list for each group: not all at once
		m.keeping.swept, err = r.sweepKept(ctx, group, is)
	}
	if err != nil {
		log.FromContext(ctx).Info("ConfigMaps of offsets that are kept no more could not be removed, and go with the group", "why", err.Error())
	}
}

// sweepKept removes what managers before this one have left. What is young one of
// them may be about to name: it stays, and is looked at again.
func (r *KafkaConsumerGroupReconciler) sweepKept(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, is []string) (done bool, err error) {
	left, err := r.unnamedKept(ctx, group, is)
	if err != nil || len(left) == 0 {
		return err == nil, err
	}
	young := func(o metav1.ObjectMeta) bool { return r.Clock.Since(o.CreationTimestamp.Time) < keepAfter }
	if slices.ContainsFunc(left, young) {
		return false, nil
	}
	var live v1alpha1.KafkaConsumerGroup
	key := client.ObjectKeyFromObject(group)
	if err := r.Live.Get(ctx, key, &live); err != nil {
		return false, fmt.Errorf("get KafkaConsumerGroup %q for what it keeps: %w", key, err)
	}
	named := keptConfigMaps(live.Status)
	err = r.removeKept(ctx, slices.DeleteFunc(left, func(o metav1.ObjectMeta) bool { return slices.Contains(named, o.Name) }))
	return err == nil, err
}

// unnamedKept are the group's ConfigMaps of kept offsets without those of these
// names. The cache has none of them, and what they hold is not needed.
func (r *KafkaConsumerGroupReconciler) unnamedKept(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, names []string) ([]metav1.ObjectMeta, error) {
	var all metav1.PartialObjectMetadataList
	all.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	err := r.Live.List(ctx, &all, client.InNamespace(group.Namespace), client.MatchingLabels{keptLabel: string(group.UID)})
	if err != nil {
		return nil, fmt.Errorf("list the ConfigMaps of kept offsets: %w", err)
	}
	var left []metav1.ObjectMeta
	for _, o := range all.Items {
		if !slices.Contains(names, o.Name) {
			left = append(left, o.ObjectMeta)
		}
	}
	return left, nil
}

func (r *KafkaConsumerGroupReconciler) removeKept(ctx context.Context, all []metav1.ObjectMeta) error {
	var failed error
	for _, o := range all {
		err := r.Delete(ctx, &corev1.ConfigMap{ObjectMeta: o}, client.Preconditions{UID: &o.UID})
		if client.IgnoreNotFound(err) != nil {
			failed = errors.Join(failed, fmt.Errorf("delete ConfigMap %q: %w", o.Name, err))
		}
	}
	return failed
}

func keptConfigMaps(s v1alpha1.KafkaConsumerGroupStatus) []string {
	if s.KeptOffsets == nil {
		return nil
	}
	return s.KeptOffsets.Offsets.ConfigMaps
}

func (r *KafkaConsumerGroupReconciler) documents() documents {
	return documents{Client: r.Client, live: r.Live}
}

package controllers

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// setExpiry says when the brokers may remove what is kept.
func setExpiry(kept *v1alpha1.KeptOffsets) {
	kept.ExpiresAt = nil
	if at := keptOf(*kept, nil).Expires(kept.EmptySince.Time); !at.IsZero() {
		kept.ExpiresAt = new(metav1.NewTime(at))
	}
}

// askRetention brings the retention up to date. What can't be read now is as it
// was. In a group of KIP-848 each commit has a time of its own.
func (r *KafkaConsumerGroupReconciler) askRetention(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, survey kafka.Survey, kept *v1alpha1.KeptOffsets, m *memory,
) {
	if survey.Type == kafka.TypeConsumer {
		kept.Retention = nil
		return
	}
	retention, err := r.Kafka.Retention(ctx, seen.connection.connection, group.Spec.GroupID)
	if err != nil {
		log.FromContext(ctx).V(1).Info("the brokers' retention could not be read", "why", err.Error())
		return
	}
	m.keeping.asked, kept.Retention = seen.now, nil
	if retention > 0 {
		kept.Retention = &metav1.Duration{Duration: retention}
	}
}

// keptOn is what is kept with the retention as of now, which is read each hour.
func (r *KafkaConsumerGroupReconciler) keptOn(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory,
) *v1alpha1.KeptOffsets {
	k := &m.keeping
	switch {
	case seen.kept == nil || !seen.usable(r.Settings.SampleMaxAge):
		return seen.kept
	case k.asked.IsZero(): // after a restart: not of all groups at once
		k.asked = seen.now
		return seen.kept
	case seen.now.Sub(k.asked) < retentionAge:
		return seen.kept
	}
	k.asked = seen.now
	next := seen.kept.DeepCopy()
	r.askRetention(ctx, group, seen, kafka.Survey{Membership: kafka.Membership{Type: seen.sample.Type}}, next, m)
	setExpiry(next)
	return next
}

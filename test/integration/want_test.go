package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// wantStatus waits until the group's status is as wanted; wanted says what is missing.
func wantStatus(t *testing.T, g *v1alpha1.KafkaConsumerGroup, wanted func(v1alpha1.KafkaConsumerGroupStatus) error) {
	t.Helper()
	eventually(t, func() error {
		now, err := seen(g)
		if err != nil {
			return err
		}
		return wanted(now.Status)
	})
}

// wantLag waits for the lag that the status shows.
func wantLag(t *testing.T, g *v1alpha1.KafkaConsumerGroup, want int64) {
	t.Helper()
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.Lag == nil || s.Lag.Messages != want {
			return fmt.Errorf("lag %+v, want %d", s.Lag, want)
		}
		return nil
	})
}

// wantEvent waits for an event of the kind and reason about the group whose note has the text.
func wantEvent(t *testing.T, g *v1alpha1.KafkaConsumerGroup, kind, reason, text string) {
	t.Helper()
	eventually(t, func() error {
		var events eventsv1.EventList
		if err := kube.List(context.Background(), &events, client.InNamespace(g.Namespace)); err != nil {
			return err
		}
		var notes []string
		for _, e := range events.Items {
			if e.Regarding.Name == g.Name && e.Type == kind && e.Reason == reason && strings.Contains(e.Note, text) {
				return nil
			}
			notes = append(notes, e.Regarding.Name+" "+e.Type+" "+e.Reason+": "+e.Note)
		}
		return fmt.Errorf("no %s event %s with %q, only %q", kind, reason, text, notes)
	})
}

// wantDeployment waits until the group's Deployment is as wanted and returns it.
func wantDeployment(t *testing.T, g *v1alpha1.KafkaConsumerGroup, wanted func(d *appsv1.Deployment) error) *appsv1.Deployment {
	t.Helper()
	var found *appsv1.Deployment
	eventually(t, func() error {
		d, err := deployment(g)
		if err != nil {
			return err
		}
		found = d
		return wanted(d)
	})
	return found
}

// wantNoDeployment checks that the group has none now.
func wantNoDeployment(t *testing.T, g *v1alpha1.KafkaConsumerGroup) {
	t.Helper()
	if d, err := deployment(g); !apierrors.IsNotFound(err) {
		t.Errorf("Deployment %v, %v, want none", d.Name, err)
	}
}

// configMapsOf are the names of the group's worker configurations.
func configMapsOf(g *v1alpha1.KafkaConsumerGroup) ([]corev1.ConfigMap, error) {
	var list corev1.ConfigMapList
	err := kube.List(context.Background(), &list, client.InNamespace(g.Namespace),
		client.MatchingLabels{"kafka.lagrange.dev/consumer-group": g.Name})
	return list.Items, err
}

// mentions tells whether the text has all the words.
func mentions(text string, words ...string) error {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return fmt.Errorf("%q does not mention %q", text, w)
		}
	}
	return nil
}

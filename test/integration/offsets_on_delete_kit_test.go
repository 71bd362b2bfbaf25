package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// There is no garbage collector and no namespace controller here: what depends on
// a group stays when that has gone, and the tests do what these would do.

const offsetsFinalizer = "kafka.lagrange.dev/offsets"

// deleting has the consumer group deleted with the object.
func deleting(g *v1alpha1.KafkaConsumerGroup) { g.Spec.OffsetsOnDelete = v1alpha1.OffsetsDelete }

// wantHeld waits until the object has the finalizer, or has it no longer.
func wantHeld(t *testing.T, g *v1alpha1.KafkaConsumerGroup, want bool) {
	t.Helper()
	eventually(t, func() error {
		now, err := seen(g)
		if err != nil {
			return err
		}
		return same(fmt.Sprintf("held by %q", now.Finalizers), slices.Contains(now.Finalizers, offsetsFinalizer), want)
	})
}

// disposable is a group of the consumer group "billing" that is held, has three
// partitions with a commit, and a Deployment whose workers, if any, are played.
func disposable(t *testing.T, ns, name string, b *broker, mods ...func(*v1alpha1.KafkaConsumerGroup)) *v1alpha1.KafkaConsumerGroup {
	t.Helper()
	b.commit(t, "billing", "orders", 5)
	billing := func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.GroupID = "billing" }
	g := group(ns, name, b.address(), append([]func(*v1alpha1.KafkaConsumerGroup){drainable, deleting, oneWorker, billing}, mods...)...)
	create(t, g)
	wantHeld(t, g, true)
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if s.ClusterID == "" {
			return errors.New("its cluster was not seen")
		}
		return nil
	})
	return g
}

// commits is how many commits the consumer group has in Kafka.
func (b *broker) commits(t *testing.T, groupID string) int {
	t.Helper()
	committed, err := committedOf(context.Background(), b.ListenAddrs(), groupID)
	if err != nil {
		t.Fatal(err)
	}
	return len(committed)
}

// wantDeleted: the object has gone, and the consumer group with it.
func wantDeleted(t *testing.T, g *v1alpha1.KafkaConsumerGroup, b *broker) {
	t.Helper()
	wantGone(t, g)
	if n := b.commits(t, g.Spec.GroupID); n > 0 {
		t.Errorf("%d commits are left; events %q", n, eventNotes(t, g))
	}
}

// wantRetained: the object has gone, and the consumer group is all there.
func wantRetained(t *testing.T, g *v1alpha1.KafkaConsumerGroup, b *broker, partitions int) {
	t.Helper()
	wantGone(t, g)
	if n := b.commits(t, g.Spec.GroupID); n != partitions {
		t.Errorf("%d commits are left, want %d; events %q", n, partitions, eventNotes(t, g))
	}
}

// wantWaits waits for the trouble that is told while the time is not over.
func wantWaits(t *testing.T, g *v1alpha1.KafkaConsumerGroup, words string) {
	t.Helper()
	wantEvent(t, g, "Warning", "OffsetsNotDeletedYet", words)
	if _, err := seen(g); err != nil {
		t.Errorf("it is not held: %v", err)
	}
}

func eventNotes(t *testing.T, g *v1alpha1.KafkaConsumerGroup) []string {
	t.Helper()
	var events eventsv1.EventList
	if err := kube.List(context.Background(), &events, client.InNamespace(g.Namespace)); err != nil {
		t.Fatal(err)
	}
	var notes []string
	for _, e := range events.Items {
		if e.Regarding.Name == g.Name {
			notes = append(notes, e.Reason+": "+e.Note)
		}
	}
	return notes
}

// timeIsOver lets the time pass in which a deletion is held.
func timeIsOver(c *clockAhead) { c.jump(5 * time.Minute) }

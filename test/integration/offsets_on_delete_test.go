package integration

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestOffsetsDeleted: the workers stop, then their consumer group goes with all of
// its commits, then the object; the Deployment is left to the garbage collector.
func TestOffsetsDeleted(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3, "returns": 2})
	startManager(t, managerOptions{}, ns)
	b.produce(t, "orders", 10)
	b.commit(t, "other", "orders", 5)
	b.commit(t, "billing", "returns", 5) // of a topic that it consumed once
	g := disposable(t, ns, "deleted", b)
	workers := playCrew(t, g, b.ListenAddrs())
	workers.wantHandling(t)
	stop := countsOf(t, g)
	remove(t, g)
	wantDeleted(t, g, b)
	wantEvent(t, g, corev1.EventTypeNormal, "Scaled", "from 1 to 0: stopped, since the object is being deleted")
	wantEvent(t, g, corev1.EventTypeNormal, "OffsetsDeleted", `deleted consumer group "billing" from Kafka cluster "TestOffsetsDeleted", with committed offsets of 5 partitions in 2 topics`)
	if counts := stop(); !slices.Equal(counts, []int32{1, 0}) && !slices.Equal(counts, []int32{0}) {
		t.Errorf("counts %v, want 0 for good", counts)
	}
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	wantCollectable(t, d, g)
	if n := b.commits(t, "other"); n != 3 {
		t.Errorf("another group has %d commits left, want 3", n)
	}
}

// wantHandling waits until some worker is in the group.
func (c *crew) wantHandling(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.handled) == 0 {
			return errors.New("nobody handles anything")
		}
		return nil
	})
}

// TestOffsetsOnDeleteChanges: the object is held as long as the field says so, and
// by whom else it is held is nobody's business here.
func TestOffsetsOnDeleteChanges(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	startManager(t, managerOptions{}, ns)
	theirs := func(g *v1alpha1.KafkaConsumerGroup) { g.Finalizers = []string{"example.com/theirs"} }
	g := disposable(t, ns, "changed", b, theirs)
	before, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain })
	wantHeld(t, g, false)
	change(t, g, deleting)
	wantHeld(t, g, true)
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Finalizers = nil }) // a tool that replaces the object
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.OffsetsOnDelete = v1alpha1.OffsetsRetain
		g.Finalizers = []string{"example.com/theirs"}
	})
	wantHeld(t, g, false)
	wantObserved(t, g)
	if now, err := deployment(g); err != nil || now.Generation != before.Generation {
		t.Errorf("generation %d after %d, %v: the policy is nothing to workers", now.Generation, before.Generation, err)
	}
	remove(t, g)
	now, err := seen(g)
	if err != nil || !slices.Equal(now.Finalizers, []string{"example.com/theirs"}) {
		t.Errorf("held by %v, %v", now.Finalizers, err)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Finalizers = nil })
	wantRetained(t, g, b, 3)
}

// TestOffsetsUncertain: an answer that was lost is read back before anything else.
func TestOffsetsUncertain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		done bool // the request whose answer is lost
		want int64
	}{"Done": {true, 1}, "NotDone": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
			startManager(t, managerOptions{}, ns)
			g := disposable(t, ns, "uncertain", b)
			fault := kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteGroups}, Err: kerr.UnknownServerError, Count: 1}
			if tc.done {
				fault.Err = kerr.RequestTimedOut // kfake does what it says it had no time for
			}
			asked := b.count(kmsg.DeleteGroups, func(kmsg.Request) bool { b.KeepControl(); return true })
			once := b.Fault(fault)
			wantReplicas(t, g, 1)
			remove(t, g)
			wantReplicas(t, g, 0)
			play(t, g, allAvailable)
			wantDeleted(t, g, b)
			wantEvent(t, g, corev1.EventTypeNormal, "OffsetsDeleted", "3 partitions in 1 topics")
			if once.Hits() != 1 || asked.Load() != tc.want {
				t.Errorf("asked %d times, want %d; %d failed", asked.Load(), tc.want, once.Hits())
			}
		})
	}
}

// TestOffsetsAlreadyGone: a group that nobody knows is deleted.
func TestOffsetsAlreadyGone(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	startManager(t, managerOptions{}, ns)
	g := disposable(t, ns, "nothing", b)
	wantReplicas(t, g, 1)
	if err := b.admin.DeleteConsumerGroup("billing"); err != nil {
		t.Fatal(err)
	}
	asked := b.count(kmsg.DeleteGroups, func(kmsg.Request) bool { return true })
	remove(t, g)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantDeleted(t, g, b)
	wantEvent(t, g, corev1.EventTypeNormal, "OffsetsDeleted", "is not in Kafka cluster")
	if asked.Load() != 0 {
		t.Errorf("Kafka was asked %d times to delete it", asked.Load())
	}
}

// TestOffsetsOnDeleteValues: without the field the group stays, as ever, and nothing
// else than the two is taken.
func TestOffsetsOnDeleteValues(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	g := group(ns, "plain", "kafka:9092")
	create(t, g)
	if g.Spec.OffsetsOnDelete != v1alpha1.OffsetsRetain {
		t.Errorf("the default is %q", g.Spec.OffsetsOnDelete)
	}
	err := kube.Create(t.Context(), group(ns, "misspelt", "kafka:9092", func(g *v1alpha1.KafkaConsumerGroup) { g.Spec.OffsetsOnDelete = "Remove" }))
	if err == nil || mentions(err.Error(), "spec.offsetsOnDelete", `"Retain", "Delete"`) != nil {
		t.Errorf("it says %v", err)
	}
}

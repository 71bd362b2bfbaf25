package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestOffsetsWithTheDeployment: a tool deletes the Deployment with the object. It is
// not made again, and its pods and its ReplicaSet are waited for.
func TestOffsetsWithTheDeployment(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	stop := startManager(t, managerOptions{}, ns)
	g := disposable(t, ns, "pruned", b)
	wantReplicas(t, g, 1)
	playPod(t, g, "pruned-1", ready(metav1.Now()))
	rs := playReplicaSet(t, g, "pruned-5c9")
	stop()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, d)
	remove(t, g)
	create(t, group(ns, "clock", b.address())) // of another consumer group
	startManager(t, managerOptions{}, ns)
	b.cycles(t, 20)
	if n := b.commits(t, "billing"); n != 3 {
		t.Errorf("%d commits are left while a pod is there, want 3", n)
	}
	remove(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pruned-1"}})
	b.cycles(t, 20)
	if n := b.commits(t, "billing"); n != 3 {
		t.Errorf("%d commits are left while its ReplicaSet makes pods, want 3", n)
	}
	remove(t, rs) // as the garbage collector does, by and by
	wantDeleted(t, g, b)
	wantNoDeployment(t, g)
	wantEvent(t, g, corev1.EventTypeNormal, "OffsetsDeleted", "3 partitions in 1 topics")
}

// TestOffsetsForeground: --cascade=foreground has the workers deleted first, and
// nothing is applied to what goes.
func TestOffsetsForeground(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	api, wire := tapped()
	startManager(t, managerOptions{api: api}, ns)
	g := disposable(t, ns, "first", b)
	wantReplicas(t, g, 1)
	changeDeployment(t, g, func(d *appsv1.Deployment) { d.Finalizers = []string{"example.com/slow"} })
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, d) // which the garbage collector does when it sees the finalizer
	playPod(t, g, "first-1", ready(metav1.Now()))
	applied := wire.writesTo("deployments/")
	if err := kube.Delete(t.Context(), g, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}
	b.cycles(t, 20)
	if now := wire.writesTo("deployments/"); now != applied || b.commits(t, "billing") != 3 {
		t.Errorf("%d writes after %d, %d commits left", now, applied, b.commits(t, "billing"))
	}
	remove(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "first-1"}})
	wantHeld(t, g, false)
	wantEvent(t, g, corev1.EventTypeNormal, "OffsetsDeleted", "3 partitions in 1 topics")
	changeDeployment(t, g, func(d *appsv1.Deployment) { d.Finalizers = nil })
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) { g.Finalizers = nil })
	wantDeleted(t, g, b)
}

// TestOffsetsInASecondPass: the workers are stopped with the template that they have:
// no ConfigMap of another dedup namespace is made for workers that go.
func TestOffsetsInASecondPass(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	stop := startManager(t, managerOptions{}, ns)
	g := disposable(t, ns, "passed", b, inNamespace("chat"))
	wantReplicas(t, g, 1)
	stop()
	setStatus(t, g, func(s *v1alpha1.KafkaConsumerGroupStatus) { s.DedupPass = 2 })
	startManager(t, managerOptions{}, ns)
	wantDedup(t, g, 2, "chat/2")
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	playPod(t, g, "passed-1", ready(metav1.Now()))
	remove(t, g)
	wantReplicas(t, g, 0)
	now := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	if mounted(now) != mounted(before) || dedupTold(now) != "chat/2" {
		t.Errorf("the workers were rolled from %s to %s, namespace %q", mounted(before), mounted(now), dedupTold(now))
	}
	remove(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "passed-1"}})
	play(t, g, allAvailable)
	wantDeleted(t, g, b)
}

// changeDeployment edits the Deployment.
func changeDeployment(t *testing.T, g *v1alpha1.KafkaConsumerGroup, edit func(*appsv1.Deployment)) {
	t.Helper()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	before := d.DeepCopy()
	edit(d)
	if err := kube.Patch(context.Background(), d, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// TestOffsetsStaticWorker: a static member stays in the group when its pod has gone;
// the workers' own is removed and not waited for.
func TestOffsetsStaticWorker(t *testing.T) {
	t.Parallel()
	ns, b := namespace(t), startBroker(t, map[string]int32{"orders": 3})
	startManager(t, managerOptions{}, ns)
	g := disposable(t, ns, "static", b)
	wantReplicas(t, g, 1)
	rs := playReplicaSet(t, g, "static-5c9")
	rs.Spec.Replicas = new(int32)
	if err := kube.Update(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	member, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.ClientID("static-5c9-x"), kgo.InstanceID("static-0"),
		kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit(), kgo.SessionTimeout(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if info := b.GroupInfo("billing"); info == nil || info.State != "Stable" || len(info.Members) != 1 {
			return fmt.Errorf("the group is %+v", info)
		}
		return nil
	})
	member.Close() // which leaves nothing
	remove(t, g)
	wantReplicas(t, g, 0)
	play(t, g, allAvailable)
	wantDeleted(t, g, b)
}

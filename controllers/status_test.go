package controllers

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func TestStatusWriterBudget(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	clock := testclock.NewFakePassiveClock(noon)
	group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(group).WithStatusSubresource(group).Build()
	writer := newStatusWriter(kube, kube, clock, 1)
	write := func(before, after v1alpha1.KafkaConsumerGroupStatus) statusResult {
		t.Helper()
		var now v1alpha1.KafkaConsumerGroup
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(group), &now); err != nil {
			t.Fatal(err)
		}
		wrote, err := writer.write(context.Background(), &now, before, after, &memory{})
		if err != nil {
			t.Fatal(err)
		}
		return wrote
	}
	at := func(messages int64, observed time.Time) v1alpha1.KafkaConsumerGroupStatus {
		return v1alpha1.KafkaConsumerGroupStatus{Lag: &v1alpha1.LagStatus{Messages: messages, ObservedAt: metav1.NewTime(observed)}}
	}

	if wrote := write(at(5200, noon.Add(-time.Hour)), at(5200, noon)); wrote.written || wrote.retryAfter != 0 {
		t.Errorf("only observedAt differs: %+v, want nothing written and nothing pending", wrote)
	}
	if wrote := write(at(5200, noon.Add(-10*time.Second)), at(5300, noon)); wrote.written || wrote.retryAfter != 20*time.Second {
		t.Errorf("numbers of 10 s ago: %+v, want them refreshed in 20 s", wrote)
	}
	if wrote := write(at(5200, noon.Add(-30*time.Second)), at(5300, noon)); !wrote.written {
		t.Errorf("numbers of 30 s ago: %+v, want them written", wrote)
	}
	if wrote := write(at(5200, noon.Add(-30*time.Second)), at(5300, noon)); wrote.written || wrote.retryAfter == 0 {
		t.Errorf("the budget of this second is spent: %+v, want a later try", wrote)
	}
	changed := at(5300, noon)
	changed.DesiredReplicas = 6
	if wrote := write(at(5200, noon), changed); !wrote.written {
		t.Errorf("replicas changed: %+v, want it written at once and outside the budget", wrote)
	}
	clock.SetTime(noon.Add(-24 * time.Hour))
	if wrote := write(at(5200, noon), at(5300, noon)); wrote.retryAfter > refreshNumbers {
		t.Errorf("the clock went back: %+v, want no wait beyond %s", wrote, refreshNumbers)
	}
}

// TestClaimsAreGuarded: who has the group is written over the status that it was
// decided on and no other; all else is written over whatever is there.
func TestClaimsAreGuarded(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	ctx, group := context.Background(), &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(group).WithStatusSubresource(group).Build()
	writer, m := newStatusWriter(kube, kube, testclock.NewFakePassiveClock(noon), 1), &memory{}
	get := func() *v1alpha1.KafkaConsumerGroup {
		t.Helper()
		var now v1alpha1.KafkaConsumerGroup
		if err := kube.Get(ctx, client.ObjectKeyFromObject(group), &now); err != nil {
			t.Fatal(err)
		}
		return &now
	}
	cached := get()
	var before v1alpha1.KafkaConsumerGroupStatus
	granted := v1alpha1.KafkaConsumerGroupStatus{ActiveReset: &v1alpha1.ActiveReset{Name: "replay"}}
	released := v1alpha1.KafkaConsumerGroupStatus{Resets: []v1alpha1.ResetRecord{{Name: "replay"}}}
	if _, err := writer.write(ctx, cached, before, granted, m); err != nil || get().Status.ActiveReset == nil {
		t.Fatalf("the first claim: %v", err)
	}
	if _, err := writer.write(ctx, cached, granted, released, m); err != nil || get().Status.ActiveReset != nil {
		t.Fatalf("after our own write, which the cache has not seen: %v", err)
	}
	cached = get()
	newer := get()
	newer.Status.ActiveReset = &v1alpha1.ActiveReset{Name: "theirs"}
	if err := kube.Status().Update(ctx, newer); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.write(ctx, cached, released, granted, m); !apierrors.IsConflict(err) || get().Status.ActiveReset.Name != "theirs" {
		t.Errorf("a claim over another one: %v, want a conflict", err)
	}
	scaled := *released.DeepCopy()
	scaled.DesiredReplicas = 6
	if _, err := writer.write(ctx, cached, released, scaled, m); err != nil || get().Status.DesiredReplicas != 6 {
		t.Errorf("replicas over a newer object: %v, want them written", err)
	}
}

// TestKeptIsGuarded: an older table of offsets is never written over a newer one,
// and that something else is newer hinders none.
func TestKeptIsGuarded(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	ctx, group := context.Background(), &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(group).WithStatusSubresource(group).Build()
	writer := newStatusWriter(kube, kube, testclock.NewFakePassiveClock(noon), 1)
	get := func() *v1alpha1.KafkaConsumerGroup {
		t.Helper()
		var now v1alpha1.KafkaConsumerGroup
		if err := kube.Get(ctx, client.ObjectKeyFromObject(group), &now); err != nil {
			t.Fatal(err)
		}
		return &now
	}
	cached, noted := get(), get()
	noted.Annotations = map[string]string{"seen": "1"}
	if err := kube.Update(ctx, noted); err != nil {
		t.Fatal(err)
	}
	table := func(sum string) v1alpha1.KafkaConsumerGroupStatus {
		return v1alpha1.KafkaConsumerGroupStatus{KeptOffsets: &v1alpha1.KeptOffsets{
			EmptySince: metav1.NewTime(noon), Offsets: v1alpha1.ResetOffsets{TakenAt: metav1.NewTime(noon), SHA256: sum},
		}}
	}
	if _, err := writer.write(ctx, cached, v1alpha1.KafkaConsumerGroupStatus{}, table("newer"), &memory{}); err != nil {
		t.Errorf("over an annotation: %v", err)
	}
	_, err := writer.write(ctx, cached, v1alpha1.KafkaConsumerGroupStatus{}, table("older"), &memory{})
	if now := get().Status.KeptOffsets; !apierrors.IsConflict(err) || now == nil || now.Offsets.SHA256 != "newer" {
		t.Errorf("over another table: %v, kept %+v, want a conflict", err, now)
	}
}

// TestStatusNow: a cache that hasn't seen our last write must not make us write it again.
func TestStatusNow(t *testing.T) {
	stale := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7"}}
	m := &memory{written: written{before: "7", status: &v1alpha1.KafkaConsumerGroupStatus{DesiredReplicas: 6}}}
	if got := statusNow(stale, m); got.DesiredReplicas != 6 {
		t.Errorf("the cache shows the version before our write: %d, want what we wrote", got.DesiredReplicas)
	}
	stale.ResourceVersion = "8"
	if got := statusNow(stale, m); got.DesiredReplicas != 0 {
		t.Errorf("the cache is newer: %d, want what it says", got.DesiredReplicas)
	}
}

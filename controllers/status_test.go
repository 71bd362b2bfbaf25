package controllers

import (
	"context"
	"testing"
	"time"

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
	writer := newStatusWriter(kube, clock, 1)
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

package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func conflict() error {
	return apierrors.NewConflict(schema.GroupResource{Resource: "things"}, "a", fmt.Errorf("newer"))
}

// TestGuardedIsBounded: it gives way to somebody who never ends.
func TestGuardedIsBounded(t *testing.T) {
	writes := 0
	err := guarded(func() error { writes++; return conflict() }, func() (bool, error) { return true, nil })
	if !apierrors.IsConflict(err) || writes != guardedTries {
		t.Errorf("%d writes, then %v", writes, err)
	}
}

// TestClaimOverSomethingNewer: who has the group is written over a change of annotations
// alone, and never over another claim, spec or object.
func TestClaimOverSomethingNewer(t *testing.T) {
	claimed := func(name string) *v1alpha1.ActiveReset {
		return &v1alpha1.ActiveReset{Name: name, UID: "u", Since: metav1.NewTime(noon)}
	}
	cases := map[string]struct {
		reason   string
		between  func(*v1alpha1.KafkaConsumerGroup)
		conflict bool
	}{
		"Nothing":    {"as it was read", nil, false},
		"Annotation": {"decides nothing", func(g *v1alpha1.KafkaConsumerGroup) { g.Annotations = map[string]string{"a": "b"} }, false},
		"Numbers":    {"nor do they", func(g *v1alpha1.KafkaConsumerGroup) { g.Status.Partitions = 7 }, false},
		"Claim":      {"another manager has written", func(g *v1alpha1.KafkaConsumerGroup) { g.Status.ActiveReset = claimed("theirs") }, true},
		"Record":     {"another manager has written", func(g *v1alpha1.KafkaConsumerGroup) { g.Status.Resets = []v1alpha1.ResetRecord{{Name: "theirs"}} }, true},
		"Spec":       {"there is something newer to decide on", func(g *v1alpha1.KafkaConsumerGroup) { g.Generation++ }, true},
		"Recreated":  {"it is another object", func(g *v1alpha1.KafkaConsumerGroup) { g.UID = "other" }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := v1alpha1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			group := &v1alpha1.KafkaConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", UID: "u", Generation: 1}}
			kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(group).WithStatusSubresource(group).Build()
			read := func() *v1alpha1.KafkaConsumerGroup {
				var now v1alpha1.KafkaConsumerGroup
				if err := kube.Get(context.Background(), client.ObjectKeyFromObject(group), &now); err != nil {
					t.Fatal(err)
				}
				return &now
			}
			decidedOn := read()
			if tc.between != nil {
				now := read()
				tc.between(now)
				status := now.DeepCopy()
				if err := kube.Update(context.Background(), now); err != nil {
					t.Fatal(err)
				}
				status.ResourceVersion = now.ResourceVersion
				if err := kube.Status().Update(context.Background(), status); err != nil {
					t.Fatal(err)
				}
			}
			after := *decidedOn.Status.DeepCopy()
			after.ActiveReset = claimed("ours")
			w := newStatusWriter(kube, kube, testclock.NewFakePassiveClock(noon), 1)
			err := w.patch(context.Background(), decidedOn, decidedOn.Status, after, &memory{})
			if apierrors.IsConflict(err) != tc.conflict || !tc.conflict && err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
			now := read().Status.ActiveReset
			if written := now != nil && now.Name == "ours"; written == tc.conflict {
				t.Errorf("%s: claimed by %+v", tc.reason, now)
			}
		})
	}
}

// TestResetOverSomethingNewer: the same for what a reset writes, and that it is gone
// is told apart.
func TestResetOverSomethingNewer(t *testing.T) {
	cases := map[string]struct {
		reason  string
		between func(*v1alpha1.KafkaOffsetReset)
		want    func(error) bool
	}{
		"Annotation": {"decides nothing", func(r *v1alpha1.KafkaOffsetReset) { r.Annotations = map[string]string{"a": "b"} }, func(err error) bool { return err == nil }},
		"Status":     {"another manager has written", func(r *v1alpha1.KafkaOffsetReset) { r.Status.Message = "theirs" }, apierrors.IsConflict},
		"Spec":       {"it was cancelled", func(r *v1alpha1.KafkaOffsetReset) { r.Generation++ }, apierrors.IsConflict},
		"Gone":       {"as with its namespace", nil, func(err error) bool { return errors.Is(err, errResetGone) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scheme, ctx := runtime.NewScheme(), context.Background()
			if err := v1alpha1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			reset := &v1alpha1.KafkaOffsetReset{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "replay", UID: "u", Generation: 1}}
			kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(reset).WithStatusSubresource(reset).Build()
			r := &KafkaOffsetResetReconciler{Client: kube, Live: kube, Recorder: &events.FakeRecorder{}}
			now, _, err := r.get(ctx, client.ObjectKeyFromObject(reset))
			if err != nil {
				t.Fatal(err)
			}
			turn := &resetTurn{now: noon, reset: now.DeepCopy(), status: *now.Status.DeepCopy()}
			if tc.between == nil {
				err = kube.Delete(ctx, now)
			} else {
				tc.between(now)
				status := now.DeepCopy()
				err = kube.Update(ctx, now)
				status.ResourceVersion = now.ResourceVersion
				err = errors.Join(err, kube.Status().Update(ctx, status))
			}
			if err != nil {
				t.Fatal(err)
			}
			turn.enter(v1alpha1.PhasePlanning, 0, "ours")
			if err := r.write(ctx, turn); !tc.want(err) {
				t.Errorf("%s: %v", tc.reason, err)
			}
			if err := r.hold(ctx, turn); !tc.want(err) {
				t.Errorf("%s: its finalizer: %v", tc.reason, err)
			}
			after, found, err := r.get(ctx, client.ObjectKeyFromObject(reset))
			if err != nil {
				t.Fatal(err)
			}
			if written := found && after.Status.Message == "ours" && len(after.Finalizers) > 0; written != tc.want(nil) {
				t.Errorf("%s: written %t", tc.reason, written)
			}
		})
	}
}

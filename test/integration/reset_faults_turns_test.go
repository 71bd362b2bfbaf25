package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestResetFaultThreeAtOnce (A21): one reset has the group at a time, in the order
// of their approvals, and the others say whom they wait for.
func TestResetFaultThreeAtOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	stop := s.moments.stopAt("in Draining")
	first, second, third := s.toThree("c"), s.toThree("b"), s.toThree("a")
	for _, r := range []*v1alpha1.KafkaOffsetReset{third, second, first} {
		create(t, r)
		wantPhase(t, r, v1alpha1.PhasePlanned)
	}
	approve(t, first)
	stop.do(t, func() {
		for _, r := range []*v1alpha1.KafkaOffsetReset{second, third} {
			approve(t, r)
			wantTrouble(t, r, v1alpha1.PhaseApproved, v1alpha1.ConditionDrained, "False", v1alpha1.ReasonAwaitingTurn, `"c" has the group`)
		}
	})
	for _, r := range []*v1alpha1.KafkaOffsetReset{first, second, third} {
		wantPhase(t, r, v1alpha1.PhaseSucceeded)
	}
	s.wantMoved(t, third)
	now, err := seen(s.g)
	if err != nil {
		t.Fatal(err)
	}
	var order string
	for _, ran := range now.Status.Resets {
		order += ran.Name
	}
	if order != "abc" {
		t.Errorf("the group remembers %s, want a, the last, b and c", order)
	}
}

// TestResetFaultGitOps: a tool writes the manifest again all the time, and takes
// the approval away with it. Once accepted it stays.
func TestResetFaultGitOps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		again func(*v1alpha1.KafkaOffsetReset) error
		every time.Duration
	}{
		"Applies":  {applyAgain, 100 * time.Millisecond},
		"Replaces": {replaceAgain, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			r := s.toThree("kor")
			create(t, r.DeepCopy())
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for tick := time.NewTicker(tc.every); ctx.Err() == nil; <-tick.C {
					_ = tc.again(r) // a conflict is tried again, as tools do
				}
			}()
			eventually(t, func() error {
				now, err := resetNow(r)
				if err != nil || now.Status.Approval != nil {
					return err
				}
				if now.Status.Plan != nil {
					before := now.DeepCopy()
					now.Spec.Approved = now.Status.Plan.Hash
					_ = kube.Patch(t.Context(), now, client.MergeFrom(before), client.FieldOwner("person"))
				}
				return fmt.Errorf("not approved: %s %s", now.Status.Phase, now.Status.Message)
			})
			now := s.wantMoved(t, r)
			cancel()
			<-ended
			if name == "Replaces" && now.Spec.Approved != "" {
				t.Errorf("approved is %q, want the tool to have taken it away", now.Spec.Approved)
			}
		})
	}
}

// applyAgain applies the manifest as kubectl apply --server-side does.
func applyAgain(r *v1alpha1.KafkaOffsetReset) error {
	var offsets []any
	for p := range int64(4) {
		offsets = append(offsets, partitionOffset("orders", p, 3))
	}
	u := resetManifest(r.Namespace, r.Name, fields{"groupRef": fields{"name": "moved"}, "verifyFor": "100ms"})
	u.Object["spec"].(fields)["target"] = fields{"offsets": offsets}
	return kube.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("gitops"), client.ForceOwnership)
}

// replaceAgain writes the whole object, with a time of its own in it, so that each
// write is a change.
func replaceAgain(r *v1alpha1.KafkaOffsetReset) error {
	now, err := resetNow(r)
	if err != nil {
		return err
	}
	now.Spec.Approved, now.Labels = "", map[string]string{"synced": fmt.Sprint(time.Now().UnixNano())}
	return kube.Update(context.Background(), now)
}

// TestResetFaultAutoscaler (A4): a HorizontalPodAutoscaler that would start workers
// keeps a reset from being planned, and ends one whose turn has come.
func TestResetFaultAutoscaler(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "cpu"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "moved"}, MaxReplicas: 9,
		},
	}
	create(t, hpa.DeepCopy())
	r := s.toThree("planned")
	create(t, r)
	wantStalled(t, r, v1alpha1.PhasePlanning, v1alpha1.ReasonScaledByOthers, `HorizontalPodAutoscaler "cpu"`)
	if err := kube.Delete(t.Context(), hpa.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	nudge(t, r)
	wantPhase(t, r, v1alpha1.PhasePlanned)
	stop := s.moments.stopAt("in Approved")
	approve(t, r)
	stop.do(t, func() { create(t, hpa.DeepCopy()) })
	s.wantOld(t, r, v1alpha1.PhaseFailed, v1alpha1.ReasonScaledByOthers, `HorizontalPodAutoscaler "cpu"`)
}

// nudge has the manager look at the reset again, as it does itself after a while.
func nudge(t *testing.T, r *v1alpha1.KafkaOffsetReset) {
	t.Helper()
	edit(t, r, func(r *v1alpha1.KafkaOffsetReset) {
		r.Annotations = map[string]string{"looked": fmt.Sprint(time.Now().UnixNano())}
	})
}

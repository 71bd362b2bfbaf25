package integration

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func sameTemplate(a, b corev1.PodTemplateSpec) bool { return cmp.Equal(a, b) }

// TestDeliveryReleased: however it ends that a policy is for a workload, what was
// added goes, in one roll, and all else stays; also if no manager saw the end.
func TestDeliveryReleased(t *testing.T) {
	t.Parallel()
	deleted := func(t *testing.T, p *v1alpha1.KafkaProducerPolicy, _ *appsv1.Deployment) { remove(t, p) }
	cases := map[string]struct {
		reason string
		end    func(*testing.T, *v1alpha1.KafkaProducerPolicy, *appsv1.Deployment)
		// away: the manager does not run meanwhile.
		away bool
	}{
		"PolicyDeleted":     {"the policy is gone", deleted, false},
		"PolicyDeletedAway": {"it went while no manager ran: the label tells", deleted, true},
		"AnnotationRemoved": {"the workload does not ask any more", func(t *testing.T, _ *v1alpha1.KafkaProducerPolicy, d *appsv1.Deployment) {
			rework(t, d, func(d *appsv1.Deployment) { delete(d.Annotations, v1alpha1.AnnotationProducerContainer) })
		}, false},
		"AnnotationRemovedAway": {"nor now", func(t *testing.T, _ *v1alpha1.KafkaProducerPolicy, d *appsv1.Deployment) {
			rework(t, d, func(d *appsv1.Deployment) { delete(d.Annotations, v1alpha1.AnnotationProducerContainer) })
		}, true},
		"LabelChanged": {"its labels don't match any more", func(t *testing.T, _ *v1alpha1.KafkaProducerPolicy, d *appsv1.Deployment) {
			rework(t, d, func(d *appsv1.Deployment) { d.Labels["app"] = "other" })
		}, false},
		"SelectorChanged": {"the policy selects others", func(t *testing.T, p *v1alpha1.KafkaProducerPolicy, _ *appsv1.Deployment) {
			changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Selector.MatchLabels["app"] = "other" })
		}, false},
		"SelectorRemoved": {"the policy selects none", func(t *testing.T, p *v1alpha1.KafkaProducerPolicy, _ *appsv1.Deployment) {
			changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Selector = nil })
		}, false},
		"OurLabelRemovedAway": {"somebody took our label away, and the policy went: the ConfigMap's owner tells", func(t *testing.T, p *v1alpha1.KafkaProducerPolicy, d *appsv1.Deployment) {
			rework(t, d, func(d *appsv1.Deployment) { delete(d.Labels, v1alpha1.LabelProducerPolicy) })
			remove(t, p)
		}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			stop := startDelivery(t, deliveryOptions{}, ns)
			keen := shop(t, ns, "keen", asking("shop"))
			p := accepted(t, ns, "orders", selecting("keen"))
			d := wantGiven(t, keen, "orders", "")
			files := filesOf(t, ns, given(d.Spec.Template))
			rs := rolled(t, d)
			wantWorkload(t, p, keen, v1alpha1.WorkloadNotReporting)
			rework(t, d, func(d *appsv1.Deployment) { // what came later is not ours either
				d.Spec.Template.Spec.Containers[0].Env = append(d.Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{Name: "LATER", Value: "2"})
			})
			if tc.away {
				stop()
			}
			tc.end(t, p, d)
			if tc.away {
				startDelivery(t, deliveryOptions{}, ns)
			}
			released := wantReleased(t, keen)
			want := keen.Spec.Template.DeepCopy()
			want.Spec.Containers[0].Env = append(want.Spec.Containers[0].Env, corev1.EnvVar{Name: "LATER", Value: "2"})
			if diff := cmp.Diff(*want, released.Spec.Template); diff != "" {
				t.Errorf("%s: the template, -want +have:\n%s", tc.reason, diff)
			}
			generation := d.Generation + 2 // one for LATER and one for the release
			if _, asks := released.Annotations[v1alpha1.AnnotationProducerContainer]; !asks {
				generation++ // a Deployment's counts its annotations too
			}
			if released.Generation != generation {
				t.Errorf("generation %d, want %d", released.Generation, generation)
			}
			filesOf(t, ns, files.Name) // its pods run
			rolled(t, released)
			remove(t, rs)
			wantGone(t, files)
		})
	}
}

// TestPolicyDeletedWhilePodsRoll: the pods that have started keep the files that
// they mount, though nothing but them needs these any more.
func TestPolicyDeletedWhilePodsRoll(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	d := wantGiven(t, keen, "orders", "")
	files := filesOf(t, ns, given(d.Spec.Template))
	half := begin(t, d)
	wantWorkload(t, p, keen, v1alpha1.WorkloadRolling)
	remove(t, p)
	released := wantReleased(t, keen)
	begin(t, released)
	remove(t, half) // as with revisionHistoryLimit 0, its pod still ends
	swept(t, files)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: half.Name + "-0"}}
	filesOf(t, ns, files.Name)
	if err := kube.Delete(context.Background(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	rolled(t, released)
	wantGone(t, files)
}

// TestPolicyCreatedAgain: a policy that is deleted and created again, as some tools
// do, has nothing in force at first. Where no manager saw the gap nothing rolls.
func TestPolicyCreatedAgain(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	stop := startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	d := wantGiven(t, keen, "orders", "")
	rolled(t, d)
	wantWorkload(t, p, keen, v1alpha1.WorkloadNotReporting)
	stop()
	remove(t, p)
	again := policy(ns, "orders", "127.0.0.1:1", selecting("keen"))
	create(t, again)
	startDelivery(t, deliveryOptions{}, ns)
	wantWorkload(t, again, keen, v1alpha1.WorkloadNotReporting, "nothing in force")
	accept(t, again)
	wantWorkload(t, again, keen, v1alpha1.WorkloadNotReporting, "no httpGet probe")
	if is := now(t, keen); is.Generation != d.Generation {
		t.Errorf("generation %d after %d: it rolled", is.Generation, d.Generation)
	}
}

// TestTwoPoliciesOfAWorkload: the elder's settings are in force, the younger says
// so; when the elder goes the younger takes over with one roll.
func TestTwoPoliciesOfAWorkload(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	idle := policy(ns, "idle", "127.0.0.1:1", selecting("keen")) // the eldest, with nothing in force
	create(t, idle)
	elder := accepted(t, ns, "elder", selecting("keen"))
	d := wantGiven(t, keen, "elder", "")
	laterSecond(t, elder)
	younger := accepted(t, ns, "younger", selecting("keen"), func(p *v1alpha1.KafkaProducerPolicy) { p.Spec.Compression = v1alpha1.CompressionLZ4 })
	wantWorkload(t, younger, keen, v1alpha1.WorkloadConflict, `"elder"`, "older")
	wantWorkload(t, idle, keen, v1alpha1.WorkloadNotReporting, "nothing in force")
	rolled(t, d)
	wantWorkload(t, elder, keen, v1alpha1.WorkloadNotReporting)
	if is := now(t, keen); is.Generation != d.Generation {
		t.Errorf("generation %d after %d", is.Generation, d.Generation)
	}

	remove(t, elder)
	taken := wantGiven(t, keen, "younger", given(d.Spec.Template))
	wantWorkload(t, younger, keen, v1alpha1.WorkloadRolling)
	if taken.Generation != d.Generation+1 {
		t.Errorf("generation %d after %d, want one roll", taken.Generation, d.Generation)
	}
	remove(t, younger)
	wantReleased(t, keen)
}

// laterSecond waits until what is created is younger than the object, whose age
// Kubernetes keeps in seconds.
func laterSecond(t *testing.T, than client.Object) {
	t.Helper()
	eventually(t, func() error {
		probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: than.GetNamespace(), Name: "probe"}}
		if err := kube.Create(context.Background(), probe, client.DryRunAll); err != nil {
			return err
		}
		if !probe.CreationTimestamp.After(than.GetCreationTimestamp().Time) {
			return fmt.Errorf("it is still %s", probe.CreationTimestamp)
		}
		return nil
	})
}

// TestSelectorThatCannotBeRead: a slip of the pen in the selector is told, and
// takes nothing from those that have the settings.
func TestSelectorThatCannotBeRead(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	d := wantGiven(t, keen, "orders", "")
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) {
		s.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn}}}
	})
	wantVerdict(t, p, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidSelector)
	wantWorkload(t, p, keen, v1alpha1.WorkloadRolling)
	if is := now(t, keen); is.Generation != d.Generation {
		t.Errorf("generation %d after %d: it rolled", is.Generation, d.Generation)
	}
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Selector = nil })
	wantReleased(t, keen)
}

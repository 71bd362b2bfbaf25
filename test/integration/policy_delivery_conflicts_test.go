package integration

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// TestDeliveryRefused: where a workload can't have the settings it is left as it
// is, to the last byte, and the policy says why; when the reason is gone it gets them.
func TestDeliveryRefused(t *testing.T) {
	t.Parallel()
	env := func(value string) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			c := &d.Spec.Template.Spec.Containers[0]
			c.Env = []corev1.EnvVar{{Name: "MINE", Value: "1"}}
			if value != "" {
				c.Env = append(c.Env, corev1.EnvVar{Name: workerconfig.EnvProducerConfig, Value: value})
			}
		}
	}
	cases := map[string]struct {
		make, mend func(*appsv1.Deployment)
		words      []string
	}{
		"SetByAnother": {env("/mine.json"), env(""), []string{`"shop-team" has set`, workerconfig.EnvProducerConfig}},
		"VolumeOfTheName": {
			func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Volumes = append(d.Spec.Template.Spec.Volumes, corev1.Volume{
					Name: "lagrange-producer", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			},
			func(d *appsv1.Deployment) { d.Spec.Template.Spec.Volumes = d.Spec.Template.Spec.Volumes[:1] },
			[]string{"the API server refuses it", "lagrange-producer"},
		},
		"NoSuchContainer": {
			func(d *appsv1.Deployment) { d.Annotations = asking("till") },
			func(d *appsv1.Deployment) { d.Annotations = asking("shop") },
			[]string{`container "till"`, `"shop", "proxy", "fill"`},
		},
		"OfAGroup": {
			func(d *appsv1.Deployment) { d.Labels["kafka.lagrange.dev/consumer-group"] = "billing" },
			func(d *appsv1.Deployment) { delete(d.Labels, "kafka.lagrange.dev/consumer-group") },
			[]string{`KafkaConsumerGroup "billing"`, "spec.producerPolicyRef"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			startDelivery(t, deliveryOptions{}, ns)
			keen := shop(t, ns, "keen", asking("shop"), tc.make)
			p := accepted(t, ns, "orders", selecting("keen"))
			wantWorkload(t, p, keen, v1alpha1.WorkloadConflict, tc.words...)
			if is := now(t, keen); is.ResourceVersion != keen.ResourceVersion {
				t.Errorf("it was written: %+v", is)
			}
			rework(t, keen, tc.mend)
			wantGiven(t, keen, "orders", "")
			wantWorkload(t, p, keen, v1alpha1.WorkloadRolling)
		})
	}
}

// TestRefusedIsLeftAlone: what was refused is not tried again while nobody writes
// the workload, but every ten minutes.
func TestRefusedIsLeftAlone(t *testing.T) {
	t.Parallel()
	ns, clock := namespace(t), testclock.NewFakePassiveClock(time.Now())
	var writes atomic.Int64
	startDelivery(t, deliveryOptions{clock: clock, wrap: func(c client.Client) client.Client { return counted{c, &writes} }}, ns)
	keen := shop(t, ns, "keen", asking("shop"), func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: workerconfig.EnvProducerConfig, Value: "/mine.json"})
	})
	p := accepted(t, ns, "orders", selecting("keen"))
	wantWorkload(t, p, keen, v1alpha1.WorkloadConflict, `"shop-team" has set`)
	tries := writes.Load()
	for _, step := range []struct {
		after time.Duration
		write bool
		want  int64
	}{{9 * time.Minute, false, 0}, {30 * time.Second, true, 1}, {9 * time.Minute, false, 1}, {time.Minute, false, 2}} {
		clock.SetTime(clock.Now().Add(step.after))
		if step.write {
			rework(t, keen, func(d *appsv1.Deployment) { d.Labels["more"] = "1" })
		}
		wakeUp(t, p, keen)
		if n := writes.Load() - tries; n != step.want {
			t.Errorf("after %s more: tried %d times again, want %d", step.after, n, step.want)
		}
	}
}

// TestGroupsDeploymentIsNobodys: one that does not ask is not even spoken of.
func TestGroupsDeploymentIsNobodys(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	workers := shop(t, ns, "workers", nil, func(d *appsv1.Deployment) { d.Labels["kafka.lagrange.dev/consumer-group"] = "billing" })
	shy := shop(t, ns, "shy", nil)
	p := accepted(t, ns, "orders", func(p *v1alpha1.KafkaProducerPolicy) { p.Spec.Selector = &metav1.LabelSelector{} })
	wantWorkload(t, p, shy, v1alpha1.WorkloadNotAsked)
	if is, err := policyNow(p); err != nil || len(is.Status.Workloads) != 1 {
		t.Errorf("%+v, %v", is.Status.Workloads, err)
	}
	if is := now(t, workers); is.ResourceVersion != workers.ResourceVersion {
		t.Errorf("it was written: %+v", is)
	}
}

// TestTakenAwayAgainAndAgain: what a tool takes away is put back once; the second
// time the tool is named, and the pods roll no more than every ten minutes.
func TestTakenAwayAgainAndAgain(t *testing.T) {
	t.Parallel()
	ns, clock := namespace(t), testclock.NewFakePassiveClock(time.Now())
	startDelivery(t, deliveryOptions{clock: clock}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	replace := func() {
		is := now(t, keen)
		is.Spec.Template, is.Labels = *keen.Spec.Template.DeepCopy(), map[string]string{"app": "keen"}
		if err := kube.Update(context.Background(), is, client.FieldOwner("shop-team")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		wantGiven(t, keen, "orders", "")
		replace()
	}
	wantWorkload(t, p, keen, v1alpha1.WorkloadConflict, `"shop-team" perhaps`, "again and again")
	clock.SetTime(clock.Now().Add(9 * time.Minute))
	wakeUp(t, p, keen)
	if is := now(t, keen); given(is.Spec.Template) != "" {
		t.Error("it was put back before ten minutes")
	}
	clock.SetTime(clock.Now().Add(time.Minute))
	rework(t, keen, func(d *appsv1.Deployment) { d.Labels["more"] = "1" })
	wantGiven(t, keen, "orders", "")
	replace()
	wantWorkload(t, p, keen, v1alpha1.WorkloadConflict, `"shop-team"`)
}

// TestReleaseRefused: where somebody builds upon what was added, it stays, and the
// policy says so; what it gave goes when nothing is in the way.
func TestReleaseRefused(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	wantGiven(t, keen, "orders", "")
	rework(t, keen, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[1].VolumeMounts = []corev1.VolumeMount{{Name: "lagrange-producer", MountPath: "/mine"}}
	})
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Selector = nil })
	wantWorkload(t, p, keen, v1alpha1.WorkloadConflict, "can't be taken back", "lagrange-producer")
	rework(t, keen, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[1].VolumeMounts = nil })
	wantReleased(t, keen)
	wantPolicyStatus(t, p, func(s v1alpha1.KafkaProducerPolicyStatus) error { return same("workloads", len(s.Workloads), 0) })
}

// TestFilesByOthers: a ConfigMap that is deleted by hand is there again, and the
// pods don't roll; one of our name that somebody else made is not used.
func TestFilesByOthers(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	d := wantGiven(t, keen, "orders", "")
	first := filesOf(t, ns, given(d.Spec.Template))
	edited := first.DeepCopy()
	edited.Data["producer.json"] = "{}"
	if err := kube.Update(context.Background(), edited); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("it can be edited by hand: %v", err)
	}
	again := wantFilesAgain(t, first, func() { remove(t, first) })
	marked := wantFilesAgain(t, again, func() { // without its label nobody would find it
		rework(t, again, func(cm *corev1.ConfigMap) { cm.Labels, cm.OwnerReferences = nil, nil })
	})
	if marked.UID != again.UID {
		t.Error("it was created again where it was there")
	}
	if is := now(t, keen); is.Generation != d.Generation {
		t.Errorf("generation %d after %d", is.Generation, d.Generation)
	}

	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionLZ4 })
	accept(t, p)
	second := wantGiven(t, keen, "orders", given(d.Spec.Template))
	foreign := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: given(second.Spec.Template)}, Data: map[string]string{"producer.json": "{}"}}
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionNone })
	accept(t, p)
	third := wantGiven(t, keen, "orders", given(second.Spec.Template))
	playStatus(t, keen, allAvailable)
	wantGone(t, foreign)
	create(t, foreign)
	changePolicy(t, p, func(s *v1alpha1.KafkaProducerPolicySpec) { s.Compression = v1alpha1.CompressionLZ4 })
	accept(t, p)
	wantWorkload(t, p, keen, v1alpha1.WorkloadConflict, foreign.Name, "made by somebody else")
	if is := now(t, keen); is.Generation != third.Generation || now(t, foreign).ResourceVersion != foreign.ResourceVersion {
		t.Errorf("generation %d after %d, or the ConfigMap was written", is.Generation, third.Generation)
	}
}

func wantFilesAgain(t *testing.T, before *corev1.ConfigMap, meanwhile func()) *corev1.ConfigMap {
	t.Helper()
	meanwhile()
	var is corev1.ConfigMap
	eventually(t, func() error {
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(before), &is); err != nil {
			return err
		}
		if is.ResourceVersion == before.ResourceVersion || is.Labels[v1alpha1.LabelProducerPolicy] == "" || len(is.OwnerReferences) != 1 {
			return fmt.Errorf("labels %v of %v", is.Labels, is.OwnerReferences)
		}
		return nil
	})
	if is.Data["producer.json"] != before.Data["producer.json"] || !ptr.Deref(is.Immutable, false) {
		t.Errorf("it holds %v", is.Data)
	}
	return &is
}

// TestDeliveryNotEnabled: a manager that may not change workloads says so, and
// looks at none.
func TestDeliveryNotEnabled(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startDelivery(t, deliveryOptions{notEnabled: true}, ns)
	keen := shop(t, ns, "keen", asking("shop"))
	p := accepted(t, ns, "orders", selecting("keen"))
	wantVerdict(t, p, v1alpha1.ConditionApplied, metav1.ConditionFalse, v1alpha1.ReasonDeliveryNotEnabled)
	if is := now(t, keen); is.ResourceVersion != keen.ResourceVersion {
		t.Errorf("it was written: %+v", is)
	}
}

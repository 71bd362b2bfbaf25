//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestPolicyReachesWorkers: the workers of a group and a Deployment that asked run
// the settings of a policy and say so; a change of one field rolls each of them
// once; and a policy that goes takes back what it added, and nothing else.
func TestPolicyReachesWorkers(t *testing.T) {
	ns, kafka := namespace(t), startBroker(t, "orders:6", "clicks:6")
	p := &v1alpha1.KafkaProducerPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "lossless"}}
	p.Spec.Kafka.BootstrapServers = []v1alpha1.BootstrapServer{v1alpha1.BootstrapServer(kafka.address)}
	p.Spec.Topics = []v1alpha1.TopicName{"orders"}
	p.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "clicks"}}
	create(t, p)
	g := group(ns, "orders", kafka, "20ms", func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.ProducerPolicyRef = &v1alpha1.ProducerPolicyReference{Name: "lossless"}
		g.Spec.Scaling.MinReplicas = 2
	})
	create(t, g)
	asked := asking(ns, "clicks", kafka)
	create(t, asked)

	before := wantPolicyApplied(t, p, "")
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Applied", "kpp/lossless", "--timeout=60s")
	mustKubectl(t, "-n", ns, "patch", "kpp", "lossless", "--type=merge", "-p", `{"spec":{"compression":"zstd"}}`)
	after := wantPolicyApplied(t, p, before)
	if out := mustKubectl(t, "-n", ns, "get", "kpp"); !strings.Contains(out, "2/2") || !strings.Contains(out, "Lossless") {
		t.Errorf("kubectl get kpp says:\n%s", out)
	}
	for _, name := range []string{"orders", "clicks"} {
		d := deploymentOf(t, ns, name)
		// Without the policy the Deployment that asked has had a revision of its own.
		if revision := d.Annotations["deployment.kubernetes.io/revision"]; revision != map[string]string{"orders": "2", "clicks": "3"}[name] {
			t.Errorf("%s is at revision %s: it did not roll once for one change", name, revision)
		}
	}
	t.Logf("hash %s, and after the change %s", before, after)

	workers := workersOf(t, g)
	mustKubectl(t, "-n", ns, "delete", "kpp", "lossless")
	eventually(t, func(ctx context.Context) error {
		var d appsv1.Deployment
		if err := kube.Get(ctx, client.ObjectKeyFromObject(asked), &d); err != nil {
			return err
		}
		left := fmt.Sprint(d.Spec.Template.Spec.Volumes, d.Spec.Template.Spec.Containers[0].VolumeMounts, d.Spec.Template.Labels, d.Labels)
		if strings.Contains(left, "producer") || d.Status.UpdatedReplicas != *d.Spec.Replicas || d.Status.Replicas != *d.Spec.Replicas {
			return fmt.Errorf("it still has of the policy: %s, %+v", left, d.Status)
		}
		if !slices.ContainsFunc(d.Spec.Template.Spec.Containers[0].Env, func(e corev1.EnvVar) bool { return e.Name == "LAGRANGE_GROUP_ID" }) {
			return fmt.Errorf("its own environment is gone: %+v", d.Spec.Template.Spec.Containers[0].Env)
		}
		return nil
	})
	if now := workersOf(t, g); len(workers) != 2 || !slices.Equal(workers, now) {
		t.Errorf("the group's workers were replaced: %v, %v", workers, now)
	}
	mustKubectl(t, "-n", ns, "wait", "--for=condition=ProducerPolicyAccepted=False", "kcg/orders", "--timeout=60s")
}

// asking is a Deployment of somebody's own, built on the runtime, that asks for
// the settings of a policy.
func asking(ns, name string, b *broker) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: ns, Name: name, Labels: labels, Annotations: map[string]string{v1alpha1.AnnotationProducerContainer: "worker"},
	}}
	d.Spec = appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: workerPod("1ms")},
	}
	c := &d.Spec.Template.Spec.Containers[0]
	c.Env = append(c.Env, corev1.EnvVar{Name: "LAGRANGE_BOOTSTRAP_SERVERS", Value: b.address},
		corev1.EnvVar{Name: "LAGRANGE_GROUP_ID", Value: name}, corev1.EnvVar{Name: "LAGRANGE_TOPICS", Value: name})
	return d
}

// wantPolicyApplied waits until both workloads report a hash other than the one
// before, and returns it.
func wantPolicyApplied(t *testing.T, p *v1alpha1.KafkaProducerPolicy, before string) (hash string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var now v1alpha1.KafkaProducerPolicy
		if err := kube.Get(ctx, client.ObjectKeyFromObject(p), &now); err != nil {
			return err
		}
		s := now.Status
		if s.InForce == nil || s.InForce.Generation != now.Generation || s.InForce.Files[0].Hash == before || len(s.Workloads) != 2 {
			return fmt.Errorf("in force %+v, workloads %+v, %+v", s.InForce, s.Workloads, s.Conditions)
		}
		for _, w := range s.Workloads {
			if w.State != v1alpha1.WorkloadApplied || w.Pods != 2 || w.Applied != 2 {
				return fmt.Errorf("workloads %+v", s.Workloads)
			}
		}
		if !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionApplied) {
			return fmt.Errorf("conditions %+v", s.Conditions)
		}
		hash = s.InForce.Files[0].Hash
		return nil
	})
	return hash
}

func deploymentOf(t *testing.T, ns, name string) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := kube.Get(context.Background(), types.NamespacedName{Namespace: ns, Name: name}, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// workersOf are the uids of the group's own pods that are not ending.
func workersOf(t *testing.T, g *v1alpha1.KafkaConsumerGroup) []types.UID {
	t.Helper()
	var uids []types.UID
	for _, pod := range podsOf(t, g) {
		if pod.Labels["kafka.lagrange.dev/consumer-group"] == g.Name && pod.DeletionTimestamp.IsZero() {
			uids = append(uids, pod.UID)
		}
	}
	slices.Sort(uids)
	return uids
}

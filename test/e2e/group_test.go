//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appsv1 "k8s.io/api/apps/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

var intstr8080 = intstr.FromInt32(8080)

func workerImage() string {
	image, err := exec.Command("go", "run", "./hack/cluster", "image", "lagrange-worker:dev").Output()
	if err != nil {
		return "lagrange-worker:dev"
	}
	return strings.TrimSpace(string(image))
}

// TestGroupRunsAndFollowsLag is the main job, as a user sees it.
func TestGroupRunsAndFollowsLag(t *testing.T) {
	ns, kafka := namespace(t), startBroker(t, "orders:6")
	g := group(ns, "orders", kafka, "20ms")
	create(t, g)
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Ready", "kcg/orders", "--timeout=120s")

	kafka.produce(t, "orders", 3000)
	wantReplicas(t, g, 6, 6)
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Ready", "kcg/orders", "--timeout=120s")
	wantCommitted(t, kafka, g, 3000)
	wantReplicas(t, g, 1, 1)

	for command, says := range map[string][]string{
		"get kcg orders":      {"orders", "True", "6"},
		"describe kcg orders": {"Scaled", "needs 1", "AllPartitionsRead"},
	} {
		out := mustKubectl(t, append([]string{"-n", ns}, strings.Fields(command)...)...)
		for _, word := range says {
			if !strings.Contains(out, word) {
				t.Errorf("kubectl %s does not say %q:\n%s", command, word, out)
			}
		}
	}
	pods := podsOf(t, g)
	if len(pods) == 0 || pods[0].Annotations["example.com/team"] != "checkout" {
		t.Errorf("the template's annotation did not reach the pod: %+v", pods)
	}

	if out, err := kubectlRun("-n", ns, "scale", "kcg/orders", "--replicas=3"); err == nil || !strings.Contains(out, "scaling.mode is Manual") {
		t.Errorf("kubectl scale in Auto: %v, %s; want a refusal that says how", err, out)
	}

	mustKubectl(t, "-n", ns, "delete", "kcg", "orders")
	eventually(t, func(ctx context.Context) error {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(g), &appsv1.Deployment{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the Deployment is still there: %w", err)
		}
		if pods := podsOf(t, g); len(pods) > 0 {
			return fmt.Errorf("%d pods are still there", len(pods))
		}
		return nil
	})
	wantCommitted(t, kafka, g, 3000) // the offsets stay
}

// TestManagerKilled: kill -9 of the manager in the middle of a backlog loses no worker.
func TestManagerKilled(t *testing.T) {
	ns, kafka := namespace(t), startBroker(t, "orders:4")
	g := group(ns, "killed", kafka, "50ms")
	create(t, g)
	kafka.produce(t, "orders", 2000)
	wantReplicas(t, g, 4, 4)
	before, lowest := restarts(t), watchReplicas(t, g)
	killManager(t)
	eventually(t, func(context.Context) error {
		if now := restarts(t); now <= before {
			return fmt.Errorf("the manager restarted %d times, want more than %d", now, before)
		}
		return nil
	})
	wantCommitted(t, kafka, g, 2000)
	if low := lowest(); low < 4 {
		t.Errorf("the Deployment went down to %d workers under a backlog for 4", low)
	}
	wantReplicas(t, g, 1, 1)
}

// watchReplicas follows the Deployment's replicas until the returned function
// is called, which tells the lowest.
func watchReplicas(t *testing.T, g *v1alpha1.KafkaConsumerGroup) (lowest func() int32) {
	t.Helper()
	watcher, err := kube.Watch(context.Background(), &appsv1.DeploymentList{}, client.InNamespace(g.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan int32)
	go func() {
		low := int32(math.MaxInt32)
		for event := range watcher.ResultChan() {
			if d, ok := event.Object.(*appsv1.Deployment); ok {
				low = min(low, *d.Spec.Replicas)
			}
		}
		result <- low
	}()
	return func() int32 {
		watcher.Stop()
		return <-result
	}
}

// TestAPIServerRestarted: the manager goes on where it was.
func TestAPIServerRestarted(t *testing.T) {
	if os.Getenv("CLUSTER") != "" {
		t.Skip("SKIPPED: only the local cluster's API server can be restarted here")
	}
	ns, kafka := namespace(t), startBroker(t, "orders:4")
	g := group(ns, "apiserver", kafka, "5ms")
	create(t, g)
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Ready", "kcg/apiserver", "--timeout=120s")
	if err := tool("cluster", "restart", "kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	kafka.produce(t, "orders", 5000)
	wantReplicas(t, g, 4, 4)
	wantCommitted(t, kafka, g, 5000)
}

// TestImageNeverPulls: describe alone tells what to do, and what ran keeps running.
func TestImageNeverPulls(t *testing.T) {
	ns, kafka := namespace(t), startBroker(t, "orders:4")
	g := group(ns, "image", kafka, "1ms")
	create(t, g)
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Ready", "kcg/image", "--timeout=120s")
	mustKubectl(t, "-n", ns, "patch", "kcg", "image", "--type=json", "-p",
		`[{"op":"replace","path":"/spec/workload/template/spec/containers/0/image","value":"registry.invalid/worker:none"},
		  {"op":"replace","path":"/spec/workload/template/spec/containers/0/imagePullPolicy","value":"Never"}]`)
	eventually(t, func(context.Context) error {
		out, err := kubectlRun("-n", ns, "describe", "kcg", "image")
		if err != nil || !strings.Contains(out, `image "registry.invalid/worker:none" can't be pulled`) {
			return fmt.Errorf("describe does not name the image: %w\n%s", err, out)
		}
		return nil
	})
	kafka.produce(t, "orders", 100)
	wantCommitted(t, kafka, g, 100) // by the old worker
	mustKubectl(t, "-n", ns, "wait", "--for=condition=Stalled", "kcg/image", "--timeout=150s")
}

// TestNamespaceDeletedWhileBrokerIsAway: nothing of ours hangs it.
func TestNamespaceDeletedWhileBrokerIsAway(t *testing.T) {
	ns := namespace(t)
	g := group(ns, "away", &broker{address: host + ":9"}, "1ms")
	create(t, g)
	wantReplicas(t, g, 1, 1)
	mustKubectl(t, "delete", "namespace", ns, "--timeout=120s")
}

func podsOf(t *testing.T, g *v1alpha1.KafkaConsumerGroup) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := kube.List(context.Background(), &pods, client.InNamespace(g.Namespace)); err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

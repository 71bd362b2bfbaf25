package integration

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/controllers"
)

var update = flag.Bool("update", false, "write testdata/golden anew: every group then rolls with the next version of the operator")

// TestGolden: what Lagrange applies for a spec that did not change does not
// change with the operator's version, so that an upgrade rolls no group.
func TestGolden(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	startManager(t, managerOptions{settings: controllers.DefaultSettings()}, ns)
	g := group(ns, "golden", "127.0.0.1:1", consuming("orders", "returns"), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Kafka.Version = "3.6.0"
		g.Spec.GroupID = "billing"
		g.Spec.Scaling.MinReplicas = 2
		g.Spec.Consumer = v1alpha1.ConsumerSpec{
			InitialOffset: "latest", SeedOffsets: ptr.To(false), Assignment: v1alpha1.AssignSticky, MaxProcessingTime: v1alpha1.Duration{Duration: 1500 * time.Millisecond},
		}
		g.Spec.Workload.Metadata = &v1alpha1.WorkloadMetadata{Labels: map[string]string{"team": "billing"}, Annotations: map[string]string{"note": "a"}}
		template := &g.Spec.Workload.Template
		template.Labels, template.Annotations = map[string]string{"team": "billing"}, map[string]string{"note": "b"}
		worker := &template.Spec.Containers[0]
		worker.Env = []corev1.EnvVar{{Name: "MINE", Value: "1"}}
		worker.VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}}
		template.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	})
	create(t, g)
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	var configMap corev1.ConfigMap
	if err := kube.Get(context.Background(), client.ObjectKey{Namespace: ns, Name: mounted(d)}, &configMap); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "deployment.yaml", appliedDeployment(t, d))
	compareGolden(t, "configmap.yaml", appliedConfigMap(t, &configMap))
}

// appliedDeployment is what our field manager owns, without what the test's run gave it.
func appliedDeployment(t *testing.T, d *appsv1.Deployment) any {
	t.Helper()
	ours, err := appsv1ac.ExtractDeployment(d, controllers.FieldManager)
	if err != nil {
		t.Fatal(err)
	}
	ours.WithNamespace("NAMESPACE")
	ours.OwnerReferences[0].WithUID(types.UID("UID"))
	ours.Annotations["kafka.lagrange.dev/applied-hash"] = "HASH" // it covers the owner's uid
	return ours
}

func appliedConfigMap(t *testing.T, cm *corev1.ConfigMap) any {
	t.Helper()
	ours, err := corev1ac.ExtractConfigMap(cm, controllers.FieldManager)
	if err != nil {
		t.Fatal(err)
	}
	ours.WithNamespace("NAMESPACE")
	ours.OwnerReferences[0].WithUID(types.UID("UID"))
	return ours
}

func compareGolden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s changed, which rolls every group (-want +got):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// TestTemplateReachesPods: what the user writes on the template and on the
// workload arrives where it belongs, and our labels win over the user's.
func TestTemplateReachesPods(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "rendered", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		template := &g.Spec.Workload.Template
		template.Labels = map[string]string{"team": "billing", "kafka.lagrange.dev/consumer-group": "forged"}
		template.Annotations = map[string]string{"prometheus.io/scrape": "true"}
		g.Spec.Workload.Metadata = &v1alpha1.WorkloadMetadata{
			Labels: map[string]string{"cost-centre": "42"}, Annotations: map[string]string{"owner": "billing"},
		}
		g.Spec.Workload.MinReadySeconds = 7
	})
	create(t, g)
	d := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	for what, pair := range map[string][2]string{
		"pod label":             {d.Spec.Template.Labels["team"], "billing"},
		"pod identity":          {d.Spec.Template.Labels["kafka.lagrange.dev/consumer-group"], "rendered"},
		"pod annotation":        {d.Spec.Template.Annotations["prometheus.io/scrape"], "true"},
		"Deployment label":      {d.Labels["cost-centre"], "42"},
		"Deployment identity":   {d.Labels["kafka.lagrange.dev/consumer-group"], "rendered"},
		"Deployment annotation": {d.Annotations["owner"], "billing"},
		"minReadySeconds":       {fmt.Sprint(d.Spec.MinReadySeconds), "7"},
		"maxSurge":              {d.Spec.Strategy.RollingUpdate.MaxSurge.String(), "100%"},
		"maxUnavailable":        {d.Spec.Strategy.RollingUpdate.MaxUnavailable.String(), "0"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
}

// TestSettingsReachTheWorkerOnly: environment and file go to the container
// named worker; a user's variable of one of our names gives way.
func TestSettingsReachTheWorkerOnly(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12, "returns": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "settings", kafka.address(), consuming("returns", "orders"), func(g *v1alpha1.KafkaConsumerGroup) {
		spec := &g.Spec.Workload.Template.Spec
		spec.Containers[0].Env = []corev1.EnvVar{{Name: "MINE", Value: "1"}, {Name: workerconfig.EnvGroupID, Value: "forged"}}
		spec.Containers = append(spec.Containers, corev1.Container{Name: "proxy", Image: "registry.example/proxy:1"})
	})
	create(t, g)
	pod := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil }).Spec.Template.Spec

	worker := pod.Containers[slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == "worker" })]
	proxy := pod.Containers[slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == "proxy" })]
	env := map[string]string{}
	for _, e := range worker.Env {
		env[e.Name] = e.Value
		if e.ValueFrom != nil {
			env[e.Name] = e.ValueFrom.FieldRef.FieldPath
		}
	}
	want := map[string]string{
		"MINE":                 "1",
		workerconfig.EnvConfig: "/etc/lagrange/worker.json", workerconfig.EnvClientID: "metadata.name",
		workerconfig.EnvBootstrapServers: kafka.address(), workerconfig.EnvGroupID: "settings", workerconfig.EnvTopics: "orders,returns",
	}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if len(proxy.Env) != 0 || len(proxy.VolumeMounts) != 0 {
		t.Errorf("the other container was given %v and %v", proxy.Env, proxy.VolumeMounts)
	}
	if len(worker.VolumeMounts) != 1 || worker.VolumeMounts[0].MountPath != workerconfig.MountPath || !worker.VolumeMounts[0].ReadOnly {
		t.Errorf("mounts %+v, want %s read-only", worker.VolumeMounts, workerconfig.MountPath)
	}
	if got, want := workerFile(t, g), (workerconfig.File{
		BootstrapServers: []string{kafka.address()}, GroupID: "settings", Topics: []string{"orders", "returns"},
		Consumer: workerconfig.Consumer{InitialOffset: "earliest", Assignment: "range", MaxProcessingTime: workerconfig.Duration(time.Second)},
	}); !cmp.Equal(got, want) {
		t.Errorf("file (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// workerFile reads the configuration that the Deployment's pods would mount.
func workerFile(t *testing.T, g *v1alpha1.KafkaConsumerGroup) workerconfig.File {
	t.Helper()
	d, err := deployment(g)
	if err != nil {
		t.Fatal(err)
	}
	var configMap corev1.ConfigMap
	if err := kube.Get(context.Background(), client.ObjectKey{Namespace: g.Namespace, Name: mounted(d)}, &configMap); err != nil {
		t.Fatal(err)
	}
	var file workerconfig.File
	if err := json.Unmarshal([]byte(configMap.Data[workerconfig.FileName]), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// mounted is the name of the ConfigMap in the Deployment's pod template.
func mounted(d *appsv1.Deployment) string {
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			return v.ConfigMap.Name
		}
	}
	return ""
}

// TestChangedSettingRollsOnce: a new setting is a new immutable ConfigMap and
// one new pod template; the old ConfigMap stays while a ReplicaSet may need it.
func TestChangedSettingRollsOnce(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "rolled", kafka.address())
	create(t, g)
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	wantCondition(t, g, v1alpha1.ConditionLagKnown, metav1.ConditionTrue, v1alpha1.ReasonAllPartitionsRead)
	old := playReplicaSet(t, g, "rolled-old")
	play(t, g, allAvailable)

	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Consumer.MaxProcessingTime = v1alpha1.Duration{Duration: 2 * time.Second}
	})
	after := wantDeployment(t, g, func(d *appsv1.Deployment) error {
		if mounted(d) == mounted(before) {
			return fmt.Errorf("the pods still mount %s", mounted(d))
		}
		return nil
	})
	if got := workerFile(t, g).Consumer.MaxProcessingTime; time.Duration(got) != 2*time.Second {
		t.Errorf("maxProcessingTime in the file is %s", time.Duration(got))
	}
	current := playReplicaSet(t, g, "rolled-new")
	play(t, g, allAvailable)
	kafka.produce(t, "orders", 1)
	kafka.cycles(t, 5)
	wantConfigMaps(t, g, mounted(before), mounted(after))
	if now, err := deployment(g); err != nil || now.Generation != before.Generation+1 {
		t.Errorf("generation %d after %d, %v: one change is one rollout", now.Generation, before.Generation, err)
	}

	remove(t, old)
	wantConfigMaps(t, g, mounted(after))
	remove(t, current) // the Deployment itself still names it
	kafka.produce(t, "orders", 25)
	wantReplicas(t, g, 4)
	wantConfigMaps(t, g, mounted(after))
}

// wantConfigMaps waits until exactly these configurations exist, each immutable and ours.
func wantConfigMaps(t *testing.T, g *v1alpha1.KafkaConsumerGroup, want ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, func() error {
		configMaps, err := configMapsOf(g)
		if err != nil {
			return err
		}
		var names []string
		for _, cm := range configMaps {
			if cm.Immutable == nil || !*cm.Immutable || !metav1.IsControlledBy(&cm, g) {
				t.Fatalf("ConfigMap %s: immutable %v, owners %v", cm.Name, cm.Immutable, cm.OwnerReferences)
			}
			names = append(names, cm.Name)
		}
		slices.Sort(names)
		if !slices.Equal(names, want) {
			return fmt.Errorf("ConfigMaps %q, want %q", names, want)
		}
		return nil
	})
}

// TestRefusedWorkload: what only the API server can tell is wrong is said in
// its words, and what runs keeps running.
func TestRefusedWorkload(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "refused", kafka.address())
	create(t, g)
	before := wantDeployment(t, g, func(*appsv1.Deployment) error { return nil })
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Workload.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	})
	stalled := wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidWorkload)
	if lacks := mentions(stalled.Message, "spec.workload", "restartPolicy", `"Always"`); lacks != nil {
		t.Error(lacks)
	}
	if now, err := deployment(g); err != nil || now.Generation != before.Generation {
		t.Errorf("the Deployment was changed: %v", err)
	}
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Workload.Template.Spec.RestartPolicy = corev1.RestartPolicyAlways
	})
	wantCondition(t, g, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNothingStalled)
}

// TestShortGracePeriod: a worker that may be killed in the middle of a message is warned of.
func TestShortGracePeriod(t *testing.T) {
	t.Parallel()
	ns, kafka := namespace(t), startBroker(t, map[string]int32{"orders": 12})
	startManager(t, managerOptions{}, ns)
	g := group(ns, "hurried", kafka.address(), func(g *v1alpha1.KafkaConsumerGroup) {
		g.Spec.Consumer.MaxProcessingTime = v1alpha1.Duration{Duration: time.Minute}
	})
	create(t, g)
	words := []string{"terminationGracePeriodSeconds is 30", "consumer.maxProcessingTime 1m0s"}
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error { return mentions(fmt.Sprint(s.Warnings), words...) })
	wantEvent(t, g, corev1.EventTypeWarning, "Warning", words[0])
	change(t, g, func(g *v1alpha1.KafkaConsumerGroup) {
		seconds := int64(90)
		g.Spec.Workload.Template.Spec.TerminationGracePeriodSeconds = &seconds
	})
	wantStatus(t, g, func(s v1alpha1.KafkaConsumerGroupStatus) error {
		if len(s.Warnings) != 0 {
			return fmt.Errorf("warnings %q", s.Warnings)
		}
		return nil
	})
}

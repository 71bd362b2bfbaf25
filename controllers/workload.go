package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// configVolume is the volume of the worker's configuration.
const configVolume = "lagrange-config"

// renderConfigMap is the worker's configuration, immutable and named by its content.
func renderConfigMap(group *v1alpha1.KafkaConsumerGroup) (*corev1.ConfigMap, error) {
	content, err := json.MarshalIndent(workerFile(group), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render the worker configuration of %q: %w", group.Name, err)
	}
	immutable := true
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name: group.Name + "-worker-" + hashOf(content), Namespace: group.Namespace,
			Labels: identityLabels(group), OwnerReferences: ownedBy(group),
		},
		Immutable: &immutable,
		Data:      map[string]string{workerconfig.FileName: string(content) + "\n"},
	}, nil
}

func workerFile(group *v1alpha1.KafkaConsumerGroup) workerconfig.File {
	return workerconfig.File{
		BootstrapServers: serversOf(group),
		KafkaVersion:     group.Spec.Kafka.Version,
		GroupID:          group.Spec.GroupID,
		Topics:           topicsOf(group),
		Consumer: workerconfig.Consumer{
			InitialOffset:     group.Spec.Consumer.InitialOffset,
			Assignment:        string(group.Spec.Consumer.Assignment),
			MaxProcessingTime: workerconfig.Duration(group.Spec.Consumer.MaxProcessingTime.Duration),
		},
	}
}

// renderDeployment is the group's Deployment as Lagrange applies it.
func renderDeployment(group *v1alpha1.KafkaConsumerGroup, configMap string, replicas int32, deadline time.Duration) *appsv1.Deployment {
	w := group.Spec.Workload
	meta := w.Metadata
	if meta == nil {
		meta = &v1alpha1.WorkloadMetadata{}
	}
	seconds := int32(deadline / time.Second)
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{
			Name: group.Name, Namespace: group.Namespace, OwnerReferences: ownedBy(group),
			Labels: merged(meta.Labels, identityLabels(group)), Annotations: merged(meta.Annotations, nil),
		},
		Spec: appsv1.DeploymentSpec{
			Replicas:                &replicas,
			Selector:                &metav1.LabelSelector{MatchLabels: selectorLabels(group)},
			Strategy:                strategyOf(w),
			MinReadySeconds:         w.MinReadySeconds,
			ProgressDeadlineSeconds: &seconds,
			Template:                renderTemplate(group, configMap),
		},
	}
}

// strategyOf is the user's, or one whose rebalances don't grow with the group:
// all new workers join in one wave and all old ones leave in one.
func strategyOf(w v1alpha1.Workload) appsv1.DeploymentStrategy {
	if w.Strategy != nil {
		return *w.Strategy
	}
	surge, unavailable := intstr.FromString("100%"), intstr.FromInt32(0)
	return appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
	}
}

// renderTemplate is the user's pod template with the worker's settings in it.
func renderTemplate(group *v1alpha1.KafkaConsumerGroup, configMap string) corev1.PodTemplateSpec {
	template := *group.Spec.Workload.Template.DeepCopy()
	template.Labels = merged(template.Labels, identityLabels(group))
	template.Spec.Volumes = append(without(template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == configVolume }),
		corev1.Volume{Name: configVolume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap},
		}}})
	for i := range template.Spec.Containers {
		if c := &template.Spec.Containers[i]; c.Name == workerconfig.ContainerName {
			c.Env = workerEnv(c.Env, group)
			c.VolumeMounts = append(without(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == configVolume }),
				corev1.VolumeMount{Name: configVolume, MountPath: workerconfig.MountPath, ReadOnly: true})
		}
	}
	return template
}

// workerEnv is the user's environment and ours; our names are reserved.
func workerEnv(env []corev1.EnvVar, group *v1alpha1.KafkaConsumerGroup) []corev1.EnvVar {
	ours := []corev1.EnvVar{
		{Name: workerconfig.EnvConfig, Value: workerconfig.MountPath + "/" + workerconfig.FileName},
		{Name: workerconfig.EnvClientID, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		{Name: workerconfig.EnvBootstrapServers, Value: strings.Join(serversOf(group), ",")},
		{Name: workerconfig.EnvGroupID, Value: group.Spec.GroupID},
		{Name: workerconfig.EnvTopics, Value: strings.Join(topicsOf(group), ",")},
	}
	reserved := func(e corev1.EnvVar) bool {
		return slices.ContainsFunc(ours, func(o corev1.EnvVar) bool { return o.Name == e.Name })
	}
	return append(without(env, reserved), ours...)
}

func serversOf(group *v1alpha1.KafkaConsumerGroup) []string {
	servers := make([]string, 0, len(group.Spec.Kafka.BootstrapServers))
	for _, s := range group.Spec.Kafka.BootstrapServers {
		servers = append(servers, string(s))
	}
	slices.Sort(servers)
	return servers
}

func ownedBy(group *v1alpha1.KafkaConsumerGroup) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(group, v1alpha1.GroupVersion.WithKind("KafkaConsumerGroup"))}
}

func without[T any](items []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(items), drop)
}

// toApply is the object as an apply configuration: only what we want to own.
// The zero values that typed objects always write are left out.
func toApply(o runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("convert %T: %w", o, err)
	}
	u := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(content, "spec", "template", "metadata", "creationTimestamp")
	return u, nil
}

// hashOf is short enough for a name and long enough not to meet another by chance.
func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:5])
}

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

// renderConfigMap is the worker's configuration, and the files of a producer policy,
// immutable and named by its content.
func renderConfigMap(group *v1alpha1.KafkaConsumerGroup, r resolved, files producerFileSet) (*corev1.ConfigMap, error) {
	content, err := json.MarshalIndent(workerFile(group, r), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render the worker configuration of %q: %w", group.Name, err)
	}
	immutable := true
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name: group.Name + "-worker-" + hashOf(files.appendTo(content)), Namespace: group.Namespace,
			Labels: identityLabels(group), OwnerReferences: ownedBy(group),
		},
		Immutable: &immutable,
		Data:      merged(files.data(), map[string]string{workerconfig.FileName: string(content) + "\n"}),
	}, nil
}

func workerFile(group *v1alpha1.KafkaConsumerGroup, r resolved) workerconfig.File {
	return workerconfig.File{
		BootstrapServers: r.servers(),
		TLS:              r.tls,
		SASL:             r.sasl,
		KafkaVersion:     r.connection.Version,
		GroupID:          group.Spec.GroupID,
		Topics:           topicsOf(group),
		TopicPattern:     group.Spec.TopicPattern,
		Consumer:         workerConsumer(group.Spec.Consumer).WithoutDefaults(),
	}
}

// renderDeployment is the group's Deployment as Lagrange applies it.
func renderDeployment(
	group *v1alpha1.KafkaConsumerGroup, r resolved, files producerFileSet, configMap string, replicas int32, deadline time.Duration,
) *appsv1.Deployment {
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
			Template:                renderTemplate(group, r, files, configMap),
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
func renderTemplate(group *v1alpha1.KafkaConsumerGroup, r resolved, files producerFileSet, configMap string) corev1.PodTemplateSpec {
	template := *group.Spec.Workload.Template.DeepCopy()
	template.Labels = merged(template.Labels, identityLabels(group))
	template.Spec.Volumes = volumesOf(template.Spec.Volumes, r, configMap)
	for i := range template.Spec.Containers {
		if c := &template.Spec.Containers[i]; c.Name == workerconfig.ContainerName {
			c.Env, c.VolumeMounts = workerEnv(c.Env, group, r, files), mountsOf(c.VolumeMounts, r)
		}
	}
	return template
}

// workerEnv is the user's environment and ours; our names are reserved.
func workerEnv(env []corev1.EnvVar, group *v1alpha1.KafkaConsumerGroup, r resolved, files producerFileSet) []corev1.EnvVar {
	topics := corev1.EnvVar{Name: workerconfig.EnvTopics, Value: strings.Join(topicsOf(group), ",")}
	if group.Spec.TopicPattern != "" {
		topics = corev1.EnvVar{Name: workerconfig.EnvTopicPattern, Value: group.Spec.TopicPattern}
	}
	ours := []corev1.EnvVar{
		{Name: workerconfig.EnvConfig, Value: workerconfig.MountPath + "/" + workerconfig.FileName},
		{Name: workerconfig.EnvClientID, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		{Name: workerconfig.EnvBootstrapServers, Value: r.connection.BootstrapServers},
		{Name: workerconfig.EnvGroupID, Value: group.Spec.GroupID},
		topics,
	}
	if dedup := group.Spec.Consumer.Dedup; dedup != nil {
		ours = append(ours, corev1.EnvVar{Name: workerconfig.EnvDedupNamespace, Value: dedup.Namespace})
	}
	if files.has(workerconfig.ProducerFileName) {
		ours = append(ours, corev1.EnvVar{Name: workerconfig.EnvProducerConfig, Value: workerconfig.MountPath + "/" + workerconfig.ProducerFileName})
	}
	reserved := func(e corev1.EnvVar) bool {
		return e.Name == workerconfig.EnvTopics || e.Name == workerconfig.EnvTopicPattern ||
			slices.ContainsFunc(ours, func(o corev1.EnvVar) bool { return o.Name == e.Name })
	}
	return append(without(env, reserved), ours...)
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

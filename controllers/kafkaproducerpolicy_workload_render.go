package controllers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// producerVolume is the volume of a policy's files.
const producerVolume = "lagrange-producer"

// delivery is what a workload is to be given.
type delivery struct {
	policy string
	// container is the one that its annotation names; found is false when it has none of that name.
	container containerSeen
	found     bool
	configMap *corev1.ConfigMap
	template  *corev1ac.PodTemplateSpecApplyConfiguration
	// fields are what our field manager then owns.
	fields string
	// reported is the hash that pods report, "" when no client of the policy reports.
	reported string
}

// deliveryTo is what the policy has in force, for the workload.
func deliveryTo(w workload, live *liveWorkload, policy candidate) *delivery {
	wants := &delivery{policy: policy.name, container: containerSeen{name: w.asksFor()}}
	at := slices.IndexFunc(live.containers, func(c containerSeen) bool { return c.name == w.asksFor() })
	if at < 0 {
		return wants
	}
	wants.container, wants.found = live.containers[at], true
	files := producerpolicy.RenderInForce(w.Namespace+"/"+policy.name, *policy.inForce)
	wants.configMap = producerFiles(w, policy.name, files)
	var env []*corev1ac.EnvVarApplyConfiguration
	for _, file := range files {
		switch {
		case file.Client == v1alpha1.ClientSarama:
			wants.reported = file.Hash
			env = append(env, corev1ac.EnvVar().WithName(workerconfig.EnvProducerConfig).WithValue(workerconfig.ProducerMountPath+"/"+file.Name))
		case strings.Contains(file.Content, "${env:"+workerconfig.EnvClientID+"}") && !wants.container.clientID:
			env = append(env, corev1ac.EnvVar().WithName(workerconfig.EnvClientID).WithValueFrom(
				corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().WithFieldPath("metadata.name"))))
		}
	}
	wants.template = producerTemplate(wants, env)
	wants.fields = fieldsOf(policyLabels(policy.name), wants.template)
	return wants
}

// producerFiles is the workload's own ConfigMap of the files, immutable and named
// by its content. It goes with the workload and not with the policy: pods mount it
// until they have been replaced. The workload's uid is in the name, so that one
// created anew under the same name has another: its predecessor's is about to go.
func producerFiles(w workload, policy string, files []producerpolicy.File) *corev1.ConfigMap {
	data := make(map[string]string, len(files))
	content := []string{string(w.UID)}
	for _, file := range files {
		data[file.Name] = file.Content
		content = append(content, file.Name, file.Content)
	}
	name := producerFilesName(w.Name, hashOf([]byte(strings.Join(content, "\x00"))))
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.Namespace, Name: name, Labels: policyLabels(policy),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: w.kind, Name: w.Name, UID: w.UID}},
		},
		Immutable: ptr.To(true),
		Data:      data,
	}
}

// producerFilesName has of the workload's name what there is room for.
func producerFilesName(workload, hash string) string {
	suffix := "-producer-" + hash
	return workload[:min(len(workload), 253-len(suffix))] + suffix
}

func policyLabels(policy string) map[string]string {
	return map[string]string{v1alpha1.LabelProducerPolicy: policy}
}

// producerTemplate is all that we own of the pod template.
func producerTemplate(wants *delivery, env []*corev1ac.EnvVarApplyConfiguration) *corev1ac.PodTemplateSpecApplyConfiguration {
	container := corev1ac.Container().WithName(wants.container.name).WithEnv(env...).WithVolumeMounts(
		corev1ac.VolumeMount().WithName(producerVolume).WithMountPath(workerconfig.ProducerMountPath).WithReadOnly(true))
	spec := corev1ac.PodSpec().WithVolumes(corev1ac.Volume().WithName(producerVolume).WithConfigMap(
		corev1ac.ConfigMapVolumeSource().WithName(wants.configMap.Name)))
	if wants.container.init {
		spec.WithInitContainers(container)
	} else {
		spec.WithContainers(container)
	}
	return corev1ac.PodTemplateSpec().WithLabels(policyLabels(wants.policy)).WithSpec(spec)
}

// applyOf is a workload's apply configuration; of nothing but its name it
// releases all that we own.
func applyOf(w workload, labels map[string]string, template *corev1ac.PodTemplateSpecApplyConfiguration) runtime.ApplyConfiguration {
	if w.kind == deploymentKind {
		d := appsv1ac.Deployment(w.Name, w.Namespace).WithUID(w.UID).WithLabels(labels)
		if template != nil {
			d.WithSpec(appsv1ac.DeploymentSpec().WithTemplate(template))
		}
		return d
	}
	s := appsv1ac.StatefulSet(w.Name, w.Namespace).WithUID(w.UID).WithLabels(labels)
	if template != nil {
		s.WithSpec(appsv1ac.StatefulSetSpec().WithTemplate(template))
	}
	return s
}

// owning notes what our field manager owns.
func (l *liveWorkload) owning(labels map[string]string, template *corev1ac.PodTemplateSpecApplyConfiguration) *liveWorkload {
	l.fields = fieldsOf(labels, template)
	if strings.Contains(l.fields, workerconfig.EnvClientID) {
		for i := range l.containers {
			l.containers[i].clientID = l.containers[i].clientID && !ownsClientID(template, l.containers[i].name)
		}
	}
	return l
}

func ownsClientID(template *corev1ac.PodTemplateSpecApplyConfiguration, container string) bool {
	if template.Spec == nil {
		return false
	}
	owns := func(e corev1ac.EnvVarApplyConfiguration) bool {
		return ptr.Deref(e.Name, "") == workerconfig.EnvClientID
	}
	return slices.ContainsFunc(slices.Concat(template.Spec.Containers, template.Spec.InitContainers), func(c corev1ac.ContainerApplyConfiguration) bool {
		return ptr.Deref(c.Name, "") == container && slices.ContainsFunc(c.Env, owns)
	})
}

// fieldsOf is what is owned of a workload, in one form for the same: "" for nothing.
func fieldsOf(labels map[string]string, template *corev1ac.PodTemplateSpecApplyConfiguration) string {
	if len(labels) == 0 && template == nil {
		return ""
	}
	if template != nil && template.Spec != nil {
		for _, containers := range [][]corev1ac.ContainerApplyConfiguration{template.Spec.Containers, template.Spec.InitContainers} {
			for i := range containers {
				slices.SortFunc(containers[i].Env, func(a, b corev1ac.EnvVarApplyConfiguration) int {
					return cmp.Compare(ptr.Deref(a.Name, ""), ptr.Deref(b.Name, ""))
				})
			}
		}
	}
	content, err := json.Marshal(map[string]any{"labels": maps.Clone(labels), "template": template})
	if err != nil {
		panic(fmt.Sprintf("controllers: a pod template that can't be written as JSON: %v", err)) // no type of the API is one
	}
	return string(content)
}

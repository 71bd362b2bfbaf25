package controllers

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// credentialsVolume is the volume of the workers' credentials.
const credentialsVolume = "lagrange-credentials" //nolint:gosec // a name, not a credential

// credentialsOf is the volume that mounts the keys that the connection uses
// under well-known names, straight from the Secrets and ConfigMaps: nothing is
// copied, and the kubelet brings changed content to running pods (within a
// minute or so) without a change of the template. Nil when it uses none.
func credentialsOf(r resolved) *corev1.Volume {
	if len(r.files) == 0 {
		return nil
	}
	items := map[objectRef][]corev1.KeyToPath{}
	for _, path := range slices.Sorted(maps.Keys(r.files)) {
		from := r.files[path]
		items[from.object] = append(items[from.object], corev1.KeyToPath{Key: from.key, Path: path})
	}
	var sources []corev1.VolumeProjection
	for _, object := range slices.SortedFunc(maps.Keys(items), byKindAndName) {
		sources = append(sources, projectionOf(object, items[object]))
	}
	return &corev1.Volume{Name: credentialsVolume, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: sources},
	}}
}

func byKindAndName(a, b objectRef) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
}

func projectionOf(object objectRef, items []corev1.KeyToPath) corev1.VolumeProjection {
	name := corev1.LocalObjectReference{Name: object.name}
	if object.kind == configMapKind {
		return corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: name, Items: items}}
	}
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: name, Items: items}}
}

// volumesOf are the user's volumes and ours.
func volumesOf(theirs []corev1.Volume, r resolved, configMap string) []corev1.Volume {
	ours := []corev1.Volume{{Name: configVolume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: configMap},
	}}}}
	if credentials := credentialsOf(r); credentials != nil {
		ours = append(ours, *credentials)
	}
	return append(without(theirs, func(v corev1.Volume) bool { return isOurs(v.Name) }), ours...)
}

// mountsOf are the mounts of the worker container, the user's and ours.
func mountsOf(theirs []corev1.VolumeMount, r resolved) []corev1.VolumeMount {
	ours := []corev1.VolumeMount{{Name: configVolume, MountPath: workerconfig.MountPath, ReadOnly: true}}
	if len(r.files) > 0 {
		ours = append(ours, corev1.VolumeMount{Name: credentialsVolume, MountPath: workerconfig.CredentialsPath, ReadOnly: true})
	}
	return append(without(theirs, func(m corev1.VolumeMount) bool { return isOurs(m.Name) }), ours...)
}

func isOurs(volume string) bool { return volume == configVolume || volume == credentialsVolume }

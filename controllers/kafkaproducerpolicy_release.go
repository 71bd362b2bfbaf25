package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mountedBy are the ConfigMaps of settings that pods mount, or would when a
// Deployment or StatefulSet goes back to an older template.
func mountedBy(pods []corev1.Pod, replicaSets []appsv1.ReplicaSet, revisions []appsv1.ControllerRevision) map[string]bool {
	mounted := map[string]bool{}
	for i := range pods {
		mounted[producerConfigMap(pods[i].Spec)] = true
	}
	for i := range replicaSets {
		mounted[producerConfigMap(replicaSets[i].Spec.Template.Spec)] = true
	}
	for i := range revisions {
		mounted[revisionConfigMap(revisions[i].Data.Raw)] = true
	}
	return mounted
}

// revisionConfigMap is the ConfigMap in a StatefulSet's revision, which is a patch
// of its template.
func revisionConfigMap(raw []byte) string {
	var set appsv1.StatefulSet
	if err := json.Unmarshal(raw, &set); err != nil {
		return "" // it is of another kind
	}
	return producerConfigMap(set.Spec.Template.Spec)
}

// removeUnmounted deletes the policy's ConfigMaps that no workload is to have and
// nothing mounts. One without its workload goes with that.
func (r *KafkaProducerPolicyReconciler) removeUnmounted(ctx context.Context, seen deliverySnapshot, memory *namespaceMemory) error {
	var failed []error
	for i := range seen.configMaps {
		cm := &seen.configMaps[i]
		if seen.wanted[cm.Name] || seen.mounted[cm.Name] || !cm.DeletionTimestamp.IsZero() {
			continue
		}
		unused, err := r.unused(ctx, cm, seen, memory)
		if err == nil && unused {
			err = client.IgnoreNotFound(r.Delete(ctx, cm.DeepCopy(), client.Preconditions{UID: &cm.UID}))
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("delete unused ConfigMap %q: %w", cm.Name, err))
		}
	}
	return errors.Join(failed...)
}

// unused: the workload's template does not name it, and the controller of the
// workload has made of that template what it makes of it.
func (r *KafkaProducerPolicyReconciler) unused(ctx context.Context, cm *corev1.ConfigMap, seen deliverySnapshot, memory *namespaceMemory) (bool, error) {
	at := slices.IndexFunc(seen.workloads, func(w workload) bool {
		return len(cm.OwnerReferences) > 0 && cm.OwnerReferences[0].UID == w.UID
	})
	if at < 0 {
		return false, nil
	}
	w := seen.workloads[at]
	if !isProducerFiles(cm, w.Name) {
		return false, nil
	}
	m := memory.of(w.UID)
	if err := r.Workloads.refresh(ctx, w, m); err != nil || m.live == nil {
		return false, err
	}
	return m.live.rollout.observed && m.live.configMap != cm.Name, nil
}

// isProducerFiles: it is named as ours are and can't be edited, as ours can't. What
// else has the policy's label and the workload for its owner, somebody else made.
func isProducerFiles(cm *corev1.ConfigMap, workload string) bool {
	return isProducerFilesName(cm.Name, workload) && ptr.Deref(cm.Immutable, false)
}

// isProducerFilesName: files of the workload are named like this, of whatever content.
func isProducerFilesName(name, workload string) bool {
	hash := name[strings.LastIndex(name, "-")+1:]
	return len(hash) == len(hashOf(nil)) && name == producerFilesName(workload, hash)
}

package controllers

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// liveWorkload is what the API server said of a workload.
type liveWorkload struct {
	version    string
	generation int64
	// policy is the one whose label it carries.
	policy string
	// containers are those of the template, init containers after the others.
	containers []containerSeen
	// fields are what our field manager owns; "" for nothing.
	fields string
	// configMap is what the volume of the settings mounts.
	configMap string
	rollout   rollout
	// lastWriter is the field manager of others that changed it last.
	lastWriter string
}

// containerSeen is a container of a template.
type containerSeen struct {
	name string
	init bool
	// clientID: it has a client id that isn't ours.
	clientID bool
}

// rollout is how far the workload's pods are those of its template.
type rollout struct {
	// observed: the workload's controller knows the newest template.
	observed bool
	done     bool
	// why it isn't done.
	why  string
	pods int32
}

// stays: a roll that was over before stays over while what we gave is the same.
// Pods that come or are replaced since then mount it too; not even the moment is
// news in which the workload's controller has not seen yet that it was scaled.
func (l *liveWorkload) stays(before *liveWorkload) {
	if before != nil && before.rollout.done && before.fields == l.fields {
		l.rollout.done = true
	}
}

// readWorkload is the workload in full, from the API server; nil when it is gone.
func (w *Workloads) readWorkload(ctx context.Context, of workload) (*liveWorkload, error) {
	var live *liveWorkload
	var err error
	key := client.ObjectKeyFromObject(of)
	if of.kind == deploymentKind {
		var d appsv1.Deployment
		if err = w.live.Get(ctx, key, &d); err == nil {
			live, err = liveDeployment(&d)
		}
	} else {
		var s appsv1.StatefulSet
		if err = w.live.Get(ctx, key, &s); err == nil {
			live, err = liveStatefulSet(&s)
		}
	}
	if err = client.IgnoreNotFound(err); err != nil {
		return nil, fmt.Errorf("read %s %q: %w", of.kind, key, err)
	}
	return live, nil
}

func liveDeployment(d *appsv1.Deployment) (*liveWorkload, error) {
	ours, err := appsv1ac.ExtractDeployment(d, ProducerFieldManager)
	if err != nil {
		return nil, fmt.Errorf("tell what Lagrange owns of it: %w", err)
	}
	live := liveOf(d, d.Spec.Template)
	live.rollout = deploymentRollout(d)
	if ours.Spec == nil {
		ours.Spec = appsv1ac.DeploymentSpec()
	}
	return live.owning(ours.Labels, ours.Spec.Template), nil
}

func liveStatefulSet(s *appsv1.StatefulSet) (*liveWorkload, error) {
	ours, err := appsv1ac.ExtractStatefulSet(s, ProducerFieldManager)
	if err != nil {
		return nil, fmt.Errorf("tell what Lagrange owns of it: %w", err)
	}
	live := liveOf(s, s.Spec.Template)
	live.rollout = statefulSetRollout(s)
	if ours.Spec == nil {
		ours.Spec = appsv1ac.StatefulSetSpec()
	}
	return live.owning(ours.Labels, ours.Spec.Template), nil
}

func liveOf(o metav1.Object, template corev1.PodTemplateSpec) *liveWorkload {
	live := &liveWorkload{
		version: o.GetResourceVersion(), generation: o.GetGeneration(), policy: o.GetLabels()[v1alpha1.LabelProducerPolicy],
		lastWriter: lastWriterOf(o), configMap: producerConfigMap(template.Spec),
	}
	for _, c := range template.Spec.Containers {
		live.containers = append(live.containers, seenContainer(c, false))
	}
	for _, c := range template.Spec.InitContainers {
		live.containers = append(live.containers, seenContainer(c, true))
	}
	return live
}

func seenContainer(c corev1.Container, init bool) containerSeen {
	has := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == workerconfig.EnvClientID })
	return containerSeen{name: c.Name, init: init, clientID: has}
}

// producerConfigMap is the ConfigMap of the settings that the pods mount.
func producerConfigMap(spec corev1.PodSpec) string {
	for _, v := range spec.Volumes {
		if v.Name == producerVolume && v.ConfigMap != nil {
			return v.ConfigMap.Name
		}
	}
	return ""
}

// lastWriterOf is who changed the object last, we and the writers of its status
// left out. Whoever only took fields away has left no trace.
func lastWriterOf(o metav1.Object) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range o.GetManagedFields() {
		later := entry.Time != nil && (last.Time == nil || last.Time.Before(entry.Time))
		if later && entry.Manager != ProducerFieldManager && entry.Subresource == "" {
			last = entry
		}
	}
	if last.Manager == "" {
		return "somebody"
	}
	return last.Manager
}

const replacing = "its pods are being replaced"

// deploymentRollout is done when no pod is of an older template and one is there:
// how many more are to come is the matter of whoever scales. With none and some to
// come, as when all are recreated, those from before may still be ending.
func deploymentRollout(d *appsv1.Deployment) rollout {
	s := d.Status
	r := rollout{observed: s.ObservedGeneration >= d.Generation, pods: s.Replicas, why: replacing}
	r.done = r.observed && s.Replicas <= s.UpdatedReplicas && (s.AvailableReplicas > 0 || ptr.Deref(d.Spec.Replicas, 1) == 0)
	if d.Spec.Paused {
		r.why = "the Deployment is paused: its pods are replaced once it goes on"
	}
	for _, c := range s.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && r.observed && !d.Spec.Paused {
			r.why = "its rollout has failed: " + c.Message
		}
	}
	return r
}

// statefulSetRollout is done when in addition no pod would come back with an older
// template. With OnDelete none does, and its current revision stays the first one.
func statefulSetRollout(set *appsv1.StatefulSet) rollout {
	s, update := set.Status, set.Spec.UpdateStrategy
	r := rollout{observed: s.ObservedGeneration >= set.Generation, pods: s.Replicas, why: replacing}
	onDelete := update.Type == appsv1.OnDeleteStatefulSetStrategyType
	r.done = r.observed && s.Replicas <= s.UpdatedReplicas && (s.AvailableReplicas > 0 || ptr.Deref(set.Spec.Replicas, 1) == 0) &&
		(onDelete || s.CurrentRevision == s.UpdateRevision)
	if onDelete {
		r.why = "its updateStrategy is OnDelete: a pod gets the settings when somebody deletes it"
	}
	if rolling := update.RollingUpdate; rolling != nil && ptr.Deref(rolling.Partition, 0) > 0 {
		r.why = fmt.Sprintf("its updateStrategy has the partition %d: the pods below keep what they have", *rolling.Partition)
	}
	return r
}

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
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// applyResult is what was done, also when it failed part-way.
type applyResult struct {
	// deployment is the live Deployment after the apply.
	deployment *appsv1.Deployment
	// replicas is the count that is in force.
	replicas int32
	// configMap is the workers' configuration that is in force; empty where nothing was applied.
	configMap string
	// putBack is the number of workers that somebody else had set and that this
	// reconcile has put back, nil when nobody had.
	putBack *int32
	// rolled: this reconcile changed the pod template.
	rolled bool
	// failed: what was decided is not in force, and is tried again.
	failed bool
	// invalid says why the API server refuses what the template makes.
	invalid *blocked
	// err is what failed and is worth another try.
	err error
}

// apply writes the worker's configuration and the Deployment, and removes
// configurations that nothing uses any more. It writes nothing that is in force.
func (r *KafkaConsumerGroupReconciler) apply(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, d decision, m *memory) applyResult {
	done := applyResult{deployment: seen.deployment}
	done.replicas, _ = presentReplicas(group, seen, m)
	if err := r.adopt(ctx, group, d.reset.adopts); err != nil {
		return refused(done, group, err)
	}
	if d.blocked != nil || d.held != nil {
		if seen.owned == ownedByOthers {
			done.deployment = nil
		}
		return done
	}
	told := inPass(group, seen.resets.pass)
	configMap, err := renderConfigMap(told, seen.connection.resolved, d.producer.files)
	if err == nil {
		err = r.ensureConfigMap(ctx, configMap, seen)
	}
	if err == nil {
		done.putBack = setByOthers(seen.deployment, m)
		done.deployment, err = r.ensureDeployment(ctx, told, configMap.Name, seen, d, m)
	}
	if err != nil {
		return refused(done, group, err)
	}
	done.replicas, done.configMap = d.scale.Replicas, configMap.Name
	m.given = givenFiles{files: d.producer.files, known: true}
	done.rolled = seen.deployment != nil && !equality.Semantic.DeepEqual(seen.deployment.Spec.Template, done.deployment.Spec.Template)
	done.err = r.removeUnused(ctx, group, configMap.Name, seen)
	return done
}

// refused tells what the API server will never accept from what may pass.
func refused(done applyResult, group *v1alpha1.KafkaConsumerGroup, err error) applyResult {
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return done // everything is going; nothing is left to do
	case neverAccepted(err):
		done.invalid = &blocked{v1alpha1.ReasonInvalidWorkload, fmt.Sprintf("spec.workload makes a Deployment that the API server refuses: %s", serverWords(err, group.Name))}
	default:
		done.err, done.failed = err, true
	}
	return done
}

// overtaken: what was decided on is not the newest. That is looked at anew, and nothing
// is told until then.
func (a applyResult) overtaken() bool { return a.failed && apierrors.IsConflict(a.err) }

// neverAccepted: asking again brings the same answer.
func neverAccepted(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) }

// serverWords is the API server's own explanation, without our wrapping.
func serverWords(err error, name string) string {
	words := err.Error()
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		words = status.Status().Message
	}
	words = strings.TrimPrefix(words, fmt.Sprintf("Deployment.apps %q is invalid: ", name))
	return strings.ToValidUTF8(words[:min(len(words), 600)], "") // no half of a character
}

// ensureConfigMap applies the workers' configuration unless it is there as its name,
// which is of its content, says.
func (r *KafkaConsumerGroupReconciler) ensureConfigMap(ctx context.Context, configMap *corev1.ConfigMap, seen groupSnapshot) error {
	if slices.ContainsFunc(seen.configMaps, func(cm corev1.ConfigMap) bool { return sameController(&cm, configMap) && sameFiles(&cm, configMap) }) {
		return nil
	}
	if err := r.removeEdited(ctx, configMap); err != nil {
		return err
	}
	u, err := toApply(configMap)
	if err != nil {
		return err
	}
	err = r.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(FieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply ConfigMap %q: %w", configMap.Name, err)
	}
	return nil
}

// removeEdited deletes a ConfigMap that is ours by its controller and has another
// content than its name says: somebody has created it anew. An immutable one can't be
// mended. Pods that run keep what they have mounted until the kubelet takes in the new
// one, and what a worker has read until it is started anew: its report tells.
func (r *KafkaConsumerGroupReconciler) removeEdited(ctx context.Context, configMap *corev1.ConfigMap) error {
	var have corev1.ConfigMap
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(configMap), &have)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("get ConfigMap %q: %w", configMap.Name, err)
	case !have.DeletionTimestamp.IsZero(): // what holds it may take its time
		return fmt.Errorf("ConfigMap %q is being deleted", configMap.Name)
	case !sameController(&have, configMap) || sameFiles(&have, configMap):
		return nil
	}
	err = r.Delete(ctx, &have, client.Preconditions{UID: &have.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete ConfigMap %q, whose content is not what its name says: %w", configMap.Name, err)
	}
	log.FromContext(ctx).Info("deleted a ConfigMap whose content was not what its name says", "configMap", configMap.Name)
	return nil
}

func sameController(a, b metav1.Object) bool {
	of := metav1.GetControllerOf(a)
	return of != nil && of.UID == metav1.GetControllerOf(b).UID
}

// ensureDeployment applies the Deployment unless it is already in force.
func (r *KafkaConsumerGroupReconciler) ensureDeployment(
	ctx context.Context, group *v1alpha1.KafkaConsumerGroup, configMap string, seen groupSnapshot, d decision, m *memory,
) (*appsv1.Deployment, error) {
	desired := renderDeployment(group, seen.connection.resolved, d.producer.files, configMap, d.scale.Replicas, r.Settings.ProgressDeadline)
	d.reset.mark(desired, seen.resets)
	notePass(desired, seen.resets.pass)
	content, err := json.Marshal(desired)
	if err != nil {
		return seen.deployment, fmt.Errorf("hash Deployment %q: %w", group.Name, err)
	}
	hash := hashOf(content)
	desired.Annotations[appliedHash] = hash
	if inForce(desired, seen, hash, m) {
		return seen.deployment, nil
	}
	if m.refused.hash == hash && seen.now.Sub(m.refused.at) < askAgain {
		return seen.deployment, m.refused.err
	}
	live, err := r.applyDeployment(ctx, desired, seen, m)
	if err != nil {
		if neverAccepted(err) {
			m.refused = refusal{hash: hash, at: seen.now, err: err}
		}
		return seen.deployment, err
	}
	m.refused = refusal{}
	m.applied = applied{
		hash: hash, replicas: d.scale.Replicas, uid: live.UID, generation: live.Generation, before: resourceVersion(seen.deployment), made: baselineFor(live),
	}
	return live, nil
}

// setByOthers is the Deployment's count when somebody else has changed it since our last apply.
func setByOthers(live *appsv1.Deployment, m *memory) *int32 {
	if live == nil || m.applied.uid != live.UID || live.ResourceVersion == m.applied.before ||
		live.Generation <= m.applied.generation || live.Spec.Replicas == nil || *live.Spec.Replicas == m.applied.replicas {
		return nil
	}
	return live.Spec.Replicas
}

// inForce tells whether an apply would change nothing. A Deployment whose
// generation is ours and whose labels and annotations are there is as we applied
// it; one seen for the first time must hold all that we want, with our hash.
func inForce(desired *appsv1.Deployment, seen groupSnapshot, hash string, m *memory) bool {
	live := seen.deployment
	if live == nil || seen.owned != ownedByUs {
		return false
	}
	if m.applied.hash == "" { // after a restart
		if live.Annotations[appliedHash] != hash || !equality.Semantic.DeepDerivative(desired.Spec, live.Spec) {
			return false
		}
		m.applied = applied{hash: hash, replicas: *desired.Spec.Replicas, uid: live.UID, generation: live.Generation, made: baselineFor(live)}
	}
	if m.applied.hash != hash || m.applied.uid != live.UID {
		return false
	}
	if m.applied.unseenBy(live) {
		return true
	}
	return live.Generation == m.applied.generation &&
		hasAll(live.Labels, desired.Labels) && hasAll(live.Annotations, desired.Annotations)
}

// applyDeployment applies with force on what is ours already. Without a
// Deployment there is no force, so that one created by someone else in between
// is a conflict and not silently taken. What asks for workers is applied to the
// version that it was decided on, and no other.
func (r *KafkaConsumerGroupReconciler) applyDeployment(ctx context.Context, desired *appsv1.Deployment, seen groupSnapshot, m *memory) (*appsv1.Deployment, error) {
	u, err := toApply(desired)
	if err != nil {
		return nil, err
	}
	options := []client.ApplyOption{client.FieldOwner(FieldManager)}
	if seen.deployment != nil {
		u.SetUID(seen.deployment.UID)
		options = append(options, client.ForceOwnership)
	}
	base, made := baselineOf(seen, m), (*unstructured.Unstructured)(nil)
	err = guarded(func() error {
		made = u.DeepCopy()
		if seen.deployment == nil || *desired.Spec.Replicas > 0 {
			made.SetResourceVersion(base.version)
		}
		return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(made), options...)
	}, func() (bool, error) { return r.rebased(ctx, desired, &base) })
	if err != nil {
		return nil, fmt.Errorf("apply Deployment %q: %w", desired.Name, err)
	}
	return fromUnstructured(made)
}

// rebased takes in the version of a Deployment that is still the same, but for its status.
func (r *KafkaConsumerGroupReconciler) rebased(ctx context.Context, desired *appsv1.Deployment, base *baseline) (bool, error) {
	var now appsv1.Deployment
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(desired), &now)
	if err != nil || !base.still(&now) {
		return false, client.IgnoreNotFound(err) //nolint:wrapcheck // applyDeployment says what was attempted
	}
	base.version = now.ResourceVersion
	return true, nil
}

func fromUnstructured(u *unstructured.Unstructured) (*appsv1.Deployment, error) {
	var live appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &live); err != nil {
		return nil, fmt.Errorf("read the applied Deployment %q: %w", u.GetName(), err)
	}
	return &live, nil
}

// removeUnused deletes our configurations that no ReplicaSet refers to. While the
// Deployment's controller has not seen the newest spec, a ReplicaSet may be missing.
func (r *KafkaConsumerGroupReconciler) removeUnused(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, current string, seen groupSnapshot) error {
	if seen.deployment == nil || seen.deployment.Status.ObservedGeneration < seen.deployment.Generation {
		return nil
	}
	used := map[string]bool{current: true, configMapOf(seen.deployment.Spec.Template): true}
	for i := range seen.replicaSets {
		used[configMapOf(seen.replicaSets[i].Spec.Template)] = true
	}
	for i := range seen.configMaps {
		if cm := &seen.configMaps[i]; !used[cm.Name] && metav1.IsControlledBy(cm, group) && cm.DeletionTimestamp.IsZero() {
			if err := client.IgnoreNotFound(r.Delete(ctx, cm.DeepCopy(), client.Preconditions{UID: &cm.UID})); err != nil {
				return fmt.Errorf("delete unused ConfigMap %q: %w", cm.Name, err)
			}
		}
	}
	return nil
}

func configMapOf(template corev1.PodTemplateSpec) string {
	for _, v := range template.Spec.Volumes {
		if v.Name == configVolume && v.ConfigMap != nil {
			return v.ConfigMap.Name
		}
	}
	return ""
}

func resourceVersion(deployment *appsv1.Deployment) string {
	if deployment == nil {
		return ""
	}
	return deployment.ResourceVersion
}

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// refresh reads the workload if what is held may no longer be true: another spec,
// another label, or news while its pods roll. A cache that lags behind our own
// apply is no news.
func (w *Workloads) refresh(ctx context.Context, of workload, m *workloadMemory) error {
	m.version = of.ResourceVersion
	if held := m.live; held != nil && (of.ResourceVersion == held.version || of.Generation < held.generation ||
		of.Generation == held.generation && of.carries() == held.policy && held.rollout.done && held.rollout.observed) {
		return nil
	}
	live, err := w.readWorkload(ctx, of)
	if live != nil {
		live.stays(m.live)
	}
	m.live = live
	return err
}

// giveNow creates the ConfigMap, then applies what is not there of the rest.
func (r *KafkaProducerPolicyReconciler) giveNow(
	ctx context.Context, seen deliverySnapshot, w workload, wants *delivery, m *workloadMemory,
) (refused string, err error) {
	generation, rolls, again := m.live.generation, m.live.fields != wants.fields, resync
	if !seen.ready(wants.configMap) {
		refused, err = r.ensureFiles(ctx, wants.configMap)
	}
	if refused == "" && err == nil && rolls {
		again = refusedAgainAfter
		refused, err = r.applyTo(ctx, w, policyLabels(wants.policy), wants.template, m)
	}
	switch {
	case err != nil:
	case refused != "":
		m.refused = refusedFields{fields: wants.fields, generation: generation, version: m.version, at: seen.now, again: again, why: refused}
	case rolls:
		m.applied.noteApplied(wants.fields, seen.now)
		r.Recorder.Eventf(w, nil, corev1.EventTypeNormal, "ProducerPolicyGiven", "Apply", "KafkaProducerPolicy %q gave it the settings of ConfigMap %q", wants.policy, wants.configMap.Name)
		log.FromContext(ctx).Info("gave the workload the policy's settings", "kind", w.kind, "workload", w.Name, "configMap", wants.configMap.Name)
	}
	return refused, err
}

// takeBackNow releases all that our field manager owns; what others own too stays.
func (r *KafkaProducerPolicyReconciler) takeBackNow(ctx context.Context, seen deliverySnapshot, w workload, m *workloadMemory) (refused string, err error) {
	generation := m.live.generation
	refused, err = r.applyTo(ctx, w, nil, nil, m)
	switch {
	case err != nil:
	case refused != "":
		if refused != m.refused.why { // of a policy that is gone no status tells it
			log.FromContext(ctx).Info("can't take the settings back from the workload", "kind", w.kind, "workload", w.Name, "reason", refused)
		}
		m.refused = refusedFields{generation: generation, version: m.version, at: seen.now, again: refusedAgainAfter, why: refused}
	default:
		m.applied = appliedFields{}
		r.Recorder.Eventf(w, nil, corev1.EventTypeNormal, "ProducerPolicyTakenBack", "Release", "the settings of KafkaProducerPolicy %q were taken back", seen.policy.Name)
		log.FromContext(ctx).Info("took the policy's settings back from the workload", "kind", w.kind, "workload", w.Name)
	}
	return refused, err
}

// applyTo applies without force: what another manager has set is its own, but for
// the name of an older ConfigMap of ours. Who goes back to an older template, as
// kubectl rollout undo does, owns that name, and means nothing by it.
func (r *KafkaProducerPolicyReconciler) applyTo(
	ctx context.Context, w workload, labels map[string]string, template *corev1ac.PodTemplateSpecApplyConfiguration, m *workloadMemory,
) (refused string, err error) {
	owner := client.FieldOwner(ProducerFieldManager)
	err = r.Apply(ctx, applyOf(w, labels, template), owner)
	if isProducerFilesName(m.live.configMap, w.Name) && onlyOurName(err) {
		err = r.Apply(ctx, applyOf(w, labels, template), owner, client.ForceOwnership)
	}
	refused, err = refusalOr(err, "apply to %s %q", w.kind, w.Name)
	if refused == "" {
		m.live = nil // what came of it is read
	}
	return refused, err
}

// ensureFiles creates the ConfigMap. One that has the name already is used if it
// is what its name says, and is not touched otherwise.
func (r *KafkaProducerPolicyReconciler) ensureFiles(ctx context.Context, wants *corev1.ConfigMap) (refused string, err error) {
	err = r.Create(ctx, wants.DeepCopy(), client.FieldOwner(ProducerFieldManager))
	if !apierrors.IsAlreadyExists(err) {
		return refusalOr(err, "create ConfigMap %q", wants.Name)
	}
	var have corev1.ConfigMap
	if err := r.Workloads.live.Get(ctx, client.ObjectKeyFromObject(wants), &have); err != nil {
		return refusalOr(err, "read ConfigMap %q", wants.Name)
	}
	switch {
	case !have.DeletionTimestamp.IsZero():
		return "", fmt.Errorf("ConfigMap %q is being deleted", wants.Name)
	case !sameFiles(&have, wants):
		return fmt.Sprintf("ConfigMap %q was made by somebody else: its content is not what its name says. Delete it", wants.Name), nil
	case isMarked(&have, wants):
		return "", nil // the cache lags behind
	}
	u, err := toApply(wants)
	if err != nil {
		return "", err
	}
	err = r.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(ProducerFieldManager))
	return refusalOr(err, "mark ConfigMap %q", wants.Name)
}

// refusalOr tells what the API server refuses, in words for the policy's status,
// from what may pass by itself.
func refusalOr(err error, format string, args ...any) (refused string, passing error) {
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil, apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return "", nil
	case !errors.As(err, &status):
	case len(conflictsIn(status.Status())) > 0:
		return strings.Join(conflictsIn(status.Status()), "; "), nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err):
		words := status.Status().Message
		return "the API server refuses it: " + strings.ToValidUTF8(words[:min(len(words), 600)], ""), nil
	}
	return "", fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// onlyOurName: nothing is in the way of an apply but the name of our ConfigMap.
func onlyOurName(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	causes := status.Status().Details.Causes
	return len(causes) == 1 && causes[0].Type == metav1.CauseTypeFieldManagerConflict && causes[0].Field == filesNameField
}

// filesNameField is the name of the ConfigMap in a workload.
const filesNameField = `.spec.template.spec.volumes[name="` + producerVolume + `"].configMap.name`

// conflictsIn says whose fields were in the way.
func conflictsIn(status metav1.Status) []string {
	if status.Details == nil {
		return nil
	}
	var conflicts []string
	for _, cause := range status.Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := cause.Message
		if parts := strings.Split(cause.Message, `"`); len(parts) > 2 {
			manager = parts[1]
		}
		conflicts = append(conflicts, fmt.Sprintf("%q has set %s", manager, cause.Field))
	}
	return conflicts
}

package controllers

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// groupWorkloads are the KafkaConsumerGroups that name the policy, and what
// their workers run.
func (r *KafkaProducerPolicyReconciler) groupWorkloads(ctx context.Context, policy *v1alpha1.KafkaProducerPolicy) ([]v1alpha1.ProducerWorkload, error) {
	var groups v1alpha1.KafkaConsumerGroupList
	err := r.List(ctx, &groups, client.InNamespace(policy.Namespace), client.MatchingFields{policyRefIndex: policy.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list KafkaConsumerGroups with policy %q: %w", client.ObjectKeyFromObject(policy), err)
	}
	var workloads []v1alpha1.ProducerWorkload
	for i := range groups.Items {
		group := &groups.Items[i]
		if !group.DeletionTimestamp.IsZero() {
			continue
		}
		run, err := r.observeGroup(ctx, group)
		if err != nil {
			return nil, err
		}
		one := judgeGroup(policy.Status.InForce, policy.Name, run, previousOf(policy, group.Name), r.Reports)
		one.Kind, one.Name = groupKind, group.Name
		workloads = append(workloads, one)
	}
	return workloads, nil
}

// groupRun is a group with its workers, by the cache.
type groupRun struct {
	group *v1alpha1.KafkaConsumerGroup
	// deployment is nil while there is none that is the group's.
	deployment *appsv1.Deployment
	pods       []corev1.Pod
}

func (r *KafkaProducerPolicyReconciler) observeGroup(ctx context.Context, group *v1alpha1.KafkaConsumerGroup) (groupRun, error) {
	run, key := groupRun{group: group}, client.ObjectKeyFromObject(group)
	var deployment appsv1.Deployment
	err := r.Get(ctx, key, &deployment)
	if client.IgnoreNotFound(err) != nil {
		return run, fmt.Errorf("get Deployment %q: %w", key, err)
	}
	if !apierrors.IsNotFound(err) && metav1.IsControlledBy(&deployment, group) {
		run.deployment = &deployment
	}
	var pods corev1.PodList
	err = r.List(ctx, &pods, client.InNamespace(group.Namespace), client.MatchingLabels(selectorLabels(group)), client.UnsafeDisableDeepCopy)
	if err != nil {
		return run, fmt.Errorf("list pods of %q: %w", key, err)
	}
	run.pods = pods.Items
	return run, nil
}

// previousOf is what the policy's status says of a group.
func previousOf(policy *v1alpha1.KafkaProducerPolicy, group string) *v1alpha1.ProducerWorkload {
	for i := range policy.Status.Workloads {
		if w := &policy.Status.Workloads[i]; w.Kind == groupKind && w.Name == group {
			return w
		}
	}
	return nil
}

// judgeGroup tells the state of a group. What was said last stays while a pod is
// being asked, so that neither a restart nor another worker is news. A roll is over
// with the last pod from before and the first that is ready; scaling begins none, and
// pods that turn not ready later don't either.
func judgeGroup(inForce *v1alpha1.ProducerInForce, policy string, run groupRun, last *v1alpha1.ProducerWorkload, reports podReports) v1alpha1.ProducerWorkload {
	alive, current, old := run.sorted()
	var files producerFileSet
	if inForce != nil {
		files = renderProducer(policy, *inForce) // the hashes in it may be of another version of Lagrange
	}
	one := v1alpha1.ProducerWorkload{State: v1alpha1.WorkloadRolling, Pods: int32(len(alive))}
	switch {
	case inForce == nil:
		one.State, one.Message = v1alpha1.WorkloadNotReporting, "the policy has no settings in force yet"
		return one
	case !isGiven(run.group.Status.ProducerPolicy, policy, files.told()):
		one.Message = notGiven(run.group)
		return one
	case run.deployment == nil:
		one.Message = "its Deployment is being created"
		return one
	}
	wants := &delivery{container: containerSeen{name: workerconfig.ContainerName}, configMap: &corev1.ConfigMap{}, reported: reportedBy(files.told())}
	said, rolls := sayings(wants, current, reports), deploymentRollout(run.deployment)
	rolls.done = !old && (len(alive) == 0 || said.ready > 0 || last != nil && last.State != v1alpha1.WorkloadRolling)
	if last != nil && said.pending && rolls.done {
		one.State, one.Message, one.Applied = last.State, last.Message, min(last.Applied, one.Pods)
		return one
	}
	judged := judgeWorkload(rolls, wants, said, alive)
	one.State, one.Message, one.Applied = judged.State, judged.Message, int32(said.applied)
	return one
}

// sorted are the pods that run or will, those of them that have what the Deployment
// gives, and whether some have what it gave before.
func (g groupRun) sorted() (alive, current []*corev1.Pod, old bool) {
	given := ""
	if g.deployment != nil {
		given = configMapOf(g.deployment.Spec.Template)
	}
	for i := range g.pods {
		pod := &g.pods[i]
		if !pod.DeletionTimestamp.IsZero() || hasEnded(pod) {
			continue
		}
		alive = append(alive, pod)
		if configMapOf(corev1.PodTemplateSpec{Spec: pod.Spec}) == given {
			current = append(current, pod)
		} else {
			old = true
		}
	}
	return alive, current, old
}

// isGiven: the group's controller has given the workers these files.
func isGiven(given *v1alpha1.GroupProducerPolicy, policy string, files []v1alpha1.ProducerFile) bool {
	return given != nil && given.Name == policy && len(given.Files) == len(files) &&
		!slices.ContainsFunc(files, func(f v1alpha1.ProducerFile) bool { return !slices.Contains(given.Files, f) })
}

// notGiven is why the workers have something else than what is in force, as far
// as the group's status tells.
func notGiven(group *v1alpha1.KafkaConsumerGroup) string {
	conditions := group.Status.Conditions
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionProducerPolicyAccepted); c != nil && c.Reason == v1alpha1.ReasonPolicyHeld {
		return c.Message
	}
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled); c != nil && c.Status == yes {
		return "its workers can't be given what is in force: " + c.Message
	}
	return "its workers are about to be given what is in force"
}

// reportedBy is the hash that workers on the Go runtime report, "" without the client sarama.
func reportedBy(files []v1alpha1.ProducerFile) string {
	for _, file := range files {
		if file.Client == v1alpha1.ClientSarama {
			return file.Hash
		}
	}
	return ""
}

// groupMattersToPolicies: it names another policy, was given something else, or
// can't be.
func groupMattersToPolicies(before, after *v1alpha1.KafkaConsumerGroup) bool {
	reason := func(g *v1alpha1.KafkaConsumerGroup, kind string) string {
		if c := meta.FindStatusCondition(g.Status.Conditions, kind); c != nil {
			return string(c.Status) + c.Reason
		}
		return ""
	}
	return !reflect.DeepEqual(before.Spec.ProducerPolicyRef, after.Spec.ProducerPolicyRef) ||
		!reflect.DeepEqual(before.Status.ProducerPolicy, after.Status.ProducerPolicy) ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
		reason(before, v1alpha1.ConditionProducerPolicyAccepted) != reason(after, v1alpha1.ConditionProducerPolicyAccepted) ||
		reason(before, v1alpha1.ConditionStalled) != reason(after, v1alpha1.ConditionStalled)
}

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// deliverySnapshot is what the caches have of a namespace when a policy of it is delivered.
type deliverySnapshot struct {
	now    time.Time
	policy types.NamespacedName
	// policies are those of the namespace, the eldest first; the policy itself is
	// missing when it is gone.
	policies  []candidate
	workloads []workload
	// configMaps carry the policy's label; mounted are those that something made
	// of a pod template refers to, wanted those that a workload is to have.
	configMaps      []corev1.ConfigMap
	mounted, wanted map[string]bool
	// had are the workloads that have, or may have, what was given under the policy's name.
	had map[types.UID]bool
	// pods are those with the policy's label, by their workload.
	pods map[types.UID][]*corev1.Pod
}

// candidate is the policy that is delivered.
func (s deliverySnapshot) candidate() candidate {
	return s.policies[slices.IndexFunc(s.policies, func(c candidate) bool { return c.name == s.policy.Name })]
}

// reported is what the policy's status says of the workload.
func (s deliverySnapshot) reported(w workload) v1alpha1.ProducerWorkload {
	for _, policy := range s.policies {
		for _, last := range policy.reported {
			if policy.name == s.policy.Name && last.Kind == w.kind && last.Name == w.Name {
				return last
			}
		}
	}
	return v1alpha1.ProducerWorkload{}
}

// keep notes that a workload is to have the ConfigMap.
func (s deliverySnapshot) keep(configMap *corev1.ConfigMap) {
	if configMap != nil {
		s.wanted[configMap.Name] = true
	}
}

// ready tells whether the ConfigMap is there, and is what its name says.
func (s deliverySnapshot) ready(wants *corev1.ConfigMap) bool {
	return wants != nil && slices.ContainsFunc(s.configMaps, func(cm corev1.ConfigMap) bool { return sameFiles(&cm, wants) && isMarked(&cm, wants) })
}

// sameFiles: the content is what is wanted, and stays.
func sameFiles(have, wants *corev1.ConfigMap) bool {
	return have.Name == wants.Name && have.DeletionTimestamp.IsZero() && have.Immutable != nil && *have.Immutable &&
		equality.Semantic.DeepEqual(have.Data, wants.Data) && len(have.BinaryData) == 0
}

// isMarked: it is found by its label, and goes with its workload.
func isMarked(have, wants *corev1.ConfigMap) bool {
	return hasAll(have.Labels, wants.Labels) && slices.ContainsFunc(have.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.UID == wants.OwnerReferences[0].UID
	})
}

func (r *KafkaProducerPolicyReconciler) observeWorkloads(ctx context.Context, policy types.NamespacedName) (deliverySnapshot, error) {
	seen := deliverySnapshot{now: r.Clock.Now(), policy: policy, wanted: map[string]bool{}}
	var policies v1alpha1.KafkaProducerPolicyList
	if err := r.List(ctx, &policies, client.InNamespace(policy.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return seen, fmt.Errorf("list the KafkaProducerPolicies of %q: %w", policy.Namespace, err)
	}
	seen.policies = candidatesOf(policies.Items)
	for _, kind := range []string{deploymentKind, statefulSetKind} {
		workloads, err := r.Workloads.list(ctx, kind, policy.Namespace)
		if err != nil {
			return seen, err
		}
		seen.workloads = append(seen.workloads, workloads...)
	}
	return seen, r.Workloads.observeMade(ctx, &seen)
}

func (w *Workloads) list(ctx context.Context, kind, namespace string) ([]workload, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind(kind + "List"))
	if err := w.cache.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the %ss of %q: %w", kind, namespace, err)
	}
	workloads := make([]workload, 0, len(list.Items))
	for i := range list.Items {
		workloads = append(workloads, workload{kind, &list.Items[i]})
	}
	return workloads, nil
}

// observeMade reads what carries the policy's label because it was given the settings.
func (w *Workloads) observeMade(ctx context.Context, seen *deliverySnapshot) error {
	var configMaps corev1.ConfigMapList
	var pods corev1.PodList
	var replicaSets appsv1.ReplicaSetList
	var revisions appsv1.ControllerRevisionList
	for _, list := range []client.ObjectList{&configMaps, &pods, &replicaSets, &revisions} {
		err := w.cache.List(ctx, list, client.InNamespace(seen.policy.Namespace), client.MatchingLabels(policyLabels(seen.policy.Name)), client.UnsafeDisableDeepCopy)
		if err != nil {
			return fmt.Errorf("list what was made for KafkaProducerPolicy %q: %w", seen.policy, err)
		}
	}
	seen.configMaps, seen.had = configMaps.Items, map[types.UID]bool{}
	for _, cm := range seen.configMaps {
		for _, owner := range cm.OwnerReferences {
			seen.had[owner.UID] = true
		}
	}
	for _, w := range seen.workloads {
		if w.carries() == seen.policy.Name {
			seen.had[w.UID] = true
		}
	}
	seen.mounted = mountedBy(pods.Items, replicaSets.Items, revisions.Items)
	seen.pods = podsByWorkload(pods.Items, replicaSets.Items)
	return nil
}

// podsByWorkload: a Deployment's pods are those of its ReplicaSets.
func podsByWorkload(pods []corev1.Pod, replicaSets []appsv1.ReplicaSet) map[types.UID][]*corev1.Pod {
	deployments := map[types.UID]types.UID{}
	for i := range replicaSets {
		if of := metav1.GetControllerOfNoCopy(&replicaSets[i]); of != nil {
			deployments[replicaSets[i].UID] = of.UID
		}
	}
	byWorkload := map[types.UID][]*corev1.Pod{}
	for i := range pods {
		if of := metav1.GetControllerOfNoCopy(&pods[i]); of != nil {
			workload := cmp.Or(deployments[of.UID], of.UID)
			byWorkload[workload] = append(byWorkload[workload], &pods[i])
		}
	}
	return byWorkload
}

// candidatesOf are the policies, the eldest first; of two of one second the uid decides.
func candidatesOf(policies []v1alpha1.KafkaProducerPolicy) []candidate {
	var sorted []*v1alpha1.KafkaProducerPolicy
	for i := range policies {
		if policies[i].DeletionTimestamp.IsZero() {
			sorted = append(sorted, &policies[i])
		}
	}
	slices.SortFunc(sorted, func(a, b *v1alpha1.KafkaProducerPolicy) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	candidates := make([]candidate, 0, len(sorted))
	for _, policy := range sorted {
		candidates = append(candidates, candidateOf(policy))
	}
	return candidates
}

func candidateOf(policy *v1alpha1.KafkaProducerPolicy) candidate {
	c := candidate{name: policy.Name, inForce: policy.Status.InForce, reported: policy.Status.Workloads}
	if policy.Spec.Selector != nil {
		c.selector, c.unreadable = metav1.LabelSelectorAsSelector(policy.Spec.Selector)
	}
	return c
}

package controllers

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// ProducerFieldManager is the name under which Lagrange gives workloads of others
// the settings of a policy. What this manager owns is all that it added.
const ProducerFieldManager = "lagrange-producer"

// The kinds of workloads that can ask for a policy's settings.
const (
	deploymentKind  = "Deployment"
	statefulSetKind = "StatefulSet"
)

// Workloads is the way to the Deployments and StatefulSets of others. A manager
// has one if its installer lets it change them.
type Workloads struct {
	cache      cache.Cache
	live       client.Reader
	namespaces workloadMemories
}

// NewWorkloads reads from a cluster whose cache has the options of WorkloadCache.
func NewWorkloads(from cluster.Cluster) *Workloads {
	return &Workloads{cache: from.GetCache(), live: from.GetAPIReader()}
}

// WorkloadCache holds the metadata of all Deployments and StatefulSets of the
// namespaces (all for none), since by an annotation nothing can be selected; and
// whole what carries a policy's label: the label of the pod template brings it to
// the ReplicaSets, the revisions of StatefulSets, and the pods.
func WorkloadCache(namespaces map[string]cache.Config) cache.Options {
	metadata := cache.ByObject{Transform: stripWorkload}
	delivered := cache.ByObject{Label: withPolicyLabel(), Transform: cache.TransformStripManagedFields()}
	return cache.Options{
		DefaultNamespaces: namespaces,
		ByObject: map[client.Object]cache.ByObject{
			metadataOf(deploymentKind): metadata, metadataOf(statefulSetKind): metadata,
			&corev1.Pod{}: delivered, &corev1.ConfigMap{}: delivered,
			&appsv1.ReplicaSet{}: delivered, &appsv1.ControllerRevision{}: delivered,
		},
	}
}

func withPolicyLabel() labels.Selector {
	selector, err := labels.Parse(v1alpha1.LabelProducerPolicy)
	if err != nil {
		panic(err) // a constant
	}
	return selector
}

func metadataOf(kind string) *metav1.PartialObjectMetadata {
	var o metav1.PartialObjectMetadata
	o.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind(kind))
	return &o
}

// stripWorkload leaves of a workload's metadata what deliveries are decided by.
func stripWorkload(o any) (any, error) {
	full, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return o, nil // the cache tells of a deletion that it missed
	}
	slim := &metav1.PartialObjectMetadata{TypeMeta: full.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: full.Namespace, Name: full.Name, UID: full.UID, Labels: full.Labels,
		ResourceVersion: full.ResourceVersion, Generation: full.Generation,
		CreationTimestamp: full.CreationTimestamp, DeletionTimestamp: full.DeletionTimestamp,
	}}
	if container, asks := full.Annotations[v1alpha1.AnnotationProducerContainer]; asks {
		slim.Annotations = map[string]string{v1alpha1.AnnotationProducerContainer: container}
	}
	return slim, nil
}

// workload is a Deployment or StatefulSet as the cache has it.
type workload struct {
	kind string
	*metav1.PartialObjectMetadata
}

// asksFor is the container that is to have the settings, "" when the workload does not ask.
func (w workload) asksFor() string { return w.Annotations[v1alpha1.AnnotationProducerContainer] }

// carries is the policy whose settings the workload was given.
func (w workload) carries() string { return w.Labels[v1alpha1.LabelProducerPolicy] }

// workloadMemories are kept of workloads between reconciles, by namespace. After a
// restart all is read anew.
type workloadMemories struct {
	mu          sync.Mutex
	byNamespace map[string]*namespaceMemory
}

// namespaceMemory has a lock that whoever delivers in the namespace holds: two
// policies that select one workload decide one after the other, by the same cache.
type namespaceMemory struct {
	mu    sync.Mutex
	byUID map[types.UID]*workloadMemory
}

func (m *workloadMemories) of(namespace string) *namespaceMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byNamespace == nil {
		m.byNamespace = map[string]*namespaceMemory{}
	}
	if m.byNamespace[namespace] == nil {
		m.byNamespace[namespace] = &namespaceMemory{byUID: map[types.UID]*workloadMemory{}}
	}
	return m.byNamespace[namespace]
}

func (n *namespaceMemory) of(uid types.UID) *workloadMemory {
	if n.byUID[uid] == nil {
		n.byUID[uid] = &workloadMemory{}
	}
	return n.byUID[uid]
}

// keepOnly forgets workloads that are gone.
func (n *namespaceMemory) keepOnly(workloads []workload) {
	there := make(map[types.UID]bool, len(workloads))
	for _, w := range workloads {
		there[w.UID] = true
	}
	for uid := range n.byUID {
		if !there[uid] {
			delete(n.byUID, uid)
		}
	}
}

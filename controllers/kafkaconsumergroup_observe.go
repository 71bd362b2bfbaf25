package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/lag"
)

// groupSnapshot is everything one reconcile knows. It is read once, at the start.
type groupSnapshot struct {
	now time.Time
	// deployment is the Deployment of the group's name, nil when there is none.
	deployment *appsv1.Deployment
	// owned tells whose the deployment is.
	owned ownership
	pods  []corev1.Pod
	// configMaps are the group's, replicaSets tell which of them are in use.
	configMaps  []corev1.ConfigMap
	replicaSets []appsv1.ReplicaSet
	// connection is how Kafka is reached, as it was last resolved.
	connection heldConnection
	// sample is the newest sample; sampled is false before the first one.
	sample  kafka.GroupSample
	sampled bool
	// lag is what the sample makes, with the ones before it.
	lag lag.Group
	// cluster is the cluster that is meant, and whether another one answers.
	cluster clusterSeen
	// resets are who has the group, and who wants it.
	resets resetSeen
	// policy is the producer policy that the group names.
	policy policySeen
	// kept are the offsets that were kept of the group, by its status; nil for none.
	kept *v1alpha1.KeptOffsets
	// mayNotDelete: the consumer group is to be deleted with the object, and the broker will refuse it.
	mayNotDelete bool
	// elder is an older object with the same cluster and group, "" when there is none.
	elder string
	// elderPending: an older object has the same group id, and its cluster isn't known yet.
	elderPending bool
}

// ownership is whose a Deployment of the group's name is.
type ownership int

const (
	ownedByNobody ownership = iota // there is none
	ownedByUs                      // its controller is this object
	ownedOrphan                    // ours by its identity labels, without a controller: orphaned or restored
	ownedByOthers                  // anything else
)

// observe reads everything into one snapshot and asks for samples from now on.
func (r *KafkaConsumerGroupReconciler) observe(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, m *memory) (groupSnapshot, error) {
	seen := groupSnapshot{now: r.Clock.Now()}
	err := r.resolveConnection(ctx, group, m)
	if err != nil {
		return seen, err
	}
	seen.connection = m.connection
	r.sample(group, &seen, statusNow(group, m))
	if seen.deployment, err = r.deploymentOf(ctx, group, m); err != nil {
		return seen, err
	}
	seen.owned = ownershipOf(group, seen.deployment)
	if err := r.listWorkers(ctx, group, &seen); err != nil {
		return seen, err
	}
	if err := r.observePolicy(ctx, group, &seen, m); err != nil {
		return seen, err
	}
	r.keepFresh(group, seen, m)
	if err := r.observeResets(ctx, group, &seen, m); err != nil {
		return seen, err
	}
	seen.elder, seen.elderPending, err = r.elderOf(ctx, group, seen)
	return seen, err
}

// sample asks for samples of the group, and takes in the newest.
func (r *KafkaConsumerGroupReconciler) sample(group *v1alpha1.KafkaConsumerGroup, seen *groupSnapshot, last v1alpha1.KafkaConsumerGroupStatus) {
	owner := client.ObjectKeyFromObject(group).String()
	if seen.connection.known {
		held := r.views.of(owner)
		held.setOptions(lagOptions(group.Spec.Consumer))
		r.Samples.Watch(owner, subscriptionOf(group, seen.connection.resolved))
		if seen.sample, seen.sampled = r.Samples.Latest(owner); seen.sampled {
			held.take(seen.sample)
			now := held.now()
			seen.sample, seen.lag = now.sample, now.lag
		}
	}
	before := clusterSeen{id: last.ClusterID, servers: last.BootstrapServers, other: last.OtherClusterID}
	seen.cluster = judgeCluster(seen.connection.clusterID, seen.connection.connection.BootstrapServers, before, seen.sample.ClusterID)
	if seen.cluster.changed != nil {
		seen.lag = lag.Group{} // that of another cluster
	}
}

// lagOptions are what the lag of a group depends on besides its offsets.
func lagOptions(spec v1alpha1.ConsumerSpec) lag.Options {
	return lag.Options{
		Initial:           kafka.InitialOffset(spec.InitialOffset),
		MaxProcessingTime: spec.MaxProcessingTime.Duration,
		CommitInterval:    commitInterval(spec),
	}
}

// keepFresh asks for a fresh look at the group's members when its spec, its
// count or its workers changed: the next decisions depend on them.
func (r *KafkaConsumerGroupReconciler) keepFresh(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory) {
	now := asked{generation: group.Generation, replicas: m.applied.replicas}
	for i := range seen.pods {
		if isReady(&seen.pods[i]) {
			now.ready++
		}
	}
	if seen.sampled && m.asked != (asked{}) && m.asked != now {
		r.Samples.Refresh(client.ObjectKeyFromObject(group).String())
	}
	m.asked = now
}

func subscriptionOf(group *v1alpha1.KafkaConsumerGroup, r resolved) kafkaadmin.Subscription {
	return kafkaadmin.Subscription{
		Connection:   r.connection,
		GroupID:      group.Spec.GroupID,
		Topics:       topicsOf(group),
		TopicPattern: group.Spec.TopicPattern,
		Isolation:    kafka.Isolation(group.Spec.Consumer.IsolationLevel),
	}
}

// topicsOf are the group's topics, sorted: their order in the spec has no meaning.
func topicsOf(group *v1alpha1.KafkaConsumerGroup) []string {
	topics := make([]string, 0, len(group.Spec.Topics))
	for _, t := range group.Spec.Topics {
		topics = append(topics, string(t))
	}
	slices.Sort(topics)
	return topics
}

// deploymentOf reads the Deployment of the group's name. The cache holds only
// those with our label; what isn't in it, and what is seen for the first time,
// is read from the API server, since its replicas may be held.
func (r *KafkaConsumerGroupReconciler) deploymentOf(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, m *memory) (*appsv1.Deployment, error) {
	var deployment appsv1.Deployment
	key := client.ObjectKeyFromObject(group)
	err := r.Get(ctx, key, &deployment)
	if apierrors.IsNotFound(err) || (err == nil && m.applied.hash == "") {
		err = r.Live.Get(ctx, key, &deployment)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // no Deployment is a fact, not a failure
	}
	if err != nil {
		return nil, fmt.Errorf("get Deployment %q: %w", key, err)
	}
	return &deployment, nil
}

func ownershipOf(group *v1alpha1.KafkaConsumerGroup, deployment *appsv1.Deployment) ownership {
	if deployment == nil {
		return ownedByNobody
	}
	controller := metav1.GetControllerOf(deployment)
	switch {
	case controller != nil && controller.UID == group.UID:
		return ownedByUs
	case controller == nil && hasAll(deployment.Labels, identityLabels(group)):
		return ownedOrphan
	}
	return ownedByOthers
}

func (r *KafkaConsumerGroupReconciler) listWorkers(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen *groupSnapshot) error {
	ours := []client.ListOption{client.InNamespace(group.Namespace), client.MatchingLabels(selectorLabels(group))}
	var pods corev1.PodList
	var configMaps corev1.ConfigMapList
	var replicaSets appsv1.ReplicaSetList
	for _, list := range []client.ObjectList{&pods, &configMaps, &replicaSets} {
		if err := r.List(ctx, list, append(ours, client.UnsafeDisableDeepCopy)...); err != nil {
			return fmt.Errorf("list %T of %q: %w", list, client.ObjectKeyFromObject(group), err)
		}
	}
	seen.pods, seen.configMaps, seen.replicaSets = pods.Items, configMaps.Items, replicaSets.Items
	slices.SortFunc(seen.pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// elderOf names the oldest other object with the same cluster and group, and
// tells whether an older one may yet turn out to have the same cluster.
func (r *KafkaConsumerGroupReconciler) elderOf(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) (elder string, pending bool, err error) {
	var same v1alpha1.KafkaConsumerGroupList
	err = r.List(ctx, &same, client.MatchingFields{groupIDIndex: group.Spec.GroupID}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return "", false, fmt.Errorf("list KafkaConsumerGroups of group %q: %w", group.Spec.GroupID, err)
	}
	eldest := group
	for i := range same.Items {
		other := &same.Items[i]
		switch {
		case other.UID == group.UID || !other.DeletionTimestamp.IsZero() || !older(other, eldest):
		case seen.sameCluster(other, r.serversOf(ctx, other)):
			eldest = other
		default:
			pending = pending || clusterPending(other)
		}
	}
	if eldest == group {
		return "", pending, nil
	}
	return client.ObjectKeyFromObject(eldest).String(), false, nil
}

// clusterPending: the first look at the object's cluster has not ended.
func clusterPending(group *v1alpha1.KafkaConsumerGroup) bool {
	return group.Status.ClusterID == "" && !meta.IsStatusConditionFalse(group.Status.Conditions, v1alpha1.ConditionKafkaReachable)
}

// undecided: the first workers wait for the first sample, which comes soon also
// from a broker that is away. It tells how many they should be, and by the
// cluster's id whether the group is the younger of two: workers once started stay.
func (s groupSnapshot) undecided() bool {
	waits := s.connection.known && !s.sampled || s.elderPending
	return waits && s.owned != ownedByUs && s.owned != ownedByOthers
}

// sameCluster compares cluster ids, and bootstrap servers while an id isn't known.
func (s groupSnapshot) sameCluster(other *v1alpha1.KafkaConsumerGroup, servers []string) bool {
	if s.cluster.id != "" && other.Status.ClusterID != "" {
		return s.cluster.id == other.Status.ClusterID
	}
	return slices.ContainsFunc(s.connection.servers(), func(server string) bool { return slices.Contains(servers, server) })
}

// serversOf are another group's bootstrap servers: those in its spec or its
// KafkaConnection, else those that it last came to.
func (r *KafkaConsumerGroupReconciler) serversOf(ctx context.Context, other *v1alpha1.KafkaConsumerGroup) []string {
	spec, err := kafkaOf(ctx, r, other.Namespace, other.Spec.Kafka)
	if err != nil || len(spec.BootstrapServers) == 0 {
		return strings.Split(other.Status.BootstrapServers, ",")
	}
	return serverNames(spec)
}

// older breaks the tie of equal creation times by uid, so that exactly one of two gives way.
func older(a, b *v1alpha1.KafkaConsumerGroup) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.UID < b.UID
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// usable tells whether the sample may decide anything: it exists, a broker of
// the right cluster answered, and it is young.
func (s groupSnapshot) usable(maxAge time.Duration) bool {
	return s.sampled && s.sample.ConnectionErr == nil && s.cluster.changed == nil && s.now.Sub(s.sample.At) <= maxAge
}

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaconsumergroups,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaconsumergroups/status,verbs=patch
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaconsumergroups/finalizers,verbs=update
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaoffsetresets,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// groupKind is the kind of the objects of this file.
const groupKind = "KafkaConsumerGroup"

// Samples is where the lag of groups comes from; kafkaadmin.Pool is one.
type Samples interface {
	// Watch asks that a group be sampled for an owner until Forget.
	Watch(owner string, s kafkaadmin.Subscription)
	// Forget ends what Watch began.
	Forget(owner string)
	// Latest is the newest sample of what the owner now watches.
	Latest(owner string) (kafka.GroupSample, bool)
	// Refresh asks for a fresh look at the owner's group soon.
	Refresh(owner string)
	// WatchCluster asks that a cluster be looked at for an owner until ForgetCluster.
	WatchCluster(owner string, c kafkaadmin.Connection)
	// ForgetCluster ends what WatchCluster began.
	ForgetCluster(owner string)
	// LatestCluster is the newest look at the cluster that the owner now watches.
	LatestCluster(owner string) (kafka.ClusterSample, bool)
}

// Settings are the installer's choices for all groups.
type Settings struct {
	// ScaleDownAfter is how long a count must have been too high before it goes down.
	ScaleDownAfter time.Duration
	// ProgressDeadline is how long a rollout or a scale-up may take before it counts as failed.
	ProgressDeadline time.Duration
	// SampleMaxAge is the age at which a sample decides nothing any more.
	SampleMaxAge time.Duration
	// NeverJoinedAfter is how long ready workers may be without members and commits.
	NeverJoinedAfter time.Duration
	// UnreachableAfter is how long the broker may be away before Ready goes False.
	UnreachableAfter time.Duration
	// StatusWritesPerSecond bounds the writes that only refresh numbers, over all groups.
	StatusWritesPerSecond float64
	// MaxConcurrentReconciles is how many groups are worked on at once.
	MaxConcurrentReconciles int
	// AllowAmbientCredentials lets connections use the manager's own cloud identity.
	AllowAmbientCredentials bool
}

// DefaultSettings are the settings without flags. 2 minutes of cool-down is
// several times what a pod needs to start and a group to rebalance; 5 minutes
// without a broker is longer than a broker's restart.
func DefaultSettings() Settings {
	return Settings{
		ScaleDownAfter:          2 * time.Minute,
		ProgressDeadline:        10 * time.Minute,
		SampleMaxAge:            30 * time.Second,
		NeverJoinedAfter:        2 * time.Minute,
		UnreachableAfter:        5 * time.Minute,
		StatusWritesPerSecond:   5,
		MaxConcurrentReconciles: 4,
	}
}

// KafkaConsumerGroupReconciler keeps the workers of each KafkaConsumerGroup.
type KafkaConsumerGroupReconciler struct {
	// Client reads from the cache and writes.
	client.Client
	// Live reads from the API server, for the few reads that must not be stale.
	Live    client.Reader
	Samples Samples
	// Kafka is where the first offsets of a group are committed; kafkaadmin.Admin is one.
	Kafka    Offsets
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Settings Settings
	// Credentials are the Secrets and ConfigMaps that connections name, shared
	// with the other reconcilers.
	Credentials *Credentials

	memories held[memory]
	views    views
	status   statusWriter
	wakeups  wakeups
}

// Reconcile brings one group's workers to where its spec and its lag want them.
func (r *KafkaConsumerGroupReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	group, found, err := r.get(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !found {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	memory := r.memories.of(req.NamespacedName, group.UID)
	if !group.DeletionTimestamp.IsZero() {
		return r.end(ctx, group, memory)
	}
	wait, notHeld := r.holdOffsets(ctx, group)
	if wait {
		return ctrl.Result{RequeueAfter: afterConflict}, nil
	}
	seen, err := r.observe(ctx, group, memory)
	if err != nil {
		return ctrl.Result{}, err
	}
	if seen.undecided() {
		return ctrl.Result{RequeueAfter: resync}, notHeld // the first sample wakes it
	}
	decided := r.keep(ctx, group, seen, r.decide(group, seen, memory), memory)
	decided = r.seed(ctx, group, seen, decided, memory)
	done := r.apply(ctx, group, seen, decided, memory)
	seen.mayNotDelete = !r.mayDelete(ctx, group, seen, memory) // which may take a while
	wrote, err := r.report(ctx, group, seen, decided, done, memory)
	return outcome(decided, done, wrote, errors.Join(err, notHeld))
}

// get reads the group; found is false when it is gone, or going with nothing to do.
func (r *KafkaConsumerGroupReconciler) get(ctx context.Context, key types.NamespacedName) (*v1alpha1.KafkaConsumerGroup, bool, error) {
	var group v1alpha1.KafkaConsumerGroup
	err := r.Get(ctx, key, &group)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("get KafkaConsumerGroup %q: %w", key, err)
	}
	return &group, group.DeletionTimestamp.IsZero() || controllerutil.ContainsFinalizer(&group, offsetsFinalizer), nil
}

// forget ends everything held for a group that is gone. Its Deployment and
// ConfigMaps go by their owner reference.
func (r *KafkaConsumerGroupReconciler) forget(key types.NamespacedName) {
	r.Samples.Forget(key.String())
	r.Credentials.keep(credentialUser{groupKind, key}, nil)
	r.memories.forget(key)
	r.views.forget(key.String())
}

// OnSample tells the reconciler that a new sample of the owner exists. It is
// what the pool is given as Options.OnSample.
func (r *KafkaConsumerGroupReconciler) OnSample(owner string) {
	sample, sampled := r.Samples.Latest(owner)
	held, known := r.views.known(owner)
	if !sampled || !known {
		return
	}
	key := keyOf(owner)
	if held.take(sample) {
		r.wakeups.wake(key)
	}
	if credentialsRefused(sample) {
		r.Credentials.suspect(credentialUser{groupKind, key})
	}
}

// keyOf is the object that an owner's name stands for.
func keyOf(owner string) types.NamespacedName {
	namespace, name, _ := strings.Cut(owner, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// SetupWithManager registers the reconciler, its index and its watches.
func (r *KafkaConsumerGroupReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	r.Credentials.onChange(groupKind, r.wakeups.wake)
	r.status = newStatusWriter(r.Client, r.Live, r.Clock, r.Settings.StatusWritesPerSecond)
	if err := indexGroups(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	err := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.KafkaConsumerGroup{}, builder.WithPredicates(specOrDeletion())).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.ConfigMap{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(byGroupLabel), builder.WithPredicates(podMatters())).
		Watches(&appsv1.ReplicaSet{}, handler.EnqueueRequestsFromMapFunc(byGroupLabel), builder.WithPredicates(onlyDeletes())).
		Watches(&v1alpha1.KafkaConnection{}, handler.EnqueueRequestsFromMapFunc(r.referring), builder.WithPredicates(specOrDeletion())).
		Watches(&v1alpha1.KafkaProducerPolicy{}, handler.EnqueueRequestsFromMapFunc(r.namingPolicy), builder.WithPredicates(givesGroupsOtherwise())).
		Watches(&v1alpha1.KafkaOffsetReset{}, handler.EnqueueRequestsFromMapFunc(byGroupRef), builder.WithPredicates(phaseChanges())).
		Watches(&v1alpha1.KafkaConsumerGroup{}, handler.EnqueueRequestsFromMapFunc(r.rivals), builder.WithPredicates(identityChanges())).
		WatchesRawSource(source.Func(r.wakeups.start)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Settings.MaxConcurrentReconciles}).
		Complete(reconcile.Func(r.Reconcile))
	if err != nil {
		return fmt.Errorf("set up the KafkaConsumerGroup controller: %w", err)
	}
	return nil
}

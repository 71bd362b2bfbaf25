package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaconnections,verbs=get;list;watch
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaconnections/status,verbs=patch

// connectionKind is the kind of the objects of this file.
const connectionKind = "KafkaConnection"

// KafkaConnectionReconciler tells how each KafkaConnection is. It changes
// nothing: the groups that refer to one read its spec themselves.
type KafkaConnectionReconciler struct {
	// Client reads from the cache and writes.
	client.Client
	Samples     Samples
	Recorder    events.EventRecorder
	Clock       clock.PassiveClock
	Settings    Settings
	Credentials *Credentials

	memories held[connectionMemory]
	wakeups  wakeups
}

// Reconcile looks at one connection and reports.
func (r *KafkaConnectionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	connection, found, err := r.get(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !found {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	seen := r.observe(ctx, connection)
	err = r.report(ctx, connection, seen)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	return ctrl.Result{RequeueAfter: resync}, err
}

// get reads the connection; found is false when it is gone or going.
func (r *KafkaConnectionReconciler) get(ctx context.Context, key types.NamespacedName) (*v1alpha1.KafkaConnection, bool, error) {
	var connection v1alpha1.KafkaConnection
	err := r.Get(ctx, key, &connection)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("get KafkaConnection %q: %w", key, err)
	}
	return &connection, connection.DeletionTimestamp.IsZero(), nil
}

func (r *KafkaConnectionReconciler) forget(key types.NamespacedName) {
	r.Samples.ForgetCluster(key.String())
	r.Credentials.keep(credentialUser{connectionKind, key}, nil)
	r.memories.forget(key)
}

// OnCluster tells the reconciler that a new look at the owner's cluster exists.
// It is what the pool is given as Options.OnCluster.
func (r *KafkaConnectionReconciler) OnCluster(owner string) {
	key := keyOf(owner)
	r.wakeups.wake(key)
	if sample, ok := r.Samples.LatestCluster(owner); ok && credentialsFailed(sample.Err) {
		r.Credentials.suspect(credentialUser{connectionKind, key})
	}
}

// SetupWithManager registers the reconciler and its watches.
func (r *KafkaConnectionReconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.Credentials.onChange(connectionKind, r.wakeups.wake)
	err := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.KafkaConnection{}, builder.WithPredicates(specOrDeletion())).
		WatchesRawSource(source.Func(r.wakeups.start)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Settings.MaxConcurrentReconciles}).
		Complete(reconcile.Func(r.Reconcile))
	if err != nil {
		return fmt.Errorf("set up the KafkaConnection controller: %w", err)
	}
	return nil
}

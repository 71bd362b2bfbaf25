package controllers

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaproducerpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaproducerpolicies/status,verbs=patch

// policyKind is the kind of the objects of this file.
const policyKind = "KafkaProducerPolicy"

// ConfigSurveys is where the settings of topics and brokers come from;
// kafkaadmin.Surveys is one.
type ConfigSurveys interface {
	// Watch asks that topics be surveyed for an owner until Forget.
	Watch(owner string, s kafkaadmin.ConfigSubscription)
	// Forget ends what Watch began.
	Forget(owner string)
	// Latest is the newest survey of what the owner now watches.
	Latest(owner string) (kafka.ConfigSurvey, bool)
}

// KafkaProducerPolicyReconciler holds each KafkaProducerPolicy against its topics,
// keeps what was accepted last, and gives it to the workloads that asked for it.
// The group controller gives it to the workers of KafkaConsumerGroups.
type KafkaProducerPolicyReconciler struct {
	// Client reads from the cache and writes.
	client.Client
	Surveys     ConfigSurveys
	Recorder    events.EventRecorder
	Clock       clock.PassiveClock
	Settings    Settings
	Credentials *Credentials
	// Workloads are those of others, nil where Lagrange may not change them; Reports
	// is what their pods say.
	Workloads *Workloads
	Reports   *Reports

	memories held[policyMemory]
	wakeups  wakeups
}

// policyMemory is what is kept of a policy between reconciles.
type policyMemory struct {
	connection heldConnection
	// wrote is when the status was written last.
	wrote time.Time
}

// Reconcile brings one policy's verdict, files and workloads up to date.
func (r *KafkaProducerPolicyReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	policy, found, err := r.get(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !found {
		r.forget(req.NamespacedName)
		return r.release(ctx, req.NamespacedName)
	}
	seen, err := r.observe(ctx, policy)
	if err != nil {
		return ctrl.Result{}, err
	}
	decided := decidePolicy(policy, seen)
	done, failed := r.deliver(ctx, policy)
	wait, err := r.report(ctx, policy, seen, decided, done)
	err = errors.Join(failed, err)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	return ctrl.Result{RequeueAfter: wait}, err
}

// get reads the policy; found is false when it is gone or going.
func (r *KafkaProducerPolicyReconciler) get(ctx context.Context, key types.NamespacedName) (*v1alpha1.KafkaProducerPolicy, bool, error) {
	var policy v1alpha1.KafkaProducerPolicy
	err := r.Get(ctx, key, &policy)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("get KafkaProducerPolicy %q: %w", key, err)
	}
	return &policy, policy.DeletionTimestamp.IsZero(), nil
}

func (r *KafkaProducerPolicyReconciler) forget(key types.NamespacedName) {
	r.Surveys.Forget(key.String())
	r.Credentials.keep(credentialUser{policyKind, key}, nil)
	r.memories.forget(key)
	forgetPolicyGauges(key)
}

// OnConfigs tells the reconciler that a new survey of the owner's topics exists.
// It is what the surveys are given as Options.OnConfigs.
func (r *KafkaProducerPolicyReconciler) OnConfigs(owner string) {
	key := keyOf(owner)
	r.wakeups.wake(key)
	if survey, ok := r.Surveys.Latest(owner); ok && credentialsFailed(survey.Err) {
		r.Credentials.suspect(credentialUser{policyKind, key})
	}
}

// SetupWithManager registers the reconciler, its indexes and its watches.
func (r *KafkaProducerPolicyReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	r.Credentials.onChange(policyKind, r.wakeups.wake)
	r.Reports.onReport(r.reported)
	r.Reports.onReport(r.reportedByWorker)
	if err := indexPolicies(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.KafkaProducerPolicy{}, builder.WithPredicates(predicate.Or(specOrDeletion(), inForceChanges()))).
		Watches(&v1alpha1.KafkaConnection{}, handler.EnqueueRequestsFromMapFunc(r.referring), builder.WithPredicates(specOrDeletion())).
		WatchesRawSource(source.Func(r.wakeups.start)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Settings.MaxConcurrentReconciles})
	for _, source := range append(r.groupSources(mgr.GetCache()), r.workloadSources(mgr.GetCache())...) {
		b.WatchesRawSource(source)
	}
	err := b.Complete(reconcile.Func(r.Reconcile))
	if err != nil {
		return fmt.Errorf("set up the KafkaProducerPolicy controller: %w", err)
	}
	return nil
}

// referring are the policies that refer to a KafkaConnection.
func (r *KafkaProducerPolicyReconciler) referring(ctx context.Context, o client.Object) []reconcile.Request {
	return requestsOf(ctx, r, &v1alpha1.KafkaProducerPolicyList{}, client.InNamespace(o.GetNamespace()), client.MatchingFields{connectionRefIndex: o.GetName()})
}

// inForceChanges: what is delivered is what the status says, once it says so.
func inForceChanges() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.KafkaProducerPolicy), e.ObjectNew.(*v1alpha1.KafkaProducerPolicy)
			return !reflect.DeepEqual(before.Status.InForce, after.Status.InForce)
		},
	}
}

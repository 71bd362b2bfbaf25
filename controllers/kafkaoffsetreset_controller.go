package controllers

import (
	"context"
	"errors"
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
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaoffsetresets,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaoffsetresets/status,verbs=patch
// +kubebuilder:rbac:groups=kafka.lagrange.dev,resources=kafkaoffsetresets/finalizers,verbs=update
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=list
// +kubebuilder:rbac:groups=keda.sh,resources=scaledobjects,verbs=list

const (
	// resetKind is the kind of the objects of this file.
	resetKind = "KafkaOffsetReset"
	// resetLabel is on the ConfigMaps of a reset, with its uid.
	resetLabel = "kafka.lagrange.dev/offset-reset"
	// resetFinalizer keeps a reset that has its group until the group has its workers again.
	resetFinalizer = "kafka.lagrange.dev/offset-reset"
	// replanAnnotation asks for another plan before approval: its value is the
	// revision of the plan that is there.
	replanAnnotation = "kafka.lagrange.dev/replan"
	// resumeAnnotation, "true", starts the workers of a reset with resume: false.
	resumeAnnotation = "kafka.lagrange.dev/resume"
)

// Offsets reads and writes the offsets of groups; kafkaadmin.Admin is one. The
// errors wrap those of internal/kafka. A write is one request, made once.
type Offsets interface {
	// Survey reads all that a reset needs to know, or fails as a whole.
	Survey(ctx context.Context, c kafkaadmin.Connection, q kafkaadmin.Question) (kafka.Survey, error)
	// Membership reads the group's state and members alone.
	Membership(ctx context.Context, c kafkaadmin.Connection, groupID string) (kafka.Membership, error)
	// Commit commits for a group without members.
	Commit(ctx context.Context, c kafkaadmin.Connection, groupID string, commits []kafka.PartitionCommit) error
	// Delete deletes commits of a group without members.
	Delete(ctx context.Context, c kafkaadmin.Connection, groupID string, partitions []kafka.TopicPartition) error
	// RemoveStatic removes static members from the group.
	RemoveStatic(ctx context.Context, c kafkaadmin.Connection, groupID string, instanceIDs []string) error
	// Retention is how long the commits of a group without members last, 0 where the broker does not say it.
	Retention(ctx context.Context, c kafkaadmin.Connection, groupID string) (time.Duration, error)

	Groups
}

// KafkaOffsetResetReconciler carries out each KafkaOffsetReset, one step after
// another. It decides by what it reads from the API server and from Kafka itself,
// never from a cache, and each write to Kafka is stored as an intent before.
type KafkaOffsetResetReconciler struct {
	// Client writes; its cache is used for what decides nothing.
	client.Client
	// Live reads from the API server.
	Live     client.Reader
	Kafka    Offsets
	Samples  Samples
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Settings Settings
	// Credentials are shared with the other reconcilers.
	Credentials *Credentials
	// CommitLimit is how many bytes of records one commit request may make at
	// first. Default: resetplan.CommitLimit.
	CommitLimit int32

	memories held[resetMemory]
	wakeups  wakeups
}

// resetMemory is what is kept of a reset between reconciles. None of it is needed
// to be right.
type resetMemory struct {
	connection heldConnection
	// failures is how often in a row Kafka could not be asked.
	failures int
	// uncertain is how often in a row the outcome of a commit was not known.
	uncertain int
	// replay is when the replay last got on.
	replay resetplan.Pace
}

// Reconcile takes one reset one step further.
func (r *KafkaOffsetResetReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	reset, found, err := r.get(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !found {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	t, err := r.observe(ctx, reset)
	if err != nil {
		return resetEnding(0, err)
	}
	wait, err := r.step(ctx, t)
	if err != nil {
		return resetEnding(0, err)
	}
	return resetEnding(wait, r.report(ctx, t))
}

// resetEnding maps what happened to an ending: a conflict means that there is
// something newer to look at. That something else was not found is a failure.
func resetEnding(wait time.Duration, err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: afterConflict}, nil
	case errors.Is(err, errResetGone):
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// step does what the reset's phase asks for.
func (r *KafkaOffsetResetReconciler) step(ctx context.Context, t *resetTurn) (time.Duration, error) {
	if t.offsetsDeleted() {
		return r.deletedWithGroup(ctx, t)
	}
	if done, err := r.leave(ctx, t); done || err != nil {
		return 0, err
	}
	switch t.status.Phase {
	case v1alpha1.PhasePlanning:
		return r.plan(ctx, t)
	case v1alpha1.PhasePlanned:
		return r.awaitApproval(ctx, t)
	case v1alpha1.PhaseApproved:
		return r.awaitTurn(ctx, t)
	case v1alpha1.PhaseDraining:
		return r.drain(ctx, t)
	case v1alpha1.PhaseRechecking:
		return r.recheck(ctx, t)
	case v1alpha1.PhaseCommitting:
		return r.commit(ctx, t)
	case v1alpha1.PhaseVerifying:
		return r.verify(ctx, t)
	case v1alpha1.PhaseResuming:
		return r.resume(ctx, t)
	default:
		return r.finished(ctx, t)
	}
}

// get reads the reset from the API server.
func (r *KafkaOffsetResetReconciler) get(ctx context.Context, key types.NamespacedName) (*v1alpha1.KafkaOffsetReset, bool, error) {
	var reset v1alpha1.KafkaOffsetReset
	err := r.Live.Get(ctx, key, &reset)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("get KafkaOffsetReset %q: %w", key, err)
	}
	return &reset, true, nil
}

func (r *KafkaOffsetResetReconciler) forget(key types.NamespacedName) {
	r.Credentials.keep(credentialUser{resetKind, key}, nil)
	r.memories.forget(key)
}

// SetupWithManager registers the reconciler and its watches.
func (r *KafkaOffsetResetReconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.Credentials.onChange(resetKind, r.wakeups.wake)
	err := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.KafkaOffsetReset{}, builder.WithPredicates(predicate.Or(specOrDeletion(), predicate.AnnotationChangedPredicate{}))).
		Watches(&v1alpha1.KafkaConsumerGroup{}, handler.EnqueueRequestsFromMapFunc(activeResetOf), builder.WithPredicates(resetsOfGroupChange())).
		WatchesRawSource(source.Func(r.wakeups.start)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Settings.MaxConcurrentReconciles}).
		Complete(reconcile.Func(r.Reconcile))
	if err != nil {
		return fmt.Errorf("set up the KafkaOffsetReset controller: %w", err)
	}
	return nil
}

// activeResetOf are the resets that a group speaks of: the one that has it, and
// the last that had it, which waits for its workers.
func activeResetOf(_ context.Context, o client.Object) []reconcile.Request {
	status := o.(*v1alpha1.KafkaConsumerGroup).Status
	var requests []reconcile.Request
	add := func(name string) {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}})
	}
	if status.ActiveReset != nil {
		add(status.ActiveReset.Name)
	}
	if len(status.Resets) > 0 {
		add(status.Resets[0].Name)
	}
	return requests
}

// resetsOfGroupChange: what a reset waits for in its group.
func resetsOfGroupChange() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.KafkaConsumerGroup).Status, e.ObjectNew.(*v1alpha1.KafkaConsumerGroup).Status
			return !sameActive(before.ActiveReset, after.ActiveReset) || before.AvailableReplicas != after.AvailableReplicas
		},
	}
}

func sameActive(a, b *v1alpha1.ActiveReset) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

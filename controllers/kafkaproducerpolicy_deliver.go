package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// delivered is what became of a policy's workloads.
type delivered struct {
	// workloads are those that the policy is for, in any order.
	workloads []v1alpha1.ProducerWorkload
	// notEnabled: the policy selects workloads, and the installer has not let
	// Lagrange change any.
	notEnabled bool
	// unreadable is why its selector selects nothing, nil when it can be read.
	unreadable error
}

// deliver gives what the policy's status has in force to the workloads that
// asked for it, and finds out what they and the workers of groups run. Of what
// could not be looked at stays what was said last.
func (r *KafkaProducerPolicyReconciler) deliver(ctx context.Context, policy *v1alpha1.KafkaProducerPolicy) (delivered, error) {
	groups, failed := r.groupWorkloads(ctx, policy)
	if failed != nil {
		groups = saidOf(policy, func(kind string) bool { return kind == groupKind })
	}
	done := delivered{workloads: groups, notEnabled: policy.Spec.Selector != nil && r.Workloads == nil}
	if r.Workloads == nil {
		return done, failed
	}
	workloads, _, err := r.deliverAll(ctx, client.ObjectKeyFromObject(policy))
	if err != nil && workloads == nil {
		workloads = saidOf(policy, func(kind string) bool { return kind != groupKind })
	}
	done.workloads, done.unreadable = append(done.workloads, workloads...), candidateOf(policy).unreadable
	return done, errors.Join(failed, err)
}

// saidOf is what the policy's status says of workloads of these kinds.
func saidOf(policy *v1alpha1.KafkaProducerPolicy, of func(kind string) bool) []v1alpha1.ProducerWorkload {
	return slices.DeleteFunc(slices.Clone(policy.Status.Workloads), func(w v1alpha1.ProducerWorkload) bool { return !of(w.Kind) })
}

// release takes what a policy that is gone had added from workloads. No finalizer
// keeps a policy: the workloads' labels, and those of their ConfigMaps, tell.
func (r *KafkaProducerPolicyReconciler) release(ctx context.Context, policy types.NamespacedName) (ctrl.Result, error) {
	if r.Workloads == nil {
		return ctrl.Result{}, nil
	}
	_, waits, err := r.deliverAll(ctx, policy)
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: time.Second}, nil
	case waits:
		return ctrl.Result{RequeueAfter: resync}, err
	}
	return ctrl.Result{}, err
}

// deliverAll brings all workloads to what they are to have of the policy, which
// may be gone. What failed for one keeps none of the others. waits tells that one
// of them has to be looked at again without news.
func (r *KafkaProducerPolicyReconciler) deliverAll(ctx context.Context, policy types.NamespacedName) (all []v1alpha1.ProducerWorkload, waits bool, err error) {
	memory := r.Workloads.namespaces.of(policy.Namespace)
	memory.mu.Lock()
	defer memory.mu.Unlock()
	seen, err := r.observeWorkloads(ctx, policy)
	if err != nil {
		return nil, false, err
	}
	memory.keepOnly(seen.workloads)
	var failed []error
	for _, w := range seen.workloads {
		one := r.deliverOne(ctx, seen, w, memory.of(w.UID))
		waits = waits || one.waits
		if one.State != "" {
			one.Kind, one.Name = w.kind, w.Name
			all = append(all, one.ProducerWorkload)
		}
		if one.err != nil {
			failed = append(failed, fmt.Errorf("%s %q: %w", w.kind, w.Name, one.err))
		}
	}
	failed = append(failed, r.removeUnmounted(ctx, seen, memory))
	return all, waits, errors.Join(failed...)
}

// workloadResult is what became of one workload.
type workloadResult struct {
	v1alpha1.ProducerWorkload
	// waits: it is to be looked at again without news.
	waits bool
	err   error
}

func result(state v1alpha1.ProducerWorkloadState, why string) workloadResult {
	return workloadResult{ProducerWorkload: v1alpha1.ProducerWorkload{State: state, Message: why}}
}

// failing is of a workload that can't be read or changed for a passing reason:
// what was said of it last stays.
func failing(err error, last v1alpha1.ProducerWorkload) workloadResult {
	return workloadResult{ProducerWorkload: last, err: err}
}

// deliverOne does what the policy is to do about one workload.
func (r *KafkaProducerPolicyReconciler) deliverOne(ctx context.Context, seen deliverySnapshot, w workload, m *workloadMemory) workloadResult {
	c := claimOf(seen.policy.Name, w, seen.had[w.UID], seen.policies)
	if c.act == leave {
		return result(c.state, c.why)
	}
	if err := r.Workloads.refresh(ctx, w, m); err != nil {
		return failing(err, seen.reported(w))
	}
	switch {
	case m.live == nil:
		return workloadResult{} // it is gone
	case c.act == takeBack:
		return r.takeBack(ctx, seen, w, c, m)
	}
	return r.give(ctx, seen, w, m)
}

func (r *KafkaProducerPolicyReconciler) give(ctx context.Context, seen deliverySnapshot, w workload, m *workloadMemory) workloadResult {
	wants := deliveryTo(w, m.live, seen.candidate())
	seen.keep(wants.configMap)
	live, d := m.live, decideGiving(wants, seen.ready(wants.configMap), *m, seen.now)
	switch d.act {
	case actRefuse, actWait:
		return result(v1alpha1.WorkloadConflict, d.why)
	case actApply:
		refused, err := r.giveNow(ctx, seen, w, wants, m)
		if err != nil {
			return failing(err, seen.reported(w))
		}
		if refused != "" {
			return result(v1alpha1.WorkloadConflict, refused)
		}
		if live.fields != wants.fields {
			return result(v1alpha1.WorkloadRolling, replacing)
		}
	}
	m.applied.noteInForce(seen.now)
	return reportWorkload(live.rollout, wants, seen.pods[w.UID], r.Reports, seen.reported(w))
}

func (r *KafkaProducerPolicyReconciler) takeBack(ctx context.Context, seen deliverySnapshot, w workload, c claim, m *workloadMemory) workloadResult {
	d := decideTakingBack(*m, seen.now)
	refused := d.why
	if d.act == actRelease {
		var err error
		if refused, err = r.takeBackNow(ctx, seen, w, m); err != nil {
			return failing(err, seen.reported(w))
		}
	}
	one := result(c.state, c.why)
	if refused != "" {
		one = result(v1alpha1.WorkloadConflict, "what the policy added can't be taken back: "+refused)
		one.waits = true
	}
	return one
}

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// countsWait is how long counts of pods wait after a write.
const countsWait = 5 * time.Second

// maxWorkloads is how many workloads a status lists.
const maxWorkloads = 100

// report writes the status if it says something else than before, tells what
// changed as events, and sets the gauges. What only counts pods waits for countsWait
// since the last write: a roll of 100 pods is no 200 writes. wait is until the next
// look without news.
func (r *KafkaProducerPolicyReconciler) report(
	ctx context.Context, policy *v1alpha1.KafkaProducerPolicy, seen policySnapshot, d policyDecision, done delivered,
) (wait time.Duration, err error) {
	before, after := policy.Status, policyStatus(policy, seen, d, done)
	setPolicyGauges(policy, after)
	m := r.memories.of(client.ObjectKeyFromObject(policy), policy.UID)
	switch {
	case equality.Semantic.DeepEqual(before, after):
		return resync, nil
	case seen.now.Sub(m.wrote) < countsWait && equality.Semantic.DeepEqual(withoutCounts(before), withoutCounts(after)):
		return countsWait - seen.now.Sub(m.wrote), nil
	}
	next := policy.DeepCopy()
	next.Status = after
	err = r.Status().Patch(ctx, next, client.MergeFromWithOptions(policy, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("write the status of KafkaProducerPolicy %q: %w", client.ObjectKeyFromObject(policy), err)
	}
	m.wrote = seen.now
	for _, e := range policyEvents(before, after) {
		r.Recorder.Eventf(policy, nil, e.kind, e.reason, e.action, "%s", e.shortNote())
		e.log(ctx)
	}
	return resync, nil
}

// withoutCounts is what is written at once when it changes.
func withoutCounts(s v1alpha1.KafkaProducerPolicyStatus) v1alpha1.KafkaProducerPolicyStatus {
	s = *s.DeepCopy()
	s.WorkloadSummary = ""
	for i := range s.Workloads {
		s.Workloads[i].Pods, s.Workloads[i].Applied, s.Workloads[i].Message = 0, 0, ""
	}
	for i := range s.Conditions {
		switch s.Conditions[i].Type {
		case v1alpha1.ConditionApplied, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
			s.Conditions[i].Message = "" // what they say of the policy Accepted says too
		}
	}
	return s
}

// policyStatus is the status after this look. What could not be checked stays as
// it was said last.
func policyStatus(policy *v1alpha1.KafkaProducerPolicy, seen policySnapshot, d policyDecision, done delivered) v1alpha1.KafkaProducerPolicyStatus {
	after := *policy.Status.DeepCopy()
	after.ClusterID, after.BootstrapServers, after.OtherClusterID = seen.cluster.id, seen.cluster.servers, seen.cluster.other
	after.Effective = &v1alpha1.EffectiveProducer{}
	*after.Effective = d.settings
	switch {
	case d.unchecked == nil:
		after.InForce = d.inForce
		after.Findings, after.FindingCounts = d.findings, &d.counts
		after.Topics, after.TopicCount = d.topics, int32(d.topicCount)
	case after.ObservedGeneration != policy.Generation:
		after.Topics = nil // they are counted anew at the first look with this spec
	}
	if !equality.Semantic.DeepEqual(filesInForce(policy.Status), filesInForce(after)) {
		done.workloads = outdated(done.workloads)
	}
	after.Workloads, after.WorkloadSummary = workloadsSeen(done.workloads)
	setPolicyConditions(policy, &after, seen, d, done)
	after.ObservedGeneration = policy.Generation
	return after
}

func filesInForce(s v1alpha1.KafkaProducerPolicyStatus) []v1alpha1.ProducerFile {
	if s.InForce == nil {
		return nil
	}
	return s.InForce.Files
}

// outdated are workloads that were looked at before something else came into force:
// what they run is not that, and whoever waits for Applied must not see it before.
func outdated(workloads []v1alpha1.ProducerWorkload) []v1alpha1.ProducerWorkload {
	workloads = slices.Clone(workloads)
	for i := range workloads {
		w := &workloads[i]
		if w.State != v1alpha1.WorkloadNotAsked && w.State != v1alpha1.WorkloadConflict {
			w.State, w.Applied, w.Message = v1alpha1.WorkloadRolling, 0, "it is about to be given what is in force"
		}
	}
	return workloads
}

// stateOrder are the states, the worst first, and those that did not ask at the
// end: they are the first that there is no room for.
var stateOrder = []v1alpha1.ProducerWorkloadState{
	v1alpha1.WorkloadConflict, v1alpha1.WorkloadDrifted, v1alpha1.WorkloadRolling, v1alpha1.WorkloadNotReporting,
	v1alpha1.WorkloadApplied, v1alpha1.WorkloadNotAsked,
}

// workloadsSeen are the workloads as a status has them, the worst first, and how
// many of those that asked run what is in force.
func workloadsSeen(workloads []v1alpha1.ProducerWorkload) ([]v1alpha1.ProducerWorkload, string) {
	sorted := slices.SortedFunc(slices.Values(workloads), func(a, b v1alpha1.ProducerWorkload) int {
		return cmp.Or(
			cmp.Compare(slices.Index(stateOrder, a.State), slices.Index(stateOrder, b.State)),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	applied, asked := 0, 0
	for _, w := range sorted {
		if w.State != v1alpha1.WorkloadNotAsked {
			asked++
		}
		if w.State == v1alpha1.WorkloadApplied {
			applied++
		}
	}
	if asked == 0 {
		return sorted[:min(len(sorted), maxWorkloads)], ""
	}
	return sorted[:min(len(sorted), maxWorkloads)], fmt.Sprintf("%d/%d", applied, asked)
}

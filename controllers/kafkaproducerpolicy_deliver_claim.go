package controllers

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// candidate is a policy of the namespace, as far as it is about workloads.
type candidate struct {
	name string
	// selector is nil for a policy that selects none. One that can't be read
	// selects what has the policy's settings already: a slip of the pen rolls nothing.
	selector   labels.Selector
	unreadable error
	inForce    *v1alpha1.ProducerInForce
	// reported is what its status says of workloads.
	reported []v1alpha1.ProducerWorkload
}

// selects tells whether the workload asks, or could ask, for the policy's settings.
func (c candidate) selects(w workload) bool {
	if c.unreadable != nil {
		return w.carries() == c.name
	}
	return c.selector != nil && c.selector.Matches(labels.Set(w.Labels))
}

// keeperOf is the policy whose settings the workload has or gets, of candidates
// whose eldest is first: the eldest that selects it and has something in force.
// Where none has, the one whose settings it carries keeps it: a policy that was
// deleted and created again has nothing in force for a moment.
func keeperOf(w workload, policies []candidate) (candidate, bool) {
	if w.asksFor() == "" {
		return candidate{}, false
	}
	for _, gives := range []func(candidate) bool{
		func(c candidate) bool { return c.inForce != nil },
		func(c candidate) bool { return c.name == w.carries() },
	} {
		at := slices.IndexFunc(policies, func(c candidate) bool { return c.selects(w) && gives(c) })
		if at >= 0 {
			return policies[at], true
		}
	}
	return candidate{}, false
}

// claimAct is what a policy is to do about a workload, as far as metadata tell.
type claimAct int

const (
	// leave: nothing.
	leave claimAct = iota
	// give it the settings in force.
	give
	// takeBack what was given under the policy's name.
	takeBack
)

// claim is what a policy has to do with a workload.
type claim struct {
	act claimAct
	// state and why are of a workload that is selected and not given anything;
	// empty for one that the policy is not about.
	state v1alpha1.ProducerWorkloadState
	why   string
}

// claimOf is the claim of the policy of that name, which may be gone. had tells
// that the workload has, or may have, what was given under that name.
//
// The Deployment of a KafkaConsumerGroup is never touched: its controller is the
// one writer, and the one that knows when an offset reset forbids a roll. So no
// workload that is given something here can be in a reset.
func claimOf(policy string, w workload, had bool, policies []candidate) claim {
	at := slices.IndexFunc(policies, func(c candidate) bool { return c.name == policy && c.selects(w) })
	keeper, kept := keeperOf(w, policies)
	group := w.Labels[groupLabel]
	switch {
	case !w.DeletionTimestamp.IsZero(), group != "" && (at < 0 || w.asksFor() == ""):
		return claim{}
	case group != "":
		return claim{state: v1alpha1.WorkloadConflict, why: fmt.Sprintf("it belongs to KafkaConsumerGroup %q: name the policy in its spec.producerPolicyRef", group)}
	case at < 0 || w.asksFor() == "":
		return unasked(at >= 0, had && !kept)
	case policies[at].inForce == nil:
		return claim{state: v1alpha1.WorkloadNotReporting, why: "the policy has nothing in force to give it"}
	case keeper.name != policy:
		return claim{state: v1alpha1.WorkloadConflict, why: fmt.Sprintf("KafkaProducerPolicy %q, which is older, selects it too", keeper.name)}
	}
	return claim{act: give}
}

func unasked(selected, returns bool) claim {
	var c claim
	if returns {
		c.act = takeBack
	}
	if selected {
		c.state, c.why = v1alpha1.WorkloadNotAsked, "it has no annotation "+v1alpha1.AnnotationProducerContainer
	}
	return c
}

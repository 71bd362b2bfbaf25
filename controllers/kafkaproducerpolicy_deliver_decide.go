package controllers

import (
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// deliveryAct is what is to be done with a workload.
type deliveryAct int

const (
	// actNothing: all is as it is to be.
	actNothing deliveryAct = iota
	// actApply: it gets the settings.
	actApply
	// actRelease: what it was given is taken back.
	actRelease
	// actWait: it stays as it is, for the reason given, until the next look.
	actWait
	// actRefuse: it can't have them, for the reason given, until somebody changes it.
	actRefuse
)

// deliveryDecision is what is to be done with a workload, and why not more.
type deliveryDecision struct {
	act deliveryAct
	why string
}

// decideTakingBack decides on a workload that is to have nothing of ours.
func decideTakingBack(m workloadMemory, now time.Time) deliveryDecision {
	switch {
	case m.live.fields == "":
		return deliveryDecision{}
	case m.stillRefused("", now):
		return deliveryDecision{actWait, m.refused.why}
	}
	return deliveryDecision{act: actRelease}
}

// decideGiving decides on a workload that is to have what wants says; ready tells
// that its ConfigMap is there.
func decideGiving(wants *delivery, ready bool, m workloadMemory, now time.Time) deliveryDecision {
	switch {
	case !wants.found:
		return deliveryDecision{actRefuse, fmt.Sprintf("its annotation %s names the container %q, and it has %s",
			v1alpha1.AnnotationProducerContainer, wants.container.name, m.live.containerNames())}
	case m.live.fields == wants.fields && ready:
		return deliveryDecision{}
	case m.stillRefused(wants.fields, now):
		return deliveryDecision{actWait, m.refused.why}
	case m.live.fields != wants.fields && m.applied.fields == wants.fields && m.applied.times >= 2 && now.Sub(m.applied.at) < undoneAgainAfter:
		return deliveryDecision{actWait, fmt.Sprintf("somebody takes away what the policy adds, again and again, %q perhaps, which was the last other to write it: "+
			"it is added once more every %.0f minutes", m.live.lastWriter, undoneAgainAfter.Minutes())}
	}
	return deliveryDecision{act: actApply}
}

func (l *liveWorkload) containerNames() string {
	var names []string
	for _, c := range l.containers {
		names = append(names, fmt.Sprintf("%q", c.name))
	}
	return strings.Join(names, ", ")
}

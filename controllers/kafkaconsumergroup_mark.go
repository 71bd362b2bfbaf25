package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// A manager may be frozen anywhere, also right before it starts workers, and go on
// when another one leads and a reset has the group. What it decided on is then old,
// and its apply must fail, although the count was 0 before and is 0 now:
//
//	frozen:  reads the Deployment (version 7) ─ reads that no reset has the group ─────────── applies 5 workers to version 7: refused
//	leading:                                      claim in the group's status ─ mark (version 8) ─ stopped ─ the reset commits
//
// The mark changes the version also of a Deployment that is at 0 already, comes after
// the claim, and before anything is committed: stopped is said of a marked one only.
// An apply that asks for workers carries the version that was read before the claim.

// stoppedForAnnotation is on the Deployment of a group whose workers a reset has
// stopped: its name and uid. It tells people too why there are no workers.
const stoppedForAnnotation = "kafka.lagrange.dev/stopped-for"

// noVersion is the resourceVersion of no object. An apply that carries it creates
// one, and is refused where there is one.
const noVersion = "1"

// markFor is the mark of the reset that has the group by the group's status, or has
// left its commits unfinished; empty for none.
func markFor(active *v1alpha1.ActiveReset, unfinished *v1alpha1.UnfinishedReset) string {
	mark := func(name string, uid types.UID) string { return name + "/" + string(uid) }
	switch {
	case active != nil:
		return mark(active.Name, active.UID)
	case unfinished != nil:
		return mark(unfinished.Name, unfinished.UID)
	}
	return ""
}

// mark puts the mark on a Deployment whose workers are stopped. A claim is that of the
// status, not one that this reconcile is about to write. Commits that a reset has left
// unfinished are marked in the reconcile that takes them over: no worker runs before
// or after.
func (d resetDecision) mark(desired *appsv1.Deployment, seen resetSeen) {
	if mark := markFor(seen.active, d.unfinished); d.stops != "" && mark != "" {
		desired.Annotations[stoppedForAnnotation] = mark
	}
}

func markOf(deployment *appsv1.Deployment) string {
	if deployment == nil {
		return ""
	}
	return deployment.Annotations[stoppedForAnnotation]
}

// toldByCache: the claims of the status are no older than the Deployment. Where it
// has the mark of another claim, or no workers, they may be.
func toldByCache(status v1alpha1.KafkaConsumerGroupStatus, deployment *appsv1.Deployment, present int32) bool {
	known := markFor(status.ActiveReset, status.UnfinishedReset)
	works := present > 0 && deployment != nil && deployment.Spec.Replicas != nil && *deployment.Spec.Replicas > 0
	return markOf(deployment) == known && (known != "" || works)
}

// baseline is the Deployment that a decision was made on: what says that it is
// still the same, but for its status.
type baseline struct {
	uid        types.UID
	generation int64
	version    string
	mark       string
}

// baselineOf is that of the snapshot, or what our own last apply made of it, where
// the cache has not seen that yet.
func baselineOf(seen groupSnapshot, m *memory) baseline {
	live := seen.deployment
	switch {
	case live == nil:
		return baseline{version: noVersion}
	case m.applied.unseenBy(live):
		return m.applied.made
	}
	return baselineFor(live)
}

func baselineFor(live *appsv1.Deployment) baseline {
	return baseline{uid: live.UID, generation: live.Generation, version: live.ResourceVersion, mark: markOf(live)}
}

// still: only the status of the Deployment is another now, which nothing is decided by.
func (b baseline) still(live *appsv1.Deployment) bool {
	return b.uid == live.UID && b.generation == live.Generation && b.mark == markOf(live) && live.DeletionTimestamp.IsZero()
}

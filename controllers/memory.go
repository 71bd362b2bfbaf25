package controllers

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/autoscale"
)

// memory is what is kept of a group between reconciles. All of it is rebuilt
// after a restart; none of it is needed to be right.
type memory struct {
	connection heldConnection
	asked      asked
	scaling    autoscale.State
	applied    applied
	given      givenFiles
	refused    refusal
	written    written
	keeping    keeping
	seeding    seeding
	ending     endingMemory
}

// asked is what the group looked like when a fresh sample was last asked for.
type asked struct {
	generation int64
	replicas   int32
	ready      int
}

// refusal is what the API server said to an apply, so that the same isn't asked
// of it again and again.
type refusal struct {
	hash string
	at   time.Time
	err  error
}

// askAgain is when a refused apply is tried once more: what refused it may have
// been a quota or a webhook.
const askAgain = 5 * time.Minute

// applied is the last Deployment that we applied.
type applied struct {
	// hash is that of the whole applied configuration, empty for none yet.
	hash string
	// replicas is the count in it.
	replicas int32
	// uid and generation are the Deployment's after the apply.
	uid        types.UID
	generation int64
	// before is the resourceVersion that the apply replaced: a cache that still shows it is stale.
	before string
	// made is what the apply made of it.
	made baseline
}

// unseenBy: the cache, which shows this, has not seen our apply yet.
func (a applied) unseenBy(live *appsv1.Deployment) bool {
	return a.uid == live.UID && (live.ResourceVersion == a.before || live.Generation < a.generation)
}

// written is the last status that we wrote.
type written struct {
	// before is the resourceVersion in the cache at the write, after the one that the write made.
	before, after string
	at            time.Time
	status        *v1alpha1.KafkaConsumerGroupStatus
}

package controllers

import (
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Where a partition has no commit, latest is wherever the log ends when a worker
// opens it. One that ends before its first commit leaves the next one an end
// that has moved on: what came in between is skipped. So the offsets are
// committed before the first worker starts:
//
//	no workers, no members, partitions without a commit ──> survey ──> commit ──> workers
//
// The broker takes such a commit from nobody but a group without members. A
// manager that is killed before it does it again, and one that is killed after
// it finds nothing to do. Between survey and commit, a moment, somebody who joins,
// commits and leaves again is overwritten: Kafka has no conditional commit.

// seedDecision is what a reconcile is to do about partitions without a commit.
type seedDecision struct {
	// starts: workers are about to start where there are none.
	starts bool
	// due: partitions have no commit, and are to be given one.
	due bool
	// unknown is why it isn't known whether there are such, nil when it is.
	unknown error
	// told is what the status is to say anew, nil for nothing.
	told *v1alpha1.SeedingStatus
	// again is when it is tried again, 0 for not.
	again time.Duration
}

// wantsSeeds tells whether the spec asks for it.
func wantsSeeds(spec v1alpha1.ConsumerSpec) bool {
	if spec.SeedOffsets != nil {
		return *spec.SeedOffsets
	}
	return kafka.InitialOffset(spec.InitialOffset) == kafka.InitialLatest
}

// decideSeed looks for partitions without a commit in a group that nobody works
// in. A reset has its own ideas of what is to be committed.
func decideSeed(spec v1alpha1.ConsumerSpec, seen groupSnapshot, d decision, present int32, read time.Time, maxAge time.Duration) seedDecision {
	resets := seen.resets.active != nil || seen.resets.next != nil || seen.resets.unfinished != nil || d.reset.stops != ""
	if !wantsSeeds(spec) || resets || d.blocked != nil || d.held != nil || present > 0 || anyWorker(seen) {
		return seedDecision{}
	}
	seed := seedDecision{starts: d.scale.Replicas > 0}
	switch missing, committed, err := commitsIn(seen, maxAge); {
	case err != nil:
		seed.unknown = err
	case len(seen.sample.Members) > 0 || seen.sample.State != kafka.StateEmpty && seen.sample.State != kafka.StateDead:
		return seedDecision{} // the workers will find their places among the others
	default:
		seed.due = missing > 0 && (seed.starts || committed > 0) && seen.sample.At.After(read)
	}
	return seed
}

func anyWorker(seen groupSnapshot) bool {
	return seen.deployment != nil && seen.deployment.Status.Replicas > 0 ||
		slices.ContainsFunc(seen.pods, func(p corev1.Pod) bool { return !hasEnded(&p) })
}

// commitsIn counts partitions without and with a commit. A topic that does not
// exist has none.
func commitsIn(seen groupSnapshot, maxAge time.Duration) (missing, committed int, err error) {
	switch {
	case !seen.sampled:
		return 0, 0, errors.New("the first look at the group has not ended yet")
	case seen.sample.ConnectionErr != nil:
		return 0, 0, seen.sample.ConnectionErr
	case !seen.usable(maxAge):
		return 0, 0, errors.New("the last sample is older than " + maxAge.String())
	}
	if err := errors.Join(seen.sample.TopicsErr, seen.sample.StateErr); err != nil {
		return 0, 0, err
	}
	for _, t := range seen.sample.Topics {
		if t.Err != nil && !errors.Is(t.Err, kafka.ErrTopicMissing) {
			return 0, 0, t.Err
		}
		for _, p := range t.Partitions {
			switch {
			case p.Err != nil:
				return 0, 0, p.Err
			case p.Committed == kafka.NoOffset:
				missing++
			default:
				committed++
			}
		}
	}
	return missing, committed, nil
}

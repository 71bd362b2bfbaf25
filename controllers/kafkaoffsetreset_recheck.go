package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// recheck holds the approved plan against what is committed now that nobody
// consumes, records that for a rollback, and stores what is going to be written.
func (r *KafkaOffsetResetReconciler) recheck(ctx context.Context, t *resetTurn) (time.Duration, error) {
	if r.stopped(t) {
		return r.resume(ctx, t)
	}
	survey, why := t.surveyable(ctx, r)
	if why != nil {
		t.waits(why)
		return t.retryKafka(), nil
	}
	if why, err := r.scaledByOthers(ctx, t.group); why != nil || err != nil {
		if why != nil {
			t.end(v1alpha1.PhaseFailed, why.reason, "nothing was committed: "+why.message)
			return r.resume(ctx, t)
		}
		return 0, err
	}
	if !survey.Empty() {
		until := t.status.Until
		t.status.Draining.EmptySince = nil
		t.enter(v1alpha1.PhaseDraining, 0, "a member came back")
		t.status.Until = until
		return drainLook, nil
	}
	drained, problems, err := r.held(ctx, t, survey)
	switch {
	case err != nil:
		return 0, err
	case len(problems) > 0:
		t.endUncommitted(problems[0])
		return r.resume(ctx, t)
	case len(drained.Writes) == 0:
		t.end(v1alpha1.PhaseSucceeded, v1alpha1.ReasonDone, "nothing had to be committed")
		return r.resume(ctx, t)
	}
	return r.intend(ctx, t, drained)
}

func (t *resetTurn) surveyable(ctx context.Context, r *KafkaOffsetResetReconciler) (kafka.Survey, *trouble) {
	if why := t.reachable(); why != nil {
		return kafka.Survey{}, why
	}
	return r.survey(ctx, t, t.question())
}

// held is the plan against the survey.
func (r *KafkaOffsetResetReconciler) held(ctx context.Context, t *resetTurn, survey kafka.Survey) (resetplan.Drained, []resetplan.Problem, error) {
	rows, err := r.documents().rowsOf(ctx, t.reset.Namespace, t.status.Plan.Rows)
	if lost := tablesLost(err); lost != nil {
		return resetplan.Drained{}, []resetplan.Problem{{Reason: lost.reason, Message: lost.message}}, nil
	}
	if err != nil {
		return resetplan.Drained{}, nil, err
	}
	rollback, why, err := r.rollbackOf(ctx, t)
	if err != nil {
		return resetplan.Drained{}, nil, err
	}
	if why != nil {
		return resetplan.Drained{}, []resetplan.Problem{{Reason: why.reason, Message: why.message}}, nil
	}
	drained, problems := resetplan.Recheck(t.reset.Spec, *t.status.Plan, rows, rollback, survey)
	uncovered, err := r.uncovered(ctx, t, writtenPartitions(drained.Writes), survey)
	problems = append(append(problems, uncovered...), t.unnamed()...)
	if err != nil || len(problems) > 0 {
		return drained, problems, err
	}
	drained.Snapshot, t.mixed, err = r.unmixed(ctx, t, drained.Snapshot)
	return drained, nil, err
}

// endUncommitted gives the group back, since the plan no longer fits: somebody
// has to look at another one, if somebody looks at all.
func (t *resetTurn) endUncommitted(why resetplan.Problem) {
	if t.reset.Spec.Approval == v1alpha1.ApprovalAutomatic {
		t.end(v1alpha1.PhaseFailed, why.Reason, "nothing was committed: "+why.Message)
		return
	}
	t.end(v1alpha1.PhasePlanning, why.Reason, "nothing was committed, and another plan is made: "+why.Message)
}

// intend stores the snapshot and what is going to be written, and begins to write.
func (r *KafkaOffsetResetReconciler) intend(ctx context.Context, t *resetTurn, drained resetplan.Drained) (time.Duration, error) {
	at := metav1.NewTime(t.now)
	snapshot, err := r.documents().keepOffsets(ctx, t.reset, "snapshot", drained.Snapshot, at)
	var writes v1alpha1.ResetOffsets
	if err == nil {
		writes, err = r.documents().keepOffsets(ctx, t.reset, "writes", drained.Writes, at)
	}
	if errors.Is(err, errDocumentTooLarge) {
		t.end(v1alpha1.PhaseFailed, v1alpha1.ReasonTooLarge, "nothing was committed: "+err.Error())
		return r.resume(ctx, t)
	}
	if err != nil {
		return 0, err
	}
	snapshot.Mixed = t.mixed
	t.status.Snapshot = &snapshot
	moved, distance := resetplan.Moved(drained.Snapshot, drained.Writes)
	t.status.Intent = &v1alpha1.ResetIntent{
		At: at, Offsets: writes, Moved: moved, Distance: distance, Limit: cmp.Or(r.CommitLimit, resetplan.CommitLimit), Rounds: 1,
	}
	for _, note := range drained.Notes {
		if !slices.Contains(t.status.Plan.Notes, note) { // it may be the second recheck
			t.status.Plan.Notes = append(t.status.Plan.Notes, note)
		}
	}
	t.enter(v1alpha1.PhaseCommitting, 0, fmt.Sprintf("%d offsets are being committed", len(drained.Writes)))
	return r.commit(ctx, t)
}

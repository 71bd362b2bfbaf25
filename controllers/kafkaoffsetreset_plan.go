package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/resetplan"
)

// replanEvery is how long to wait before what a plan lacks is looked for again.
const replanEvery = 10 * time.Second

// plan makes the plan. It reads, and touches nothing.
func (r *KafkaOffsetResetReconciler) plan(ctx context.Context, t *resetTurn) (time.Duration, error) {
	t.status.SpecHash = resetplan.SpecHash(t.reset.Spec)
	if t.reset.Spec.Cancel {
		t.finish(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "cancelled before there was a plan")
		return r.finished(ctx, t)
	}
	if ran := t.ranBefore(); ran != nil {
		t.finish(v1alpha1.PhaseAlreadyRun, v1alpha1.ReasonAlreadyRun, ranWords(*ran))
		return r.finished(ctx, t)
	}
	why, err := r.unplannable(ctx, t)
	if why == nil && err == nil && t.group.Status.ActiveReset != nil {
		why = t.turnOf() // what it moves would be in the plan
	}
	if why != nil || err != nil {
		return r.notPlanned(t, why), err
	}
	return r.makePlan(ctx, t)
}

// ranBefore is the record of a reset of the same name and spec that was removed
// and created anew, by a tool that applies it again or from a backup.
func (t *resetTurn) ranBefore() *v1alpha1.ResetRecord {
	if t.group == nil {
		return nil
	}
	i := slices.IndexFunc(t.group.Status.Resets, func(ran v1alpha1.ResetRecord) bool {
		return ran.Name == t.reset.Name && ran.SpecHash == t.status.SpecHash && ran.UID != t.reset.UID
	})
	if i < 0 {
		return nil
	}
	return &t.group.Status.Resets[i]
}

// ranWords say what became of the one before.
func ranWords(ran v1alpha1.ResetRecord) string {
	ended := "has run"
	switch {
	case ran.Outcome == v1alpha1.PhaseCancelled:
		ended = "was cancelled"
	case ran.Outcome == v1alpha1.PhaseFailed && ran.Committed:
		ended = "has failed, and had changed offsets"
	case ran.Outcome == v1alpha1.PhaseFailed:
		ended = "has failed, and had changed nothing"
	}
	return fmt.Sprintf("a reset of this name and spec %s (%s): nothing was done now; to run it give it another name", ended, ran.At.UTC().Format(time.RFC3339))
}

func (r *KafkaOffsetResetReconciler) notPlanned(t *resetTurn, why *trouble) time.Duration {
	if why != nil {
		t.waits(why)
	}
	return replanEvery
}

// unplannable returns what a plan lacks, or who would work against it.
func (r *KafkaOffsetResetReconciler) unplannable(ctx context.Context, t *resetTurn) (*trouble, error) {
	if why := t.reachable(); why != nil {
		return why, nil
	}
	return r.scaledByOthers(ctx, t.group)
}

// makePlan asks Kafka and stores what follows.
func (r *KafkaOffsetResetReconciler) makePlan(ctx context.Context, t *resetTurn) (time.Duration, error) {
	rollback, why, err := r.rollbackOf(ctx, t)
	if why != nil || err != nil {
		return r.notPlanned(t, why), err
	}
	before, revision := t.status.Plan, t.nextRevision()
	t.status.Plan = nil // whose time and cluster are not meant any more
	at := resetplan.TimeOf(t.reset.Spec, t.now)
	q := t.question()
	q.At = at
	survey, why := r.survey(ctx, t, q)
	if why != nil {
		t.status.Plan = before // and with it the count of revisions
		return r.notPlanned(t, why), nil
	}
	plan, rows, problems := resetplan.Make(resetplan.Request{
		Identity: resetplan.Identity{UID: string(t.reset.UID), ClusterID: t.group.Status.ClusterID, GroupID: survey.GroupID, Revision: revision},
		Spec:     t.reset.Spec, Time: at, Rollback: rollback, Dedup: t.dedup(), Survey: survey,
	})
	if len(problems) > 0 && problems[0].Reason == v1alpha1.ReasonGroupNotSupported {
		t.status.Plan = before
		return r.notPlanned(t, &trouble{problems[0].Reason, problems[0].Message, true}), nil // it may come to be
	}
	uncovered, err := r.uncovered(ctx, t, resetplan.Written(rows), survey)
	if err != nil {
		return 0, err
	}
	problems = append(problems, uncovered...)
	return r.storePlan(ctx, t, plan, rows, problems)
}

func (t *resetTurn) nextRevision() int32 {
	if t.status.Plan == nil {
		return 1
	}
	return t.status.Plan.Revision + 1
}

// storePlan keeps the plan for approval, or ends the reset where no plan is possible.
func (r *KafkaOffsetResetReconciler) storePlan(
	ctx context.Context, t *resetTurn, plan v1alpha1.ResetPlan, rows []v1alpha1.ResetRow, problems []resetplan.Problem,
) (time.Duration, error) {
	var err error
	plan.Rows, err = r.documents().keepRows(ctx, t.reset, fmt.Sprintf("plan-%d", plan.Revision), rows)
	if errors.Is(err, errDocumentTooLarge) {
		t.finish(v1alpha1.PhaseFailed, v1alpha1.ReasonTooLarge, err.Error())
		return r.finished(ctx, t)
	}
	if err != nil {
		return 0, err
	}
	if before := t.status.Plan; before != nil {
		plan.Because = before.Because
	}
	t.status.Plan = &plan
	if len(problems) > 0 {
		t.finish(v1alpha1.PhaseFailed, problems[0].Reason, "the plan is refused: "+messagesOf(problems))
		return r.finished(ctx, t)
	}
	t.enter(v1alpha1.PhasePlanned, 0, t.plannedWords())
	return r.awaitApproval(ctx, t)
}

func messagesOf(problems []resetplan.Problem) string {
	var messages []string
	for _, p := range problems {
		messages = append(messages, p.Message)
	}
	return strings.Join(messages, "; ")
}

// outcomeWords is what became of the plan, in half a sentence.
func outcomeWords(s v1alpha1.KafkaOffsetResetStatus) string {
	return fmt.Sprintf("%s: %d partitions were moved, by %d offsets in all", s.Plan.Rule, s.Intent.Moved, s.Intent.Distance)
}

// planWords is the plan in half a sentence.
func planWords(plan v1alpha1.ResetPlan) string {
	words := fmt.Sprintf("%s: %d of %d partitions move, by %d offsets in all", plan.Rule, plan.Moved, plan.Partitions, plan.Distance)
	for _, more := range []struct {
		count int32
		what  string
	}{{plan.Skipped, "stay"}, {plan.Deleted, "lose their commit"}, {plan.Clamped, "are clamped"}} {
		if more.count > 0 {
			words += ", " + strconv.Itoa(int(more.count)) + " " + more.what
		}
	}
	return words
}

// rollbackOf is the snapshot of the reset that is to be undone, nil for another target.
func (r *KafkaOffsetResetReconciler) rollbackOf(ctx context.Context, t *resetTurn) ([]v1alpha1.SavedOffset, *trouble, error) {
	name := string(t.reset.Spec.Target.RollbackOf)
	if name == "" {
		return nil, nil, nil
	}
	missing := func(why string) *trouble {
		return &trouble{v1alpha1.ReasonRollbackMissing, fmt.Sprintf("KafkaOffsetReset %q, named by target.rollbackOf, %s", name, why), true}
	}
	var earlier v1alpha1.KafkaOffsetReset
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: t.reset.Namespace, Name: name}, &earlier)
	switch {
	case apierrors.IsNotFound(err):
		return r.leftBy(ctx, t, name, missing)
	case err != nil:
		return nil, nil, fmt.Errorf("get KafkaOffsetReset %q: %w", name, err)
	case earlier.Spec.GroupRef != t.reset.Spec.GroupRef:
		return nil, missing("is of another group"), nil
	case t.group.Status.UnfinishedReset != nil && t.group.Status.UnfinishedReset.Name == name && t.group.Status.UnfinishedReset.UID != earlier.UID:
		return r.leftBy(ctx, t, name, missing) // it was created anew since
	case earlier.Status.Intent == nil || earlier.Status.Snapshot == nil:
		return nil, missing("has committed nothing"), nil
	case earlier.Status.Snapshot.Mixed:
		return nil, missing("began on what another one had left unfinished, and recorded a mixture"), nil
	case earlier.Status.Plan.ClusterID != t.group.Status.ClusterID:
		return nil, missing("was on another Kafka cluster"), nil
	}
	snapshot, err := r.documents().offsetsOf(ctx, t.reset.Namespace, *earlier.Status.Snapshot)
	if errors.Is(err, errLost) {
		return nil, missing("has lost what it recorded: " + err.Error()), nil
	}
	return snapshot, nil, err
}

func (r *KafkaOffsetResetReconciler) documents() documents {
	return documents{Client: r.Client, live: r.Live}
}

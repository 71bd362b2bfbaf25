package controllers

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// plannedTurn is a reset whose second plan waits for approval.
func plannedTurn() *resetTurn {
	turn := &resetTurn{now: noon, reset: &v1alpha1.KafkaOffsetReset{}, group: &v1alpha1.KafkaConsumerGroup{}}
	turn.status.Phase, turn.status.Plan = v1alpha1.PhasePlanned, &v1alpha1.ResetPlan{Revision: 2, Hash: "abc", Rule: "earliest"}
	return turn
}

// TestPlannedConditionOfRefusedPlan: a plan that can't be approved is none.
func TestPlannedConditionOfRefusedPlan(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*resetTurn)
		want   metav1.ConditionStatus
		why    string
	}{
		"Refused": {"its reason is the plan's", func(t *resetTurn) { t.finish(v1alpha1.PhaseFailed, v1alpha1.ReasonTargetRefused, "below") }, no, v1alpha1.ReasonTargetRefused},
		"NoTable": {"there is not even a plan", func(t *resetTurn) {
			t.status.Plan = nil
			t.finish(v1alpha1.PhaseFailed, v1alpha1.ReasonTooLarge, "8 MiB")
		}, no, v1alpha1.ReasonTooLarge},
		"Waits":     {"", func(*resetTurn) {}, yes, v1alpha1.ReasonDone},
		"Cancelled": {"the plan was good", func(t *resetTurn) { t.finish(v1alpha1.PhaseCancelled, v1alpha1.ReasonCancelled, "no") }, yes, v1alpha1.ReasonDone},
		"FailedLater": {"the plan was approved", func(t *resetTurn) {
			t.status.Approval = &v1alpha1.ResetApproval{}
			t.finish(v1alpha1.PhaseFailed, v1alpha1.ReasonDrainTimeout, "a pod stays")
		}, yes, v1alpha1.ReasonDone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			turn := plannedTurn()
			tc.change(turn)
			turn.setConditions()
			c := meta.FindStatusCondition(turn.status.Conditions, v1alpha1.ConditionPlanned)
			if c == nil || c.Status != tc.want || c.Reason != tc.why {
				t.Errorf("%s: Planned is %+v, want %s (%s)", tc.reason, c, tc.want, tc.why)
			}
		})
	}
}

// TestReplanUnheard: whoever asks for another plan in vain is told so.
func TestReplanUnheard(t *testing.T) {
	for asked, told := range map[string]bool{"": false, "1": false, "3": true, "yes": true, "0": true, "-1": true, "2.0": true} {
		for _, approved := range []string{"", "another"} {
			turn := plannedTurn()
			turn.reset.Annotations, turn.reset.Spec.Approved = map[string]string{replanAnnotation: asked}, approved
			if _, err := new(KafkaOffsetResetReconciler).awaitApproval(t.Context(), turn); err != nil {
				t.Fatal(err)
			}
			turn.setConditions()
			c := meta.FindStatusCondition(turn.status.Conditions, v1alpha1.ConditionApproved)
			if got := strings.Contains(c.Message, "the plan has revision 2: only with that"); got != told || got && !strings.Contains(c.Message, `"`+asked+`"`) {
				t.Errorf("asked %q, approved %q: %q", asked, approved, c.Message)
			}
		}
	}
}

// TestMismatchTakenBack: the message is of the plan again when no other hash is approved.
func TestMismatchTakenBack(t *testing.T) {
	turn := plannedTurn()
	for _, approved := range []string{"another", ""} {
		turn.trouble, turn.reset.Spec.Approved = nil, approved
		if _, err := new(KafkaOffsetResetReconciler).awaitApproval(t.Context(), turn); err != nil {
			t.Fatal(err)
		}
	}
	if want := `earliest: 0 of 0 partitions move, by 0 offsets in all; to run it set spec.approved to "abc"`; turn.status.Message != want {
		t.Errorf("%q, want %q", turn.status.Message, want)
	}
}

func TestRanWords(t *testing.T) {
	for words, ran := range map[string]v1alpha1.ResetRecord{
		"has run (":                           {Outcome: v1alpha1.PhaseSucceeded, Committed: true},
		"was cancelled (":                     {Outcome: v1alpha1.PhaseCancelled},
		"has failed, and had changed offsets": {Outcome: v1alpha1.PhaseFailed, Committed: true},
		"has failed, and had changed nothing": {Outcome: v1alpha1.PhaseFailed},
	} {
		ran.At = metav1.NewTime(noon)
		if got := ranWords(ran); !strings.Contains(got, words) || !strings.Contains(got, "(2026-03-01T12:00:00Z)") {
			t.Errorf("%+v: %q, want %q", ran, got, words)
		}
	}
}

// TestIdleWords: nobody is told of workers that there are not.
func TestIdleWords(t *testing.T) {
	toZero := &v1alpha1.PauseSpec{Mode: v1alpha1.PauseScaleToZero}
	over := toZero.DeepCopy()
	over.Until = &metav1.Time{Time: noon.Add(-time.Hour)}
	cases := map[string]struct {
		pause              *v1alpha1.PauseSpec
		replicas           int32
		resuming, finished string
	}{
		"Workers":   {nil, 2, "the workers are being started again; then: done", ""},
		"Idle":      {nil, 0, "the workers are being started again; then: done", "; the group has no workers now"},
		"Paused":    {toZero, 0, "the group is being given back, and has no workers while it is paused; then: done", "; the group is paused, and has no workers until that ends"},
		"PauseOver": {over, 1, "the workers are being started again; then: done", ""},
		"Held":      {&v1alpha1.PauseSpec{Mode: v1alpha1.PauseHoldReplicas}, 1, "the workers are being started again; then: done", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			turn := plannedTurn()
			turn.group.Spec.Pause, turn.group.Status.DesiredReplicas = tc.pause, tc.replicas
			turn.end(v1alpha1.PhaseSucceeded, v1alpha1.ReasonDone, "done")
			if turn.status.Message != tc.resuming || turn.idleWords() != tc.finished {
				t.Errorf("%q and %q, want %q and %q", turn.status.Message, turn.idleWords(), tc.resuming, tc.finished)
			}
		})
	}
	turn := plannedTurn()
	turn.group = nil
	if words := turn.idleWords(); words != "" {
		t.Errorf("%q of a group that is gone", words)
	}
}

// TestWorkersOf: the rate of workers that are stopped is nobody's.
func TestWorkersOf(t *testing.T) {
	group := &v1alpha1.KafkaConsumerGroup{}
	group.Status.Lag = &v1alpha1.LagStatus{ConsumedPerSecond: new(int64(7))}
	if got := workersOf(group); !got.None || got.PerSecond != 7 {
		t.Errorf("%+v", got)
	}
	group.Status.AvailableReplicas = 1
	if got := workersOf(group); got.None {
		t.Errorf("%+v", got)
	}
}

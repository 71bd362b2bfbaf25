package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestPlannedWhilePlanningAgain: a plan that is going to be replaced is none.
func TestPlannedWhilePlanningAgain(t *testing.T) {
	turn := &resetTurn{reset: &v1alpha1.KafkaOffsetReset{}}
	turn.status.Phase, turn.status.Plan, turn.status.Message = v1alpha1.PhasePlanning, &v1alpha1.ResetPlan{}, "the topic was created anew"
	turn.setConditions()
	planned := meta.FindStatusCondition(turn.status.Conditions, v1alpha1.ConditionPlanned)
	if planned == nil || planned.Status != no || planned.Reason != v1alpha1.ReasonInProgress || planned.Message != turn.status.Message {
		t.Errorf("Planned is %+v", planned)
	}
}

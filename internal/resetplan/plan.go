package resetplan

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Identity is which plan of which reset it is, and of what.
type Identity struct {
	// UID is that of the KafkaOffsetReset.
	UID string
	// ClusterID and GroupID are the Kafka cluster and the consumer group that the reset is of.
	ClusterID, GroupID string
	// Revision counts the plans of the reset, from 1.
	Revision int32
}

// Request is what a plan is made of.
type Request struct {
	Identity Identity
	Spec     v1alpha1.KafkaOffsetResetSpec
	// Time is TimeOf the spec when the plan was begun: what the survey looked up.
	Time time.Time
	// Rollback is the snapshot of the reset that is rolled back.
	Rollback []v1alpha1.SavedOffset
	// Dedup is where the group's workers store the ids of handled messages.
	Dedup Dedup
	// Survey is what the cluster says of the group.
	Survey kafka.Survey
}

// Problem is why a plan can't run.
type Problem struct {
	// Reason is one of the API's reasons, such as v1alpha1.ReasonTargetRefused.
	Reason string
	// Message is one sentence that names the first few topics or partitions.
	Message string
}

// Make makes the plan, without its Rows, which are returned beside it, sorted by
// topic and number. With Problems, the most serious first, the plan can't run;
// its rows then show why, with the offset that was asked for as target.
func Make(r Request) (v1alpha1.ResetPlan, []v1alpha1.ResetRow, []Problem) {
	d := drafted(r)
	rows := rowsOf(d)
	plan := v1alpha1.ResetPlan{
		Hash:      hashOf(r, rows),
		Revision:  r.Identity.Revision,
		PlannedAt: metav1.NewTime(r.Survey.At),
		ClusterID: r.Identity.ClusterID,
		GroupID:   r.Identity.GroupID,
		Source:    sourceOf(r.Rollback),
		Rule:      ruleOf(r.Spec.Target, r.Time),
		Notes:     planNotes(d),
	}
	if !r.Time.IsZero() {
		plan.Time = &metav1.Time{Time: r.Time}
	}
	summarise(&plan, d, rows)
	return plan, rows, d.violations(planRules)
}

// TimeOf is the time that the target speaks of: datetime, or now less ago; zero
// for targets without a time. What is counted back is rounded down to the
// second, which is what an object's status keeps of a time.
func TimeOf(spec v1alpha1.KafkaOffsetResetSpec, now time.Time) time.Time {
	switch {
	case spec.Target.DateTime != nil:
		return spec.Target.DateTime.UTC()
	case spec.Target.Ago != nil:
		return now.Add(-spec.Target.Ago.Duration).UTC().Truncate(time.Second)
	default:
		return time.Time{}
	}
}

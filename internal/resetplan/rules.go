package resetplan

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// rule is the violation that it is named after: nil where there is none.
type rule func(*draft) *Problem

// planRules are what a plan must not be, the most serious first.
var planRules = []rule{
	otherCluster,
	groupUnknown,
	rollbackEmpty,
	topicForeign,
	topicGone,
	topicRecreated,
	partitionMissing,
	rollbackOthers,
	rollbackUnrecorded,
	namespaceMissing,
	commitForbidden,
	topicForbidden,
	deletionForbidden,
	targetBelowStart,
	targetAboveEnd,
	timePastEnd,
}

// recheckRules are what an approved plan must not have become. Drift is last:
// another plan is asked for only where this one could have run.
var recheckRules = []rule{
	otherCluster,
	topicGone,
	topicRecreated,
	partitionMissing,
	commitForbidden,
	topicForbidden,
	deletionForbidden,
	targetBelowStart,
	targetAboveEnd,
	commitGone,
	drifted,
}

// violations are the rules that hold. That nothing is left to do is one only where nothing else is wrong.
func (d *draft) violations(rules []rule) []Problem {
	var found []Problem
	for _, violated := range rules {
		if p := violated(d); p != nil {
			found = append(found, *p)
		}
	}
	if p := nothingToWrite(d); p != nil && found == nil {
		found = append(found, *p)
	}
	return found
}

func otherCluster(d *draft) *Problem {
	if d.survey.ClusterID == d.clusterID {
		return nil
	}
	return &Problem{v1alpha1.ReasonClusterChanged,
		fmt.Sprintf("the reset is of Kafka cluster %q, and the brokers are of %q", d.clusterID, d.survey.ClusterID)}
}

// groupUnknown: a commit to a group that does not exist would create it, so a
// mistyped name would succeed and move nobody. A rollback may be what brings the group back.
func groupUnknown(d *draft) *Problem {
	if d.survey.Known || d.frozen {
		return nil
	}
	return &Problem{v1alpha1.ReasonGroupNotSupported,
		fmt.Sprintf("no broker knows the group %q: it has never had members or commits, or all have expired", d.survey.GroupID)}
}

func rollbackEmpty(d *draft) *Problem {
	if !d.frozen || len(d.moves)+len(d.foreign)+len(d.recreated)+len(d.missing)+len(d.unrecorded) > 0 {
		return nil
	}
	return &Problem{v1alpha1.ReasonRollbackMissing,
		fmt.Sprintf("the KafkaOffsetReset %q has committed nothing that could be rolled back", d.spec.Target.RollbackOf)}
}

func topicForeign(d *draft) *Problem {
	if d.frozen {
		return nil
	}
	return about(quoted(d.foreign), v1alpha1.ReasonTargetRefused, "not among the group's topics: %s")
}

func topicGone(d *draft) *Problem {
	if !d.frozen {
		return nil
	}
	return about(quoted(d.foreign), v1alpha1.ReasonTopicChanged, "not among the group's topics any more: %s")
}

func topicRecreated(d *draft) *Problem {
	return about(quoted(d.recreated), v1alpha1.ReasonTopicChanged,
		"created anew, so that the offsets are those of another log: %s")
}

func partitionMissing(d *draft) *Problem {
	missing := places(d.missing, kafka.TopicPartition.String)
	if d.frozen {
		return about(missing, v1alpha1.ReasonTopicChanged, "partitions that their topic has no more: %s")
	}
	return about(missing, v1alpha1.ReasonTargetRefused, "partitions that their topic does not have: %s")
}

func targetBelowStart(d *draft) *Problem {
	below := d.that(func(m move) bool { return m.refused && m.fate == belowStart })
	return about(places(below, move.label), v1alpha1.ReasonTargetRefused,
		"the target is below the log start, and onOutOfRange is Fail: %s")
}

func targetAboveEnd(d *draft) *Problem {
	above := d.that(func(m move) bool { return m.refused && m.fate == aboveEnd })
	return about(places(above, move.label), v1alpha1.ReasonTargetRefused,
		"the target is above the log end, and onOutOfRange is Fail: %s")
}

func timePastEnd(d *draft) *Problem {
	past := d.that(func(m move) bool { return m.refused && m.fate == pastEnd })
	return about(places(past, move.label), v1alpha1.ReasonTargetRefused,
		"no message is as young as the target, and onTimestampPastEnd is Fail: %s")
}

func nothingToWrite(d *draft) *Problem {
	switch {
	case len(d.moves) == 0:
		return &Problem{v1alpha1.ReasonTargetRefused, "the target has no partitions"}
	case len(d.that(move.writes)) == 0:
		return &Problem{v1alpha1.ReasonTargetRefused,
			"every partition would be left as it is: there is nothing to commit"}
	}
	return nil
}

// commitGone: what is counted from a commit can't be where it has expired since,
// and the log end in its place would skip what was not consumed.
func commitGone(d *draft) *Problem {
	if d.spec.Target.ShiftBy == nil && d.spec.Target.ToCurrent == nil {
		return nil
	}
	gone := d.that(func(m move) bool { return m.row.Committed != nil && !m.committed() })
	return about(places(gone, move.wasAndIs), v1alpha1.ReasonDrifted, "the committed offset is gone, which the target is counted from: %s")
}

// drifted: a commit that is gone has moved beyond every bound.
func drifted(d *draft) *Problem {
	if d.spec.MaxDrift == nil {
		return nil
	}
	far := d.that(func(m move) bool { return m.row.Action != v1alpha1.ResetSkip && m.drift() > *d.spec.MaxDrift })
	return about(places(far, move.wasAndIs), v1alpha1.ReasonDrifted,
		fmt.Sprintf("the committed offset has moved by more than maxDrift, %d, since the plan: %%s", *d.spec.MaxDrift))
}

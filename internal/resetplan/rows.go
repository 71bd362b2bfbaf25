package resetplan

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func rowsOf(d *draft) []v1alpha1.ResetRow {
	rows := make([]v1alpha1.ResetRow, 0, len(d.moves))
	for _, m := range d.moves {
		rows = append(rows, m.asRow(d.spec.Target))
	}
	return rows
}

func (m move) asRow(target v1alpha1.ResetTarget) v1alpha1.ResetRow {
	row := v1alpha1.ResetRow{
		Topic:     m.Topic,
		Partition: m.Partition,
		TopicID:   m.topicID,
		Action:    m.action,
		Start:     m.now.Start,
		End:       m.now.End,
		Reason:    m.why(target),
	}
	if m.committed() {
		row.Committed = new(m.now.Committed.Offset)
	}
	if m.commits() {
		row.Target, row.Distance = new(m.target), new(plus(m.target, -m.from()))
	}
	return row
}

// why is why the target is another than asked for, or why the partition is left as it is.
func (m move) why(target v1alpha1.ResetTarget) string {
	switch {
	case m.deletes():
		return fmt.Sprintf("nothing was committed before %q", target.RollbackOf)
	case m.fate == belowStart && m.refused:
		return fmt.Sprintf("%d is below the log start %d", m.asked, m.now.Start)
	case m.fate == aboveEnd && m.refused:
		return fmt.Sprintf("%d is above the log end %d", m.asked, m.now.End)
	case m.fate == belowStart:
		return fmt.Sprintf("%d is below the log start: clamped to it", m.asked)
	case m.fate == aboveEnd:
		return fmt.Sprintf("%d is above the log end: clamped to it", m.asked)
	case m.fate == pastEnd && m.commits():
		return "no message at or after the time: the log end"
	case m.fate == pastEnd:
		return "no message at or after the time"
	case m.fate == noCommit && m.commits():
		return "nothing is committed: the log end"
	case m.fate == noCommit:
		return "nothing is committed"
	case m.fate == noSource:
		return fmt.Sprintf("group %q has nothing committed", target.FromGroup)
	}
	return ""
}

// summarise counts what the moves do. Every partition is one of moved, deleted
// and skipped: one that is at its target already is written anew, and stays.
func summarise(plan *v1alpha1.ResetPlan, d *draft, rows []v1alpha1.ResetRow) {
	plan.Partitions = int32(len(d.moves))
	for _, m := range d.moves {
		switch {
		case m.moved():
			plan.Moved++
		case m.deletes() && m.committed():
			plan.Deleted++
		default:
			plan.Skipped++
		}
		if m.clamped() {
			plan.Clamped++
		}
	}
	measure(plan, d, rows)
}

// measure adds the distances up, and finds the largest both ways; of equal ones the first.
func measure(plan *v1alpha1.ResetPlan, d *draft, rows []v1alpha1.ResetRow) {
	var back, ahead int64
	for i, row := range rows {
		if row.Distance == nil {
			continue
		}
		distance := *row.Distance
		plan.Distance = plus(plan.Distance, distance)
		if distance < back {
			back, plan.FarthestBack = distance, d.moves[i].String()
		}
		if distance > ahead {
			ahead, plan.FarthestAhead = distance, d.moves[i].String()
		}
	}
}

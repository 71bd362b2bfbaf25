package resetplan

import (
	"fmt"
	"math"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Drained is what follows from an approved plan once the workers have stopped.
type Drained struct {
	// Snapshot is what is committed now for each partition that is written: what
	// a rollback restores. An entry without an offset had no commit.
	Snapshot []v1alpha1.SavedOffset
	// Writes are what is to be committed, in the same order; an entry without an
	// offset is to be deleted.
	Writes []v1alpha1.SavedOffset
	// Notes are what is different from the plan, and no reason not to run it.
	Notes []string
}

// Recheck holds the approved plan against the survey after the drain; rollback
// is the snapshot that a plan for rollbackOf was made of. With Problems, the most
// serious first, there is nothing to write.
func Recheck(spec v1alpha1.KafkaOffsetResetSpec, plan v1alpha1.ResetPlan, rows []v1alpha1.ResetRow, rollback []v1alpha1.SavedOffset, s kafka.Survey) (Drained, []Problem) {
	d := newDraft(spec, plan.ClusterID, s)
	d.frozen = true
	for _, w := range approved(rows, rollback) {
		d.take(w)
	}
	d.sort()
	for i := range d.moves {
		d.moves[i].aimAgain(spec)
		d.moves[i].fit(spec.OnOutOfRange)
	}
	if sourceOf(rollback) != plan.Source {
		return Drained{}, []Problem{{v1alpha1.ReasonRollbackMissing, fmt.Sprintf("what KafkaOffsetReset %q recorded is not what the plan was made of", spec.Target.RollbackOf)}}
	}
	if problems := d.violations(recheckRules); problems != nil {
		return Drained{}, problems
	}
	drained := written(d, Tag(plan.Hash))
	drained.Notes = drainedNotes(d, rows)
	return drained, nil
}

// approved are the partitions of the plan, with what a rollback restores on them.
func approved(rows []v1alpha1.ResetRow, rollback []v1alpha1.SavedOffset) []wanted {
	saved := make(map[kafka.TopicPartition]*v1alpha1.SavedOffset, len(rollback))
	for i, s := range rollback {
		saved[kafka.TopicPartition{Topic: s.Topic, Partition: s.Partition}] = &rollback[i]
	}
	selected := make([]wanted, 0, len(rows))
	for i := range rows {
		at := partitionOf(rows[i])
		selected = append(selected, wanted{TopicPartition: at, topicID: rows[i].TopicID, saved: saved[at], row: &rows[i]})
	}
	return selected
}

func partitionOf(row v1alpha1.ResetRow) kafka.TopicPartition {
	return kafka.TopicPartition{Topic: row.Topic, Partition: row.Partition}
}

// written also has the partitions that are at their target already: only the tag
// beside the offset proves that the plan was carried out.
func written(d *draft, tag string) Drained {
	var drained Drained
	for _, m := range d.that(move.writes) {
		before := v1alpha1.SavedOffset{Topic: m.Topic, Partition: m.Partition, TopicID: m.topicID}
		after := before
		if m.committed() {
			before.Offset = new(m.now.Committed.Offset)
			before = withMetadata(before, m.now.Committed.Metadata)
		}
		if m.commits() {
			after.Offset = new(m.target)
			after = withMetadata(after, m.metadata(tag))
		}
		drained.Snapshot = append(drained.Snapshot, before)
		drained.Writes = append(drained.Writes, after)
	}
	return drained
}

// then is what drift and the plan's distance are counted from: what was committed,
// or the log start of then without a commit.
func (m move) then() int64 {
	if m.row.Committed != nil {
		return *m.row.Committed
	}
	return m.row.Start
}

// overtaken: the plan moved the partition ahead, and by now that is back.
func (m move) overtaken() bool {
	return m.commits() && m.row.Target != nil && *m.row.Target > m.then() && m.committed() && m.now.Committed.Offset > m.target
}

// drift is how far the commit has moved since the plan. One that was not there
// counts from the log start of then; one that is gone has no distance.
func (m move) drift() int64 {
	then := m.then()
	switch {
	case m.committed():
		return max(m.now.Committed.Offset-then, then-m.now.Committed.Offset)
	case m.row.Committed != nil:
		return math.MaxInt64
	}
	return 0
}

// wasAndIs is "orders-3 (100, now 250)".
func (m move) wasAndIs() string {
	was, is := "nothing", "nothing"
	if m.row.Committed != nil {
		was = fmt.Sprint(*m.row.Committed)
	}
	if m.committed() {
		is = fmt.Sprint(m.now.Committed.Offset)
	}
	return fmt.Sprintf("%s (%s, now %s)", m, was, is)
}

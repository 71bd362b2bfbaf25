package resetplan

import (
	"fmt"
	"strings"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// planNotes are what whoever approves should know, beside the rows.
func planNotes(d *draft) []string {
	target := d.spec.Target
	ahead := func(m move) bool { return m.moved() && m.target > m.from() }
	anew := func(m move) bool { return m.commits() && !m.moved() }
	uncommitted := func(m move) bool { return !m.committed() }
	var n notes
	n.list(d.that(move.clamped), "clamped into the log")
	n.list(d.that(func(m move) bool { return m.fate == pastEnd && m.commits() }),
		"no message at or after the time, so that the log end is committed")
	n.list(d.that(move.deletes),
		"the commit is deleted, since there was none, and workers start at the group's initialOffset")
	n.list(d.that(func(m move) bool { return !m.writes() }), "left as it is, for the reason in its row")
	n.list(d.that(uncommitted), "nothing is committed now, so that the distance is counted from the log start")
	n.list(d.that(ahead), aheadWords)
	n.list(d.that(anew), "at the target already, and written anew")
	n.list(d.that(func(m move) bool { return m.saved != nil && m.clamped() && MetadataOf(*m.saved) != "" }),
		"clamped, so that the metadata is not restored, which may be counted from the offset")
	n.when(target.DateTime != nil || target.Ago != nil,
		"timestamps may be out of order: messages older than the time may follow the target; none that is not older is before it")
	n.when(target.Earliest != nil, "where the log start moves on before the commit, the target moves with it")
	n.when(target.ShiftBy != nil || target.ToCurrent != nil,
		"the targets are a preview: the rule is applied to what is committed once the workers have stopped")
	n.when(len(d.that(move.moved)) > 0,
		"distance is in offsets, not messages: compaction and transactions leave offsets without one")
	n.when(len(d.that(func(m move) bool { return m.topicID == "" })) > 0,
		"the brokers do not tell topic ids: a topic that is created anew before the commit is not noticed")
	return append(n, dedupNotes(d)...)
}

// aheadWords: the group works on while the plan waits, and may come up to the target by itself.
const aheadWords = "moved ahead, so that of the messages up to the target those are not handled that the group has not come to before its workers stop"

// drainedNotes are what is different from the plan.
func drainedNotes(d *draft, rows []v1alpha1.ResetRow) []string {
	var n notes
	n.list(d.that(move.clamped), "clamped into the log, which has moved since the plan")
	n.list(d.that(func(m move) bool { return d.spec.Target.Earliest != nil && m.asked != *m.row.Target }),
		"the log start has moved on since the plan, and the target with it")
	n.list(d.that(move.overtaken), "moved ahead by the plan, and moved back now: the group has come past the target since")
	n.list(newPartitions(d, rows), "added since the plan, and not written")
	return n
}

// newPartitions are those that the spec would have moved, had they been there.
func newPartitions(d *draft, rows []v1alpha1.ResetRow) []move {
	if d.spec.Target.RollbackOf != "" || d.spec.Target.Offsets != nil {
		return nil
	}
	planned := make(map[kafka.TopicPartition]bool, len(rows))
	for _, row := range rows {
		planned[partitionOf(row)] = true
	}
	var added []move
	for _, w := range d.selection(nil) {
		if !planned[w.TopicPartition] {
			added = append(added, move{wanted: w})
		}
	}
	return added
}

type notes []string

// list is a note on some partitions, if there are any.
func (n *notes) list(moves []move, what string) {
	names := places(moves, move.String)
	switch more := len(names) - fewest; {
	case more > 1:
		*n = append(*n, fmt.Sprintf("%s: %s and %d others", what, strings.Join(names[:fewest], ", "), more))
	case len(names) > 0:
		*n = append(*n, what+": "+strings.Join(names, ", "))
	}
}

func (n *notes) when(is bool, note string) {
	if is {
		*n = append(*n, note)
	}
}

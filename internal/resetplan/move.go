package resetplan

import (
	"math"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// move is what becomes of one partition.
type move struct {
	wanted
	// now is what the survey says; its End is never below its Start.
	now    kafka.SurveyedPartition
	action v1alpha1.ResetAction
	// asked is what the target asks for, target what is committed; both mean
	// something for Commit only.
	asked, target int64
	fate          fate
	// refused: the policies do not allow it.
	refused bool
}

// fate is what kept a partition from just getting what the target says.
type fate int

const (
	asAsked    fate = iota
	belowStart      // the log begins after what was asked for
	aboveEnd        // the log ends before what was asked for
	pastEnd         // no message is as young as the time
	noCommit        // nothing is committed
	noSource        // the other group has nothing committed
)

// newMove is a move that is not aimed yet. A log that retention emptied while it
// was surveyed may have a start beyond its end: it ends where it starts.
func newMove(w wanted, topicID string, now kafka.SurveyedPartition) move {
	now.End = max(now.Start, now.End)
	if topicID != "" {
		w.topicID = topicID
	}
	return move{wanted: w, now: now}
}

func (m *move) commit(offset int64, f fate) {
	m.action, m.asked, m.target, m.fate = v1alpha1.ResetCommit, offset, offset, f
}

func (m *move) skip(f fate) { m.action, m.fate = v1alpha1.ResetSkip, f }

// fit brings a target that is not in the log to the nearest offset that is, or refuses it.
func (m *move) fit(policy v1alpha1.OutOfRangePolicy) {
	if m.action != v1alpha1.ResetCommit {
		return
	}
	inside := min(max(m.asked, m.now.Start), m.now.End)
	switch {
	case m.asked < inside:
		m.fate = belowStart
	case m.asked > inside:
		m.fate = aboveEnd
	default:
		return
	}
	m.refused = policy != v1alpha1.OutOfRangeClamp
	if !m.refused {
		m.target = inside
	}
}

func (m move) writes() bool  { return m.action != v1alpha1.ResetSkip }
func (m move) commits() bool { return m.action == v1alpha1.ResetCommit }
func (m move) deletes() bool { return m.action == v1alpha1.ResetDelete }
func (m move) clamped() bool { return m.commits() && m.target != m.asked }

// committed tells whether anything is. A stored -1, which some tools leave
// behind, is no position either.
func (m move) committed() bool { return m.now.Committed.Offset >= 0 }

// from is where distances are counted from: the commit, or the log start without one.
func (m move) from() int64 {
	if m.committed() {
		return m.now.Committed.Offset
	}
	return m.now.Start
}

// moved tells whether the partition gets another offset than it has.
func (m move) moved() bool {
	return m.commits() && m.target != m.now.Committed.Offset
}

// metadata is what is written beside the offset: what a rollback restores, else
// the tag of the plan. What was written beside another offset may be counted from
// that offset, so it is not restored beside this one.
func (m move) metadata(tag string) string {
	if m.saved != nil && m.saved.Offset != nil && *m.saved.Offset == m.target {
		return MetadataOf(*m.saved)
	}
	return tag
}

// plus adds without ever wrapping around.
func plus(a, b int64) int64 {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}

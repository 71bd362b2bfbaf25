package resetplan

import "github.com/lagrange-operator/lagrange/api/v1alpha1"

// aim says what the target asks for on a partition, by what the survey knows.
func (m *move) aim(spec v1alpha1.KafkaOffsetResetSpec) {
	switch target := spec.Target; {
	case target.Earliest != nil:
		m.commit(m.now.Start, asAsked)
	case target.Latest != nil:
		m.commit(m.now.End, asAsked)
	case target.DateTime != nil, target.Ago != nil:
		m.aimAtTime(spec.OnTimestampPastEnd)
	case target.Offsets != nil:
		m.commit(m.offset, asAsked)
	case target.ShiftBy != nil:
		m.shift(*target.ShiftBy)
	case target.ToCurrent != nil:
		m.stay()
	case target.FromGroup != "":
		m.follow()
	default:
		m.restore()
	}
}

// aimAtTime: a broker answers -1 where no message is as young as the time, which
// must never be committed. One that was found beyond the end was produced while
// the survey was made: the end is before it.
func (m *move) aimAtTime(policy v1alpha1.PastEndPolicy) {
	switch {
	case m.now.AtTime >= 0 && m.now.AtTime <= m.now.End:
		m.commit(m.now.AtTime, asAsked)
	case policy == v1alpha1.PastEndSkip:
		m.skip(pastEnd)
	case policy == v1alpha1.PastEndFail:
		m.skip(pastEnd)
		m.refused = true
	default:
		m.commit(m.now.End, pastEnd)
	}
}

func (m *move) shift(by int64) {
	if !m.committed() {
		m.skip(noCommit)
		return
	}
	m.commit(plus(m.now.Committed.Offset, by), asAsked)
}

// stay commits what is committed, and the log end where nothing is, as Kafka's own tool does.
func (m *move) stay() {
	if !m.committed() {
		m.commit(m.now.End, noCommit)
		return
	}
	m.commit(m.now.Committed.Offset, asAsked)
}

func (m *move) follow() {
	if m.now.Source.Offset < 0 {
		m.skip(noSource)
		return
	}
	m.commit(m.now.Source.Offset, asAsked)
}

// restore: no commit is restored by deleting the one that is there. There may be
// none now, and one after the drain.
func (m *move) restore() {
	if m.saved.Offset == nil || *m.saved.Offset < 0 {
		m.action = v1alpha1.ResetDelete
		return
	}
	m.commit(*m.saved.Offset, asAsked)
}

// aimAgain aims what the approved plan says. Skip and Delete stay what they are.
func (m *move) aimAgain(spec v1alpha1.KafkaOffsetResetSpec) {
	switch target := spec.Target; {
	case m.row.Action != v1alpha1.ResetCommit:
		m.action = m.row.Action
	case target.ShiftBy != nil, target.ToCurrent != nil:
		m.aim(spec)
	case target.Earliest != nil:
		m.commit(max(*m.row.Target, m.now.Start), asAsked)
	default:
		m.commit(*m.row.Target, asAsked)
	}
}

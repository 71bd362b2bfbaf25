package lag

import (
	"math"
	"time"
)

const (
	// minWindow is how long there must be evidence for Slow, Stalled or Stopped;
	// how long a worker may be silent comes on top, see Options.
	minWindow = 50 * time.Second
	// minSteps is how many steps from one sample to the next the evidence needs.
	minSteps = 10
	// maxStep is the longest step that is evidence: three intervals at the slowest
	// pace, 15 s. Over a longer one anything may have happened unseen.
	maxStep = 45 * time.Second
	// twice: what a race between two reads may show once, it doesn't show twice running.
	twice = 2
)

// evidence is for how long something has been so, in steps between two known
// samples. Time that nobody saw is not in it.
type evidence struct {
	milliseconds uint32 // at most 49 days
	steps        uint32
}

// evidenceStep is what a step adds.
func evidenceStep(since time.Duration) time.Duration {
	if since > maxStep {
		return 0
	}
	return since
}

func (e *evidence) add(step time.Duration) {
	if step > 0 && e.milliseconds < math.MaxUint32-uint32(maxStep.Milliseconds()) {
		e.milliseconds += uint32(step.Milliseconds())
		e.steps++
	}
}

func (e evidence) full(window time.Duration) bool {
	return e.steps >= minSteps && time.Duration(e.milliseconds)*time.Millisecond >= window
}

// weigh adds the step to the evidence of each rule, or refutes it.
func (r *record) weigh(l *look, now *current) {
	step := l.step
	if r.sample+1 != l.sample {
		step = 0 // the sample before did not know the partition
	}
	r.weighCommit(l, now, step)
	r.weighGrowth(l, now, step)
	r.weighRewind(now)
	r.weighAbove(l, now)
}

// weighCommit is for Stalled and Stopped: lag, and a commit that stays.
//
// Evidence with an owner outlasts short times without one: a worker that crashes
// on one message again and again is stalled. Once the partition is Stopped it is
// void, so that workers that come back get a whole window.
func (r *record) weighCommit(l *look, now *current, step time.Duration) {
	switch {
	case now.messages == 0 || now.committed != r.committed:
		r.owned, r.unowned = evidence{}, evidence{}
	case !l.steady:
	case now.owned != r.owner: // changed within the step, nobody knows when
		r.unowned = evidence{}
	case now.owned:
		r.owned.add(step)
		r.unowned = evidence{}
	default:
		r.unowned.add(step)
		if r.unowned.full(l.window) {
			r.owned = evidence{}
		}
	}
}

// weighGrowth is for Slow: lag that no commit made less. Less lag without a
// commit is retention, which deletes what was not read.
func (r *record) weighGrowth(l *look, now *current, step time.Duration) {
	if now.messages == 0 || (now.messages < r.messages && now.committed != r.committed) {
		r.growing, r.moved = evidence{}, false
		return
	}
	r.moved = r.moved || now.committed > r.committed
	if l.steady {
		r.growing.add(step)
	}
}

// weighRewind is for Rewound: a commit that went back, until the group reads on
// from where it was, or has nothing left to read.
func (r *record) weighRewind(now *current) {
	if now.committed != r.committed && now.position < r.position {
		r.rewoundFrom = max(r.rewoundFrom, r.position)
	}
	if now.position >= r.rewoundFrom || now.messages == 0 {
		r.rewoundFrom, r.rewound = 0, 0
		return
	}
	r.rewound = min(r.rewound+1, twice)
}

// weighAbove is for CommittedAboveEnd. A commit above the log end that moves
// is a race: the log end was read before it, or from a leader that lags.
func (r *record) weighAbove(l *look, now *current) {
	before := r.above
	switch {
	case now.committed <= now.logEnd:
		r.above = 0
	case now.committed != r.committed:
		r.above = 1
	default:
		r.above = min(r.above+1, twice)
	}
	l.changed = l.changed || (before >= twice) != (r.above >= twice)
}

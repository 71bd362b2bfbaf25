package worker

import "time"

// With a handler that takes less than a microsecond, waking another hand costs
// more than all that it would do, and hands get in each other's way. So a hand
// that was quick wakes no other. It may have got a message that takes long; then
// others are woken when it has not come back within a millisecond:
//
//	        quick hands at work          none, or stalled
//	wake    look in 1 ms                 wake one, which wakes the next
//	look    one was back: look again     none was: stalled, until one is
const (
	// quickly is how long a quick hand takes for a message at most.
	quickly = time.Microsecond
	// lookAfter is when quick hands are looked after.
	lookAfter = time.Millisecond
)

// pace is what a pool knows of how quick its hands are.
type pace struct {
	// quick is how many hands at work were quick the last time.
	quick int
	// returns counts when quick hands came back.
	returns int
	// looking says that a look is to come, stalled that none had come back
	// when it came.
	looking, stalled bool
}

// back notes that a hand has come back.
func (p *pace) back(h *hand) {
	if h.counted {
		p.quick--
		p.returns++
		p.stalled = false
	}
	h.counted = false
}

// away notes that a hand goes to work.
func (p *pace) away(h *hand) {
	h.counted = h.quick
	if h.counted {
		p.quick++
	}
}

// enough tells whether those that are at work will take what waits before
// another hand would.
func (p *pace) enough() bool { return p.quick > 0 && !p.stalled }

// look has hands woken after all if no quick one has come back by then.
func (p *pool) look() {
	if p.looking {
		return
	}
	p.looking = true
	returns := p.returns
	p.after(lookAfter, func() {
		p.looking = false
		p.stalled = p.returns == returns
	})
}

package lag

import "time"

const (
	// slotCount samples are remembered: about a minute of samples 5 s apart.
	slotCount = 12
	// minSpacing is how far apart two remembered samples are, and so the least
	// that a rate is a mean over. A group being decided on is sampled more often.
	minSpacing = 4 * time.Second
	// maxSpan bounds what a rate is a mean over: twelve samples at the slowest
	// pace, 15 s, are 165 s apart. What was before a longer outage is history.
	maxSpan = 3 * time.Minute
)

// slots are the times of the last samples of a group: a ring, of which each
// record has one entry a slot.
type slots struct {
	times  [slotCount]time.Duration
	newest int
	count  int
}

// next is the slot for a sample at now. It takes the newest's place while that
// one is too close to the one before it: a full ring spans at least 40 s.
func (s *slots) next(now time.Duration) int {
	switch {
	case s.count == 0:
		s.count = 1
	case s.count == 1 || s.times[s.newest]-s.times[s.back(1)] >= minSpacing:
		s.newest = (s.newest + 1) % slotCount
		s.count = min(s.count+1, slotCount)
	}
	s.times[s.newest] = now
	return s.newest
}

// back is the slot n before the newest.
func (s *slots) back(n int) int { return (s.newest + slotCount - n) % slotCount }

// oldest is the oldest valid slot within maxSpan, and how long before the newest it is.
func (s *slots) oldest(valid uint16) (slot int, span time.Duration) {
	for n := s.count - 1; n > 0; n-- {
		slot = s.back(n)
		span = s.times[s.newest] - s.times[slot]
		if valid&(1<<slot) != 0 && span <= maxSpan {
			return slot, span
		}
	}
	return s.newest, 0
}

package autoscale

import "time"

// forward brings the state to now: it notes whether the lag is known, and
// starts anew what a clock that went back has made meaningless.
func (s State) forward(known bool, now time.Time) State {
	if now.Before(s.Last) {
		s = State{}
	}
	s.Last = now
	if !known {
		s.Window, s.WindowSince = nil, time.Time{}
		if s.UnknownSince.IsZero() {
			s.UnknownSince = now
		}
		return s
	}
	s.UnknownSince = time.Time{}
	if s.WindowSince.IsZero() {
		s.WindowSince = now
	}
	return s
}

// want records a count that lag asks for now. The count before it was in force
// until now, so it leaves the window only length from now; smaller ones before
// a larger one no longer matter.
func (s State) want(replicas int32, now time.Time, length time.Duration) State {
	kept := make([]Wanted, 0, len(s.Window)+1)
	for i, w := range s.Window {
		if i == len(s.Window)-1 {
			w.At = now
		}
		if w.Replicas > replicas && now.Sub(w.At) < length {
			kept = append(kept, w)
		}
	}
	kept = append(kept, Wanted{At: now, Replicas: replicas})
	s.Window = kept
	return s
}

// highest is the highest count wanted in the window.
func (s State) highest() int32 { return s.Window[0].Replicas }

// full tells whether the lag has been known for the whole length.
func (s State) full(now time.Time, length time.Duration) bool {
	return now.Sub(s.WindowSince) >= length
}

// untilLower is how long until the window is full and its highest count has left it.
func (s State) untilLower(now time.Time, length time.Duration) time.Duration {
	wait := length - now.Sub(s.WindowSince)
	if len(s.Window) > 1 {
		wait = max(wait, length-now.Sub(s.Window[0].At))
	}
	return max(wait, time.Second)
}

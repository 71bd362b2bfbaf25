package target

import "sort"

// curve is when how much was produced over all partitions, the oldest first.
type curve []produced

// produced is the sum of the log end offsets so many seconds ago.
type produced struct{ ago, end float64 }

// curve is what is remembered of the arrivals.
func (a arrivals) curve() curve {
	c := make(curve, len(a.points))
	newest := a.points[len(a.points)-1]
	for i, p := range a.points {
		c[i] = produced{newest.at.Sub(p.at).Seconds(), float64(p.end - newest.end)}
	}
	return c
}

// later is the curve some seconds later, with what has arrived until then.
func (c curve) later(span, arrived float64) curve {
	after := make(curve, 0, len(c)+1)
	for _, p := range c {
		after = append(after, produced{p.ago + span, p.end})
	}
	return append(after, produced{0, c[len(c)-1].end + arrived})
}

// younger is how old the eldest message is once a part of what waits is handled, with
// the eldest being so old now: what waits of a partition was produced as the messages of
// all were. A burst an hour ago is an hour old until its last message is handled.
//
// Of ten messages that wait, of which nine came 40 s ago and one just now, the eldest is
// 40 s old until nine are handled.
func (c curve) younger(age, part float64) float64 {
	from, to := c.at(age), c[len(c)-1].end
	if age <= 0 || to <= from {
		return age * (1 - part)
	}
	handled := from + part*(to-from)
	if oldest := c[0]; handled < oldest.end { // it is older than what is remembered
		return age - (age-oldest.ago)*(handled-from)/(oldest.end-from)
	}
	next := sort.Search(len(c), func(i int) bool { return c[i].end > handled })
	if next == len(c) {
		return 0
	}
	before, after := c[next-1], c[next]
	return min(age, before.ago-(before.ago-after.ago)*(handled-before.end)/(after.end-before.end))
}

// at is the sum so many seconds ago; before what is remembered it grew as since.
func (c curve) at(ago float64) float64 {
	oldest, newest := c[0], c[len(c)-1]
	if ago >= oldest.ago {
		if oldest.ago <= newest.ago {
			return oldest.end
		}
		return oldest.end - (ago-oldest.ago)*(newest.end-oldest.end)/(oldest.ago-newest.ago)
	}
	next := sort.Search(len(c), func(i int) bool { return c[i].ago <= ago })
	before, after := c[next-1], c[next]
	return after.end - (ago-after.ago)*(after.end-before.end)/(before.ago-after.ago)
}

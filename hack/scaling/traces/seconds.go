package traces

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// longest is the longest trace: 4 MB a week.
const longest = 60 * 24 * time.Hour

// perSecond are the messages a second, and whether they were counted each second.
func (t *table) perSecond() ([]float64, bool, error) {
	if t.format == Requests {
		perSecond, err := t.tally()
		return perSecond, true, err
	}
	for i, r := range t.rows[1:] {
		if r.at <= t.rows[i].at {
			return nil, false, fmt.Errorf("%d: its time is not after the one before", r.line)
		}
	}
	perSecond, err := t.hold()
	return perSecond, usualStep(t.rows) <= 1, err
}

// tally counts the rows of each second, which may be in any order.
func (t *table) tally() ([]float64, error) {
	byTime := func(a, b row) int { return cmp.Compare(a.at, b.at) }
	start := math.Floor(slices.MinFunc(t.rows, byTime).at)
	last := slices.MaxFunc(t.rows, byTime)
	perSecond, err := seconds(last, math.Floor(last.at-start)+1)
	if err != nil {
		return nil, err
	}
	for _, r := range t.rows {
		perSecond[int(r.at-start)]++
	}
	return perSecond, nil
}

// hold holds each row's rate until the next row, the last one's for the usual step. A
// second in which it changes gets the mean: 10 messages/s for 0.25 s and 2 for the rest are 4.
func (t *table) hold() ([]float64, error) {
	start, step, last := math.Floor(t.rows[0].at), usualStep(t.rows), t.rows[len(t.rows)-1]
	perSecond, err := seconds(last, math.Ceil(last.at+step-start))
	if err != nil {
		return nil, err
	}
	for i, r := range t.rows {
		until := r.at + step
		if i+1 < len(t.rows) {
			until = t.rows[i+1].at
		}
		rate := r.value
		if t.format == Count {
			rate /= step
		}
		spread(perSecond, r.at-start, until-start, rate)
	}
	return perSecond, nil
}

func seconds(last row, n float64) ([]float64, error) {
	if n > longest.Seconds() {
		return nil, fmt.Errorf("%d: %.0f days after the start; %.0f are the most", last.line, n/86400, longest.Hours()/24)
	}
	return make([]float64, int(n)), nil
}

// spread adds a rate from one time to another.
func spread(perSecond []float64, from, until, rate float64) {
	for second := int(from); second < len(perSecond) && float64(second) < until; second++ {
		share := min(until, float64(second+1)) - max(from, float64(second))
		perSecond[second] += rate * share
	}
}

// usualStep is the median distance of two rows, the shorter of two in the middle.
func usualStep(rows []row) float64 {
	steps := make([]float64, 0, len(rows)-1)
	for i := range rows[1:] {
		steps = append(steps, rows[i+1].at-rows[i].at)
	}
	slices.Sort(steps)
	return steps[(len(steps)-1)/2]
}

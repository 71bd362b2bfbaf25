package target

import (
	"math"
	"time"
)

// remembered is how far back arrivals are known.
const remembered = 6 * time.Minute

// arrivals are the sums of the log end offsets over time.
type arrivals struct {
	points []point
}

// apart is how far from each other two points are at least, but for the newest.
const apart = 5 * time.Second

type point struct {
	at  time.Time
	end int64
}

// take takes in the newest sum. Offsets that go back begin anew.
func (a arrivals) take(end int64, now time.Time) arrivals {
	if n := len(a.points); n > 0 && end < a.points[n-1].end {
		a.points = nil
	}
	first := 0
	for first < len(a.points) && now.Sub(a.points[first].at) > remembered {
		first++
	}
	last := len(a.points)
	if last-first > 1 && now.Sub(a.points[last-2].at) < apart {
		last--
	}
	a.points = append(a.points[first:last:last], point{now, end})
	return a
}

// rate is messages a second over the last span, or what is nearest to it.
func (a arrivals) rate(span time.Duration) (perSecond float64, known bool) {
	n := len(a.points)
	if n < 2 {
		return 0, false
	}
	newest, from := a.points[n-1], n-2
	for from > 0 && newest.at.Sub(a.points[from].at) < span {
		from--
	}
	past := newest.at.Sub(a.points[from].at).Seconds()
	if past <= 0 {
		return 0, false
	}
	return float64(newest.end-a.points[from].end) / past, true
}

// quiet: nothing has arrived for so long.
func (a arrivals) quiet(span time.Duration) bool {
	n := len(a.points)
	for i := n - 1; i >= 0 && a.points[i].end == a.points[n-1].end; i-- {
		if a.points[n-1].at.Sub(a.points[i].at) >= span {
			return true
		}
	}
	return false
}

// current is what arrives now: the last minute's rate, or that of the last 30 or 15
// seconds where it is higher by more than chance, which is two standard deviations of
// a Poisson count.
func (a arrivals) current() (perSecond float64, known bool) {
	now, known := a.rate(time.Minute)
	for _, span := range []time.Duration{30 * time.Second, 15 * time.Second} {
		if rate, ok := a.rate(span); ok {
			now = max(now, rate-2*math.Sqrt(max(rate, 0)/span.Seconds()))
		}
	}
	return now, known
}

// trendSpan is the time over which a trend is looked for.
const trendSpan = 4 * time.Minute

// trend is by how much a second the rate changes, 0 where that may be chance: a
// least-squares slope of less than three standard errors. One step up is no slope:
// the median of all pairs' slopes (Theil and Sen) bounds it.
func (a arrivals) trend() float64 {
	rates := a.recent()
	slope, standardError := leastSquares(rates)
	if len(rates) < 6 || math.Abs(slope) <= 3*standardError {
		return 0
	}
	middle := medianSlope(rates)
	if middle*slope <= 0 {
		return 0
	}
	return math.Copysign(min(math.Abs(slope), math.Abs(middle)), slope)
}

// rateAt is a rate between two looks, at their middle.
type rateAt struct{ second, perSecond float64 }

// recent are the rates of the trend's span.
func (a arrivals) recent() []rateAt {
	var rates []rateAt
	newest := a.points[len(a.points)-1].at
	for i := len(a.points) - 1; i > 0 && newest.Sub(a.points[i-1].at) <= trendSpan; i-- {
		to, from := a.points[i], a.points[i-1]
		if step := to.at.Sub(from.at).Seconds(); step > 0 {
			rates = append(rates, rateAt{-newest.Sub(to.at).Seconds() - step/2, float64(to.end-from.end) / step})
		}
	}
	return rates
}

func leastSquares(rates []rateAt) (slope, standardError float64) {
	var n, x, y, xx, xy, yy float64
	for _, r := range rates {
		n, x, y = n+1, x+r.second, y+r.perSecond
		xx, xy, yy = xx+r.second*r.second, xy+r.second*r.perSecond, yy+r.perSecond*r.perSecond
	}
	spread := n*xx - x*x
	if n < 3 || spread <= 0 {
		return 0, 0
	}
	slope = (n*xy - x*y) / spread
	residual := max(0, yy-y*y/n-slope*slope*spread/n)
	return slope, math.Sqrt(residual / (n - 2) * n / spread)
}

func medianSlope(rates []rateAt) float64 {
	var slopes []float64
	for i, a := range rates {
		for _, b := range rates[:i] {
			slopes = append(slopes, (a.perSecond-b.perSecond)/(a.second-b.second))
		}
	}
	return quantile(slopes, 0.5)
}

// forecast is the mean rate expected over the next horizon: the current one, moved
// along the trend to the horizon's middle, and by no more than 60 %.
func (a arrivals) forecast(horizon time.Duration) (perSecond float64, known bool) {
	now, known := a.current()
	moved := now + a.trend()*horizon.Seconds()/2
	return min(max(moved, 0.4*now), 1.6*now), known
}

package target

import (
	"math"
	"slices"
	"time"
)

// maxErrors is how many forecasts are compared with what came: two hours at 15 s.
const maxErrors = 480

// forecastErrors are the forecasts whose time is not over, and how wrong those before were.
type forecastErrors struct {
	open []openForecast
	past []forecastError
}

type openForecast struct {
	at   time.Time
	rate float64
	end  int64
}

// forecastError is by how much more arrived than was forecast.
type forecastError struct{ rate, more float64 }

// take notes the newest forecast, and compares those with what came that are a horizon old.
func (f forecastErrors) take(rate float64, horizon time.Duration, newest point) forecastErrors {
	if n := len(f.open); n > 0 && newest.end < f.open[n-1].end {
		f.open = nil
	}
	for len(f.open) > 0 && newest.at.Sub(f.open[0].at) >= horizon {
		was := f.open[0]
		came := float64(newest.end-was.end) / newest.at.Sub(was.at).Seconds()
		f.open = f.open[1:]
		f.past = append(f.past[max(0, len(f.past)-maxErrors+1):len(f.past):len(f.past)], forecastError{was.rate, came - was.rate})
	}
	if n := len(f.open); n > 0 && newest.at.Sub(f.open[n-1].at) < apart {
		return f
	}
	f.open = append(f.open[:len(f.open):len(f.open)], openForecast{newest.at, rate, newest.end})
	return f
}

// enoughErrors is how many forecasts tell of a quantile.
const enoughErrors = 16

// bound is what arrives at most but in 1-q of the cases: the forecast, and the
// q-quantile of by how much forecasts of about the same rate were too low (split
// conformal prediction: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random
// World", 2005). With too few of those it is the quantile of the errors in
// proportion, and in the beginning a factor.
func (f forecastErrors) bound(rate, q, factor float64) float64 {
	var near, all []float64
	most := 0.0
	for _, e := range f.past {
		most = max(most, e.rate)
	}
	for _, e := range f.past {
		if math.Abs(e.rate-rate) <= max(0.25*rate, 0.02*most) {
			near = append(near, e.more)
		}
		if e.rate > 0 {
			all = append(all, 1+e.more/e.rate)
		}
	}
	switch {
	case len(near) >= enoughErrors:
		return rate + max(0, quantile(near, q))
	case len(all) >= enoughErrors:
		return rate * min(max(quantile(all, q), 1), 3)
	}
	return rate * factor
}

// quantile sorts what it is given.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

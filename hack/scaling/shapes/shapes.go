// Package shapes makes arrival rates of known shapes. A seed moves their times and
// heights a little, so that no policy is lucky with a tick.
package shapes

import (
	"math"
	"math/rand/v2"
	"time"

	"k8s.io/utils/ptr"

	"github.com/lagrange-operator/lagrange/hack/scaling/traces"
)

// Mu is how many messages a second one worker handles in every shape: peaks of 360
// messages/s take nine.
const Mu = 40

const (
	low  = 25.0
	high = 360.0
)

// All are the shapes of a seed.
func All(seed uint64) []traces.Trace {
	return []traces.Trace{
		busy("step", traces.Dense, step(source(seed, 1))),
		busy("ramp", traces.Dense, ramp(source(seed, 2))),
		busy("flash-crowd", traces.Burst, flashCrowd(source(seed, 3))),
		busy("on-off", traces.Burst, onOff(source(seed, 4))),
		quiet("silence", silence(source(seed, 5))),
	}
}

func source(seed, shape uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, shape)) }

func busy(name string, class traces.Class, rates []float64) traces.Trace {
	return traces.Trace{Name: name, PerSecond: rates, Class: class, Mu: Mu}
}

// quiet may go to zero.
func quiet(name string, rates []float64) traces.Trace {
	return traces.Trace{Name: name, PerSecond: rates, Class: traces.Sparse, Mu: Mu, Min: ptr.To[int32](0)}
}

// step is 40 minutes each of little, of much, and of something between.
func step(r *rand.Rand) []float64 {
	rates := hold(nil, about(r, 60, 0.1), 40*time.Minute+within(r, 0, 2*time.Minute))
	rates = hold(rates, about(r, 300, 0.1), 40*time.Minute+within(r, 0, 2*time.Minute))
	return hold(rates, about(r, 120, 0.1), 40*time.Minute)
}

// ramp goes from 25 to 360 messages/s in 25 minutes and back, with ten minutes before,
// between and after.
func ramp(r *rand.Rand) []float64 {
	const climb = 25 * time.Minute
	rates := hold(nil, low, 10*time.Minute+within(r, 0, time.Minute))
	for second := 0.0; second < climb.Seconds(); second++ {
		rates = append(rates, low+(high-low)*second/climb.Seconds())
	}
	rates = hold(rates, high, 10*time.Minute+within(r, 0, time.Minute))
	for second := 0.0; second < climb.Seconds(); second++ {
		rates = append(rates, high-(high-low)*second/climb.Seconds())
	}
	return hold(rates, low, 10*time.Minute)
}

// flashCrowd is 50 messages/s for two hours and four crowds on top, that come within
// half a minute and go with a time constant of four minutes.
func flashCrowd(r *rand.Rand) []float64 {
	rates := hold(nil, 50, 2*time.Hour)
	for crowd := range 4 {
		start := crowd*1800 + int(within(r, 5*time.Minute, 10*time.Minute).Seconds())
		height, rise := about(r, high-70, 0.15), within(r, 10*time.Second, 30*time.Second).Seconds()
		for second := start; second < len(rates); second++ {
			since := float64(second - start)
			rates[second] += height * min(since/rise, math.Exp(-(since-rise)/240))
		}
	}
	return rates
}

// onOff is 330 messages/s and 15 in turn, each for about as long as it takes until more
// workers work.
func onOff(r *rand.Rand) []float64 {
	var rates []float64
	for len(rates) < 5400 {
		rates = hold(rates, 15, within(r, time.Minute, 3*time.Minute))
		rates = hold(rates, about(r, 330, 0.05), within(r, 30*time.Second, 2*time.Minute))
	}
	return rates
}

// silence is two hours of nothing for 3 to 12 minutes and then half a minute or so of
// something.
func silence(r *rand.Rand) []float64 {
	var rates []float64
	for len(rates) < 7200 {
		rates = hold(rates, 0, within(r, 3*time.Minute, 12*time.Minute))
		rates = hold(rates, about(r, 40, 0.5), within(r, 20*time.Second, time.Minute))
	}
	return rates
}

// hold appends a rate for so long.
func hold(rates []float64, rate float64, length time.Duration) []float64 {
	for range int(length.Seconds()) {
		rates = append(rates, rate)
	}
	return rates
}

// about is a value give or take a share of it.
func about(r *rand.Rand, value, share float64) float64 {
	return value * (1 + share*(2*r.Float64()-1))
}

func within(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Float64()*float64(most-least))
}

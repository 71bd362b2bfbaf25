package baselines

import (
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// uber is the autoscaler of Uber's uForwarder: quick up, very slow down, by demand
// alone and not by lag. Source: uber/uForwarder, uforwarder-core, autoscalar/ScaleState.java,
// ScaleWindow.java and the defaults of AutoScalarConfiguration.java. It knows what a
// worker handles, as theirs is told (4000 messages/s by default). Hibernation, which is
// off by default and comes after three days, is left out, and so are shorter windows
// for a fleet that is short of workers: here every group has its own.
type uber struct {
	bounds
	mu float64
	// scale is the demand that there are workers for, in workers.
	scale   float64
	running bool
	up, low window
}

// window is a tumbling window of samples of demand: once it is as long as it is to be,
// its percentile is the new scale if that is within factors of the present one, else
// it begins anew.
type window struct {
	lasts, calibrating time.Duration
	// Samples are clamped to the scale times clamp, proposals are within it times accept.
	clamp, accept [2]float64
	percentile    float64
	since         time.Duration
	samples       []float64
}

const (
	// uberCalibration is the time from which on the next change ends calibration, until
	// which both windows are short, and uberSamples the fewest samples of a window.
	uberCalibration = 30 * time.Minute
	uberSamples     = 10
)

func newUber(k sim.Knowledge) sim.Policy {
	return &uber{
		bounds: boundsOf(k).atLeastOne(), mu: k.Mu,
		up: window{
			lasts: 5 * time.Minute, calibrating: 5 * time.Minute,
			clamp: [2]float64{1, 2}, accept: [2]float64{1.2, 2}, percentile: 0.5,
		},
		low: window{
			lasts: 24 * time.Hour, calibrating: 5 * time.Minute,
			clamp: [2]float64{0.5, 1}, accept: [2]float64{0.5, 0.8}, percentile: 0.99,
		},
	}
}

// Decide adds a sample. A change of scale begins both windows anew.
func (u *uber) Decide(v sim.View) int32 {
	arriving, _, known := ratesOf(v)
	if !known {
		return v.Replicas
	}
	if u.scale == 0 {
		u.reset(v.Now, float64(v.Replicas))
	}
	for _, w := range []*window{&u.up, &u.low} {
		lasts := w.calibrating
		if u.running {
			lasts = w.lasts
		}
		if scale, accepted := w.sample(v.Now, lasts, u.scale, arriving/u.mu); accepted {
			u.running = v.Now > uberCalibration
			u.reset(v.Now, scale)
			break
		}
	}
	return u.clamp(ceil(u.scale))
}

// reset takes a scale: at least that of one worker in a hundred, so that a factor of it is something.
func (u *uber) reset(now time.Duration, scale float64) {
	u.scale = max(scale, 0.01)
	u.up.begin(now)
	u.low.begin(now)
}

func (w *window) begin(now time.Duration) { w.since, w.samples = now, nil }

func (w *window) sample(now, lasts time.Duration, scale, demand float64) (proposal float64, accepted bool) {
	w.samples = append(w.samples, min(max(demand, scale*w.clamp[0]), scale*w.clamp[1]))
	if len(w.samples) < uberSamples || now-w.since <= lasts {
		return 0, false
	}
	slices.Sort(w.samples)
	proposal = w.samples[max(0, int(w.percentile*float64(len(w.samples)))-1)]
	if proposal >= scale*w.accept[0] && proposal <= scale*w.accept[1] {
		return proposal, true
	}
	w.begin(now)
	return 0, false
}

package baselines

import (
	"math"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// flink is the autoscaler of Flink's Kubernetes operator with its defaults, for one
// source. Source: apache/flink-kubernetes-operator of July 2026, flink-autoscaler:
// JobVertexScaler.java, ScalingMetricEvaluator.java, alignment/ParallelismAligner.java.
//
// In its favour: it acts on rates of the last minute. Flink's own stabilization.interval
// (5 min) and metrics.window (15 min) let it act once in 20 minutes.
type flink struct {
	bounds
	partitions int32
	settled    time.Duration
	unsettled  bool
	// saturated are rates since the last change at which there was a backlog.
	saturated []float64
	// lower are recommendations to scale down since one first was made, without a break.
	lower []lowering
}

const (
	flinkUtilization, flinkBoundary = 0.7, 0.3
	// flinkCatchUp, flinkRestart and flinkBacklog are in seconds.
	flinkCatchUp, flinkRestart, flinkBacklog = 1800, 300, 300
	// flinkSaturated is the backlog in seconds from which on the rate is a worker's
	// most, and flinkSwitch by how much the rate by busy time has to be above it to be
	// disbelieved.
	flinkSaturated, flinkSwitch = 30, 1.15
	flinkMostDown               = 0.6
	flinkDownInterval           = time.Hour
)

func newFlink(k sim.Knowledge) sim.Policy {
	return &flink{bounds: boundsOf(k).atLeastOne(), partitions: int32(k.Partitions), unsettled: true}
}

// Decide scales to what the rate of all workers, if always busy, is short of or above.
func (f *flink) Decide(v sim.View) int32 {
	arriving, handled, known := ratesOf(v)
	if settled := f.settle(v); !known || !settled {
		return max(v.Replicas, f.min)
	}
	in := input{arriving, float64(lagOf(v))}
	capacity, known := f.capacity(in, handled, v.CPU)
	if !known {
		return v.Replicas
	}
	factor := max(in.need(flinkUtilization, flinkRestart)/capacity, 1-flinkMostDown)
	n := f.align(v.Replicas, f.clamp(ceil(factor*float64(v.Replicas))))
	n = f.delay(v, lowering{v.Now, n, in.outside(capacity)})
	if n != v.Replicas {
		f.unsettled, f.saturated, f.lower = true, nil, nil
	}
	return n
}

// settle says whether the rates are of these workers all along.
func (f *flink) settle(v sim.View) bool {
	moving := !v.Steady || v.Ready != v.Replicas
	if moving || f.unsettled {
		f.settled = v.Now
	}
	f.unsettled = moving
	return !f.unsettled && v.Replicas > 0 && v.Now-f.settled >= time.Minute
}

// capacity is the true processing rate: what was handled by how busy it made them, or,
// where that is too good to be true, what was handled while there was a backlog.
func (f *flink) capacity(in input, handled, busy float64) (float64, bool) {
	if in.lag > flinkSaturated*in.rate {
		f.saturated = append(f.saturated, handled)
	}
	byBusy := handled / busy
	valid := byBusy > 0 && !math.IsInf(byBusy, 0)
	if len(f.saturated) < 2 {
		return byBusy, valid
	}
	sum := 0.0
	for _, rate := range f.saturated {
		sum += rate
	}
	observed := sum / float64(len(f.saturated))
	if valid && byBusy <= observed*flinkSwitch {
		return byBusy, true
	}
	return observed, observed > 0
}

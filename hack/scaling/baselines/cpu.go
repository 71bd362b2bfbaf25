package baselines

import (
	"math"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// cpuTarget is the utilization that the HPA on CPU is set to, in percent of the request.
const cpuTarget = 70

// cpu is an HPA on CPU with the defaults of autoscaling/v2. Source:
// kubernetes/kubernetes pkg/controller/podautoscaler/replica_calculator.go,
// GetResourceReplicas. A worker's request is what it uses when it is always busy.
type cpu struct{ hpa hpa }

func newCPU(k sim.Knowledge) sim.Policy {
	return &cpu{hpa{bounds: boundsOf(k).atLeastOne(), behavior: behavior{set: true, window: downscaleWindow}}}
}

// Decide syncs. A workload is not left at none, where an HPA would leave it alone.
func (c *cpu) Decide(v sim.View) int32 {
	if v.Replicas == 0 {
		return c.hpa.min
	}
	return c.hpa.sync(v, desiredByCPU)
}

// desiredByCPU counts ready pods alone on the way down. On the way up pods that start
// count as idle ones, and if that turns the way nothing is done. Without a pod that is
// ready there is no metric.
func desiredByCPU(v sim.View) (int32, bool) {
	if v.Ready == 0 {
		return 0, false
	}
	pods := v.Ready
	ratio := utilization(v, pods) / cpuTarget
	if v.Status > v.Ready && ratio > 1 {
		pods = v.Status
		ratio = utilization(v, pods) / cpuTarget
		if ratio < 1 {
			return v.Replicas, true
		}
	}
	if within(ratio) {
		return v.Replicas, true
	}
	return ceil(ratio * float64(pods)), true
}

// utilization is a whole number of percent, as in the HPA; a billionth for what floats
// lose of a whole number.
func utilization(v sim.View, pods int32) float64 {
	return math.Floor(100*v.CPU*float64(v.Ready)/float64(pods) + 1e-9)
}

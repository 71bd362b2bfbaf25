package baselines

import (
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// hpa is the horizontal pod autoscaler, but for the metric: when it syncs, and how a
// desired count is stabilized and limited. Source: kubernetes/kubernetes
// pkg/controller/podautoscaler/horizontal.go.
type hpa struct {
	bounds
	behavior behavior
	// synced is when the last sync was; it means nothing before the first recommendation.
	synced time.Duration
	// recommended are the recommendations of the last downscale window, as the metric had them.
	recommended []recommendation
}

type recommendation struct {
	at       time.Duration
	replicas int32
}

const (
	// syncPeriod is --horizontal-pod-autoscaler-sync-period.
	syncPeriod = 15 * time.Second
	// downscaleWindow is --horizontal-pod-autoscaler-downscale-stabilization, and the
	// default of behavior.scaleDown.stabilizationWindowSeconds.
	downscaleWindow = 5 * time.Minute
	// tolerance is --horizontal-pod-autoscaler-tolerance: a ratio of metric to target
	// from 0.9 to 1.1 changes nothing.
	tolerance = 0.1
)

// sync asks desired, which may not know, and is how many workers there are to be. A
// workload at zero is left alone (ScalingDisabled): no HPA here may go to zero.
func (h *hpa) sync(v sim.View, desired func(sim.View) (n int32, known bool)) int32 {
	if h.recommended != nil && v.Now-h.synced < syncPeriod {
		return v.Replicas
	}
	h.synced = v.Now
	if h.recommended == nil {
		h.record(v.Now, v.Replicas)
	}
	switch {
	case v.Replicas == 0:
		return 0
	case v.Replicas != h.clamp(v.Replicas):
		return h.clamp(v.Replicas)
	}
	n, known := desired(v)
	if !known {
		return v.Replicas
	}
	return h.behavior.limit(h, v, n)
}

// record keeps a recommendation for as long as any window asks for it.
func (h *hpa) record(now time.Duration, n int32) {
	kept := []recommendation{{now, n}}
	for _, r := range h.recommended {
		if now-r.at <= downscaleWindow {
			kept = append(kept, r)
		}
	}
	h.recommended = kept
}

// highest is the most that was recommended since, and n.
func (h *hpa) highest(n int32, counts func(recommendation) bool) int32 {
	for _, r := range h.recommended {
		if counts(r) {
			n = max(n, r.replicas)
		}
	}
	return n
}

func within(ratio float64) bool { return 1-tolerance <= ratio && ratio <= 1+tolerance }

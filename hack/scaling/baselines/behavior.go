package baselines

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// behavior is an HPA's spec.behavior. The zero value is none, which is what KEDA
// leaves an HPA with: other code than that for a behavior with its defaults. Source:
// kubernetes/kubernetes pkg/controller/podautoscaler/horizontal.go, normalizeDesiredReplicas
// and normalizeDesiredReplicasWithBehaviors.
type behavior struct {
	set bool
	// window is scaleDown.stabilizationWindowSeconds.
	window time.Duration
}

// String says "window=300s" without a behavior, "window=300s behavior" with one.
func (b behavior) String() string {
	if !b.set {
		return fmt.Sprintf("window=%gs", downscaleWindow.Seconds())
	}
	return fmt.Sprintf("window=%gs behavior", b.window.Seconds())
}

// limit stabilizes and limits a desired count.
func (b behavior) limit(h *hpa, v sim.View, desired int32) int32 {
	if b.set {
		return b.limitBySet(h, v, desired)
	}
	return limitByNone(h, v, desired)
}

// limitByNone goes for the highest recommendation of the window, up as well, and at
// most doubles, or goes to 4: one wrong sample of 100 at 1 is 4, 8, 16, 32, 64, 100.
func limitByNone(h *hpa, v sim.View, desired int32) int32 {
	stable := h.highest(desired, func(r recommendation) bool { return v.Now-r.at <= downscaleWindow })
	h.record(v.Now, desired)
	return max(h.min, min(stable, h.max, max(2*v.Replicas, 4)))
}

// limitBySet goes up to what is desired now, and down to the highest recommendation of
// the window. A step up is at most 4 pods or 100 %, whichever is more, in 15 s, down
// 100 %; syncs are 15 s apart, so that no earlier step falls in a step's period.
func (b behavior) limitBySet(h *hpa, v sim.View, desired int32) int32 {
	stable := h.highest(desired, func(r recommendation) bool { return v.Now-r.at < b.window })
	h.record(v.Now, desired)
	switch {
	case desired > v.Replicas:
		return min(desired, h.max, max(v.Replicas+4, 2*v.Replicas))
	case stable < v.Replicas:
		return max(stable, h.min)
	}
	return v.Replicas
}

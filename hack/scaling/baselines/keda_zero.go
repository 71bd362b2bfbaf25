package baselines

import (
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// activation is KEDA's own loop, between zero and one worker: the HPA does the rest.
// Source: kedacore/keda pkg/scaling/executor/scale_scaledobjects.go.
type activation struct {
	// polled is when the last poll was, lag when there was any; they mean nothing before.
	polled, lag       time.Duration
	hasPolled, hadLag bool
}

const (
	pollingInterval = 30 * time.Second
	cooldownPeriod  = 5 * time.Minute
)

// poll starts one worker when there is any lag (activationLagThreshold is 0), and stops
// all when there has been none for the cooldown period; right away if there never was.
func (a *activation) poll(v sim.View) (n int32, acts bool) {
	if a.hasPolled && v.Now-a.polled < pollingInterval {
		return v.Replicas, false
	}
	a.hasPolled, a.polled = true, v.Now
	if lagOf(v) > 0 {
		a.hadLag, a.lag = true, v.Now
		return 1, v.Replicas == 0
	}
	cold := !a.hadLag || v.Now-a.lag > cooldownPeriod
	return 0, cold && v.Replicas > 0
}

package baselines

// input is what a source is to handle: messages a second, and its lag.
type input struct{ rate, lag float64 }

// need is the rate that works off the lag, and what a restart adds to it, within the
// catch-up time, at a utilization.
func (in input) need(utilization, restart float64) float64 {
	return in.lag/flinkCatchUp + in.rate*restart/flinkCatchUp + in.rate/utilization
}

// outside says whether the true processing rate is outside the bounds 0.4 to 1 of
// utilization. With a backlog of more than five minutes only too little is outside.
func (in input) outside(capacity float64) bool {
	if capacity < in.need(flinkUtilization+flinkBoundary, 0) {
		return true
	}
	backlog := in.lag > flinkBacklog*in.rate
	return !backlog && capacity > in.need(flinkUtilization-flinkBoundary, flinkRestart)
}

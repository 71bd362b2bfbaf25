package baselines

import (
	"testing"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

func TestDesiredByCPU(t *testing.T) {
	cases := map[string]struct {
		reason        string
		ready, status int32
		cpu           float64
		want          int32
		known         bool
	}{
		"at the target":               {"1", 4, 4, 0.70, 4, true},
		"10 % above is within":        {"77/70", 4, 4, 0.77, 4, true},
		"above":                       {"78/70*4 = 4.46", 4, 4, 0.78, 5, true},
		"10 % below is within":        {"63/70", 4, 4, 0.63, 4, true},
		"below":                       {"50/70*4 = 2.86", 4, 4, 0.50, 3, true},
		"a part of a percent is lost": {"77.9 is 77", 4, 4, 0.779, 4, true},
		"those that start are idle":   {"100/70 without, 50/70 with them: the other way", 4, 8, 1, 8, true},
		"those that start, within":    {"100/70 without, 75/70 with them", 6, 8, 1, 8, true},
		"those that start, not enough": {
			"100/70 without, 87/70*8 = 9.94 with them", 7, 8, 1, 10, true,
		},
		"down counts ready ones": {"50/70*4 = 2.86", 4, 8, 0.5, 3, true},
		"none is ready":          {"no metric", 0, 4, 0, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := sim.View{Replicas: tc.status, Status: tc.status, Ready: tc.ready, CPU: tc.cpu}
			if got, known := desiredByCPU(v); got != tc.want || known != tc.known {
				t.Errorf("%d, known %t, want %d, %t: %s", got, known, tc.want, tc.known, tc.reason)
			}
		})
	}
}

func TestCPUStabilizesDownAndHoldsWithoutMetric(t *testing.T) {
	idle := func(s int, n int32) sim.View { return at(s, n, 0, 12) }
	asked := play(newCPU(sim.Knowledge{Max: 12}), 6, idle, 22)
	same(t, "idle", changes(asked), []int32{6, 1})
	if asked[19] != 6 || asked[20] != 1 {
		t.Errorf("%d after 285 s, %d after 300 s", asked[19], asked[20])
	}
	starting := at(0, 6, 0, 12)
	starting.Ready = 0
	if got := newCPU(sim.Knowledge{Max: 12}).Decide(starting); got != 6 {
		t.Errorf("%d while none is ready", got)
	}
	if got := newCPU(sim.Knowledge{Max: 12}).Decide(at(0, 0, 0, 12)); got != 1 {
		t.Errorf("%d from none", got)
	}
}

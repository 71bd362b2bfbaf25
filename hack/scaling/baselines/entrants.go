package baselines

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// All are all baselines, KEDA's whole grid among them.
func All() []sim.Entrant {
	all := append([]sim.Entrant{KEDADefault()}, KEDAGrid()...)
	return append(all,
		sim.Entrant{Family: "hpa-cpu", Name: "hpa cpu=70%", New: newCPU},
		sim.Entrant{Family: "linear", Name: "linear", New: newLinear},
		sim.Entrant{Family: "binpack", Name: "binpack up=0.9 down=0.4", New: newBinPack},
		sim.Entrant{Family: "flink", Name: "flink utilization=0.7", New: newFlink},
		sim.Entrant{Family: "uber", Name: "uber", New: newUber},
		sim.Entrant{Family: "static", Name: "static peak", New: newStatic},
	)
}

// KEDADefault is what a ScaledObject does in which nothing is set: lagThreshold 10,
// and an HPA without behavior.
func KEDADefault() sim.Entrant {
	return sim.Entrant{Family: "keda-default", Name: "keda default", New: func(k sim.Knowledge) sim.Policy {
		return newKEDA(k, kedaSettings{threshold: 10})
	}}
}

// KEDAGrid is KEDA tuned, which needs to know what a worker handles: a lagThreshold of
// a share of what one handles within the lag target, with and without even
// distribution, and three ways to stabilize.
func KEDAGrid() []sim.Entrant {
	var grid []sim.Entrant
	for _, share := range []float64{0.05, 0.1, 0.2, 0.3, 0.4, 0.5} {
		for _, even := range []bool{false, true} {
			for _, b := range []behavior{{}, {set: true, window: 5 * time.Minute}, {set: true}} {
				grid = append(grid, tuned(share, even, b))
			}
		}
	}
	return grid
}

func tuned(share float64, even bool, b behavior) sim.Entrant {
	name := fmt.Sprintf("keda t=%g even=%t %s", share, even, b)
	return sim.Entrant{Family: "keda", Name: name, New: func(k sim.Knowledge) sim.Policy {
		threshold := int64(share * k.Target.Seconds() * k.Mu)
		return newKEDA(k, kedaSettings{threshold: max(1, threshold), even: even, behavior: b})
	}}
}

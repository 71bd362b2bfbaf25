package baselines

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// at is a view at a number of seconds: replicas, all of them ready, and a lag in the first of some partitions.
func at(seconds int, replicas int32, lag int64, partitions int) sim.View {
	v := sim.View{
		Now: time.Duration(seconds) * time.Second, Tick: 15 * time.Second,
		Replicas: replicas, Status: replicas, Ready: replicas, Steady: true,
		Partitions: make([]sim.Partition, partitions),
	}
	v.Partitions[0] = sim.Partition{End: 1000 + lag, Committed: 1000}
	return v
}

// flowing has rates that are the same for all partitions.
func flowing(v sim.View, produced, consumed, cpu float64) sim.View {
	n := float64(len(v.Partitions))
	for i := range v.Partitions {
		p := &v.Partitions[i]
		p.Produced, p.Consumed, p.Rates = produced/n, consumed/n, true
	}
	v.CPU = cpu
	return v
}

// play asks a policy every 15 seconds, and is what it asked for each time. The group does as asked.
func play(p sim.Policy, replicas int32, view func(seconds int, replicas int32) sim.View, ticks int) []int32 {
	var asked []int32
	for i := range ticks {
		replicas = p.Decide(view(15*i, replicas))
		asked = append(asked, replicas)
	}
	return asked
}

// changes leaves out what is as the one before.
func changes(asked []int32) []int32 {
	var c []int32
	for _, n := range asked {
		if len(c) == 0 || c[len(c)-1] != n {
			c = append(c, n)
		}
	}
	return c
}

func same(t *testing.T, what string, got, want []int32) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s -want +got:\n%s", what, d)
	}
}

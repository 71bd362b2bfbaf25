package baselines

import (
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// align takes more where that gives some worker fewer partitions: the mode BALANCED.
// It looks from n up, to the present count on the way down.
func (f *flink) align(now, n int32) int32 {
	most := min(f.partitions, f.max)
	if n < now {
		most = min(most, now)
	}
	for p := n; p <= most && n != now; p++ {
		if f.partitions%p == 0 || f.partitions/p < f.partitions/n {
			return p
		}
	}
	return n
}

// delay lets through what is outside the bounds of utilization: more at once, fewer
// when that has been recommended for an hour, and then the most of that hour.
func (f *flink) delay(v sim.View, l lowering) int32 {
	if l.replicas >= v.Replicas {
		f.lower = nil
		if l.outside {
			return l.replicas
		}
		return v.Replicas
	}
	f.lower = append(f.lower, l)
	if v.Now-f.lower[0].at < flinkDownInterval {
		return v.Replicas
	}
	if most := f.mostOf(v.Now - flinkDownInterval); most.outside {
		return most.replicas
	}
	return v.Replicas
}

// mostOf is the highest recommendation to scale down since, and the last of equals.
func (f *flink) mostOf(since time.Duration) lowering {
	most := lowering{}
	for _, l := range f.lower {
		if l.at >= since && l.replicas >= most.replicas {
			most = l
		}
	}
	return most
}

// lowering is a recommendation to scale down, and whether it was outside the bounds.
type lowering struct {
	at       time.Duration
	replicas int32
	outside  bool
}

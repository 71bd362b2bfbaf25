package baselines

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// binPack packs partitions by arrivals and by lag at once, and has as many workers as
// that takes. Source: Ezzeddine, Baude, Huet, "Tail-latency aware and resource-efficient
// bin pack autoscaling", CLOSER 2024, doi 10.5220/0012630100003711, and the code of it:
// github.com/MazenEzzeddine/taillatencybinpack, BinPackState.java and BinPackLag.java.
// Theirs also deals partitions as it packs them; here the group's assignor deals.
type binPack struct {
	bounds
	mu, target float64
	acted      bool
	actedAt    time.Duration
}

const (
	// packUp and packDown are how full a worker is packed to see whether more, or
	// fewer, are needed: the gap is their hysteresis.
	packUp, packDown = 0.9, 0.4
	// packCooldown is the time between two changes.
	packCooldown = 10 * time.Second
	// packPause is how long a rebalance lasts, in seconds: its arrivals are packed too.
	packPause = 2
)

func newBinPack(k sim.Knowledge) sim.Policy {
	return &binPack{bounds: boundsOf(k).atLeastOne(), mu: k.Mu, target: k.Target.Seconds()}
}

// Decide packs as they are, and once more with what a rebalance adds if that says to change.
func (b *binPack) Decide(v sim.View) int32 {
	_, _, known := ratesOf(v)
	if !known || b.acted && v.Now-b.actedAt <= packCooldown {
		return v.Replicas
	}
	for _, full := range []float64{packUp, packDown} {
		n := b.workers(v, full, 0)
		if full == packUp && n > v.Replicas || full == packDown && n < v.Replicas {
			b.acted, b.actedAt = true, v.Now
			return b.clamp(b.workers(v, full, packPause))
		}
	}
	return v.Replicas
}

// workers is how many it takes to pack all partitions.
func (b *binPack) workers(v sim.View, full, pause float64) int32 {
	room := load{b.mu * full, math.Floor(b.mu * b.target * full)}
	items := make([]load, len(v.Partitions))
	for i, p := range v.Partitions {
		lag := float64(p.End-p.Committed) + p.Produced*pause
		items[i] = load{min(p.Produced, room.arrivals), min(lag, room.lag)}
	}
	slices.SortStableFunc(items, func(a, b load) int { return cmp.Compare(b.arrivals, a.arrivals) })
	n := 1
	for n < len(items) && !packs(items, room, n) {
		n++
	}
	return int32(n)
}

// load is what a partition takes, or what a worker has left: messages a second, and
// messages of lag that can be handled within the target.
type load struct{ arrivals, lag float64 }

// packs says whether n workers have room for all, each given to the one with the most
// room for arrivals that has room for both.
func packs(items []load, room load, n int) bool {
	left := slices.Repeat([]load{room}, n)
	for _, item := range items {
		emptiest := -1
		for i, l := range left {
			fits := l.arrivals >= item.arrivals && l.lag >= item.lag
			if fits && (emptiest < 0 || l.arrivals > left[emptiest].arrivals) {
				emptiest = i
			}
		}
		if emptiest < 0 {
			return false
		}
		left[emptiest].arrivals -= item.arrivals
		left[emptiest].lag -= item.lag
	}
	return true
}

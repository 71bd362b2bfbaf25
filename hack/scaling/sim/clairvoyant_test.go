package sim_test

import (
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

func TestClairvoyantPaysNoMoreThanAStaticCount(t *testing.T) {
	for seed := range uint64(10) {
		c := sim.Config{Mu: 50, Min: 1, Seed: seed}
		arrivals := noise(seed, 250, 7200)
		bound := sim.Clairvoyant(c, arrivals)
		for n := c.Min; n <= 12; n++ {
			c.Initial = n
			r := sim.Run(c, arrivals, always(n))
			if r.OutOfTarget > 0 {
				continue
			}
			if bound > r.ReplicaSeconds {
				t.Errorf("seed %d: %v is more than %v of %d workers", seed, bound, r.ReplicaSeconds, n)
			}
			if bound < r.Work-float64(n)*60 {
				t.Errorf("seed %d: %v is less than the work %v", seed, bound, r.Work)
			}
			break
		}
	}
}

func TestClairvoyant(t *testing.T) {
	hour := constant(0, 3600)
	burst := constant(0, 3600)
	for i := 1800; i < 1800+300; i++ {
		burst[i] = 400
	}
	for _, test := range []struct {
		reason   string
		config   sim.Config
		arrivals []float64
		want     float64
	}{
		{"nothing comes and none is needed", sim.Config{Mu: 100}, hour, 0},
		{"nothing comes, two are to stay", sim.Config{Mu: 100, Min: 2}, hour, 7200},
		{"as much as two handle", sim.Config{Mu: 100}, constant(200, 3600), 7200 - 2*60},
		// 400/s for 300 s are 1,200 s of work. All are handled within a minute of their
		// coming, over 360 s: 3.33 workers. Three of them, one for 120 s more, and 4 starts.
		{"a burst", sim.Config{Mu: 100, NoTail: true}, burst, 1200 + 4*30},
		{"more than all handle", sim.Config{Mu: 100, Max: 3}, constant(900, 3600), 3 * 3600},
		{"no more than partitions work", sim.Config{Mu: 100, Max: 30, Partitions: 3}, constant(900, 3600), 3 * 3600},
		{"half as fast from midway", sim.Config{Mu: 100, MuChange: sim.Change{At: 0.5, Factor: 0.5}, Target: 15 * time.Second, NoTail: true},
			constant(100, 3600), 1800 + 2*1800 + 30 - 2*15},
	} {
		near(t, test.reason, sim.Clairvoyant(test.config, test.arrivals), test.want)
	}
}

// followLag asks for a worker for each so many messages that wait.
func followLag(each int64) policy {
	return func(v sim.View) int32 {
		lag := int64(0)
		for _, p := range v.Partitions {
			lag += p.End - p.Committed
		}
		return int32((lag + each - 1) / each)
	}
}

func TestNoPolicyPaysLessThanClairvoyant(t *testing.T) {
	held := 0
	for seed := range uint64(10) {
		c := sim.Config{Mu: 50, NoTail: true, Initial: 6, Target: 5 * time.Minute, Seed: seed, Assignor: layout.Sticky}
		arrivals := noise(seed, 250, 7200)
		bound := sim.Clairvoyant(c, arrivals)
		for each := int64(500); each < 8000; each += 500 {
			r := sim.Run(c, arrivals, followLag(each))
			if r.OutOfTarget > 0 {
				continue
			}
			held++
			if r.ReplicaSeconds < bound {
				t.Errorf("seed %d, one for each %d: %v is less than %v", seed, each, r.ReplicaSeconds, bound)
			}
		}
	}
	if held < 20 {
		t.Errorf("%d runs held the target, too few to tell", held)
	}
}

func BenchmarkClairvoyantOfTwoWeeks(b *testing.B) {
	arrivals := noise(1, 900, 14*86400)
	for _, target := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		b.Run(target.String(), func(b *testing.B) {
			for b.Loop() {
				sim.Clairvoyant(sim.Config{Mu: 100, Target: target}, arrivals)
			}
		})
	}
}

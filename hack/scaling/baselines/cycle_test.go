package baselines

import (
	"math"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/hack/scaling/sim"
)

// fluid is the simplest group there is: 1000 messages a second arrive, a worker handles
// 250 and is there 20 s after it was asked for, and all stand still for 10 s when
// workers come or go.
type fluid struct {
	lag          float64
	ready, asked int32
	arrives      []int
	paused       int
}

func (f *fluid) second(now int) {
	before := f.ready
	for len(f.arrives) > 0 && f.arrives[0] <= now {
		f.ready, f.arrives = f.ready+1, f.arrives[1:]
	}
	if f.ready != before {
		f.paused = now + 10
	}
	f.lag += 1000
	if now >= f.paused {
		f.lag = max(0, f.lag-250*float64(f.ready))
	}
}

func (f *fluid) ask(now int, n int32) {
	for ; f.asked < n; f.asked++ {
		f.arrives = append(f.arrives, now+20)
	}
	if n < f.asked {
		f.asked, f.arrives, f.ready, f.paused = n, nil, min(f.ready, n), now+10
	}
}

// A constant load that needs 4 workers: an HPA on lag goes up and down for ever, since
// there is no lag whenever there are enough workers. 36 to 41 changes an hour, with
// 11.1 and 5.4 workers in the mean, are what an independent model of the same came to.
func TestKEDACyclesOnAConstantLoad(t *testing.T) {
	for threshold, want := range map[int64]struct{ changes, mean float64 }{100: {36, 11.1}, 10000: {41, 5.4}} {
		f, changes, sum := &fluid{ready: 4, asked: 4}, 0, 0.0
		k := newKEDA(sim.Knowledge{Min: 1, Max: 100}, kedaSettings{threshold: threshold})
		const hours = 10
		for now := range hours * 3600 {
			f.second(now)
			sum += float64(f.asked)
			if now%15 != 0 {
				continue
			}
			v := at(0, f.asked, int64(f.lag), 12)
			v.Now = time.Duration(now) * time.Second
			n := k.Decide(v)
			if n != f.asked {
				changes++
			}
			f.ask(now, n)
		}
		perHour, mean := float64(changes)/hours, sum/(hours*3600)
		if math.Abs(mean-want.mean) > 0.1 || math.Abs(perHour-want.changes) > 1 {
			t.Errorf("lagThreshold %d: %.1f changes an hour, %.1f workers; want about %.0f, %.1f", threshold, perHour, mean, want.changes, want.mean)
		}
	}
}

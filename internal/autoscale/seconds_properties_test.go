package autoscale

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// TestSecondsProperties walks groups with a lag target in seconds through random
// samples: whatever was learned, bounds and partitions hold, nothing goes down while
// lag is unknown nor moves in a rebalance, and the way there is always the same.
func TestSecondsProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		c, s, replicas := randomConfig(r), State{}, 1+r.Int32N(30)
		c.Target = target.Config{Target: time.Duration(1+r.Int64N(300)) * time.Second, Hint: []float64{0, 1, 500}[r.IntN(3)]}
		c.CatchUp = CatchUp{Until: start.Add(time.Duration(r.Int64N(int64(time.Hour)))), Replicas: r.Int32N(30)}
		group := layout.Group{Assignor: c.Assignor, Partitions: []int32{1 + r.Int32N(24), 1 + r.Int32N(24)}}
		now := start
		for range 60 {
			o := randomSample(r, group, replicas, now)
			next, d := Decide(c, s, o, now)
			check := func(ok bool, what string) {
				if !ok {
					t.Fatalf("%s:\nconfig %+v\nseen %+v\ngot %+v", what, c, o, d)
				}
			}
			again, same := Decide(c, s, o, now)
			check(d == same && reflect.DeepEqual(next, again), "not deterministic, or an input was changed")
			check(d.Message != "" && d.RecheckAfter >= 0, "no such decision")
			if c.Pause.At(now) == PauseNone && !c.Manual {
				check(d.Replicas >= 1 && (c.MaxReplicas == 0 || d.Replicas <= c.MaxReplicas), "outside of the bounds")
				switch b := boundsOf(c, o); {
				case !o.lagKnown():
					check(d.Replicas >= o.Replicas || d.Limit == LimitMaxReplicas, "down while the lag is unknown")
				case o.unsettled() && o.Replicas > 0:
					check(d.Replicas == b.hold(o), "moved in a rebalance")
				default:
					check(slices.Contains(group.Counts(), d.Replicas) && d.Replicas >= b.floor, "a smaller count would serve as well, or one that is not allowed")
				}
			}
			s, replicas, now = next, d.Replicas, now.Add(time.Duration(r.Int64N(int64(30*time.Second))))
		}
	}
}

// randomSample is any sample of the group, with numbers that no group has among them.
func randomSample(r *rand.Rand, group layout.Group, replicas int32, now time.Time) Observation {
	o := Observation{
		Exists: true, Replicas: replicas, Sampled: true, At: now, Partitions: group.Partitions, AllTopics: true, Topics: []string{"orders", "returns"},
		Rebalancing: r.IntN(6) == 0, StateUnknown: []string{"", "", "", "", "denied"}[r.IntN(5)], NeverJoined: r.IntN(8) == 0,
		Unknown: max(0, r.IntN(8)-6), Backlog: []int64{0, 0, 0, 5000}[r.IntN(4)], Produced: r.Float64() * 100,
	}
	o.Target = target.Observation{Ready: r.Int32N(replicas + 2), Steady: !o.unsettled()}
	for topic, partitions := range group.Partitions {
		for range partitions {
			p := target.Partition{Topic: topic, Lag: r.Int64N(10_000), End: r.Int64N(1_000_000), Owner: r.IntN(int(replicas)+2) - 1, Rates: r.IntN(8) != 0}
			p.Age, p.Committed = time.Duration(r.Int64N(int64(time.Hour))), p.End-p.Lag
			p.Produced, p.Consumed = r.Float64()*1000, []float64{0, r.Float64() * 1000, math.NaN(), math.Inf(1)}[r.IntN(4)]
			o.Lag, o.Target.Partitions = o.Lag+p.Lag, append(o.Target.Partitions, p)
		}
	}
	return o
}

// BenchmarkDecideInSeconds is a group of 1,000 partitions and 100 members.
func BenchmarkDecideInSeconds(b *testing.B) {
	c, s := aMinute(func(c *Config) { c.Target.Hint = 100 }), State{}
	o := observed(100, 500_000, partitions(1000))
	o.Target = target.Observation{Ready: 100, Steady: true, Partitions: make([]target.Partition, 1000)}
	b.ReportAllocs()
	for i := range b.N {
		o.At = start.Add(time.Duration(i) * 15 * time.Second)
		for n := range o.Target.Partitions {
			o.Target.Partitions[n] = target.Partition{Lag: 500, Age: time.Minute, End: int64(i) * 75, Committed: int64(i)*75 - 500, Produced: 5, Consumed: 5, Rates: true, Owner: n / 10}
		}
		s, _ = Decide(c, s, o, o.At)
	}
}

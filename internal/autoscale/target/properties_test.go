package target

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

var assignors = []layout.Assignor{layout.Range, layout.RoundRobin, layout.Sticky, layout.CooperativeSticky, layout.StableConsistent}

// world makes observations of a group that nobody would expect.
type world struct {
	*rand.Rand
	now        time.Time
	partitions []Partition
	replicas   int32
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1e9, 0), replicas: 1}
	w.partitions = make([]Partition, 1+w.IntN(24))
	return w
}

func (w *world) next() Observation {
	w.now = w.now.Add(time.Duration(w.IntN(20)) * time.Second)
	if w.IntN(50) == 0 {
		w.now = w.now.Add(-time.Hour)
	}
	if w.IntN(40) == 0 {
		w.partitions = append(w.partitions, Partition{})
	}
	if n := len(w.partitions); n > 1 && w.IntN(60) == 0 {
		w.partitions = w.partitions[:n-1]
	}
	for i := range w.partitions {
		p := &w.partitions[i]
		p.Produced, p.Consumed, p.Rates = w.rate(), w.rate(), w.IntN(20) > 0
		p.End += int64(w.Float64() * 1000)
		if p.Lag, p.Age = 0, 0; w.IntN(2) == 0 {
			p.Lag, p.Age = int64(w.IntN(5000))-10, time.Duration(w.IntN(120)-5)*time.Second
		}
		p.Owner = w.IntN(int(w.replicas)+1) - 1
	}
	return Observation{Replicas: w.replicas, Ready: w.replicas, Steady: w.IntN(4) > 0, Moving: w.IntN(4) == 0, Partitions: slices.Clone(w.partitions)}
}

func (w *world) rate() float64 {
	return []float64{0, w.Float64() * 1000, w.Float64(), math.NaN(), math.Inf(1), -1}[min(w.IntN(40), 5)]
}

func configOf(w *world) Config {
	c := Config{Target: time.Duration(1+w.IntN(600)) * time.Second, Risk: w.Float64(), Assignor: assignors[w.IntN(len(assignors))], CommitInterval: 5 * time.Second}
	c.Counts = layout.Group{Assignor: c.Assignor, Partitions: []int32{int32(len(w.partitions))}}.Counts()
	if w.IntN(2) == 0 {
		c.Hint = 100
	}
	if w.IntN(2) == 0 {
		c.Prefer = Freshness
	}
	return c
}

// TestAlwaysACount: whatever is seen, the demand is the present count or one that is
// allowed; never fewer while partitions move; and the same again for the same.
func TestAlwaysACount(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(seed)
		c, s := configOf(w), State{}
		for range 60 {
			o := w.next()
			before := slices.Clone(o.Partitions)
			after, d := Decide(c, s, o, w.now)
			if again, twice := Decide(c, s, o, w.now); !reflect.DeepEqual(again, after) || twice != d {
				t.Fatalf("seed %d: %+v, and then %+v", seed, d, twice)
			}
			if !slices.EqualFunc(before, o.Partitions, same) {
				t.Fatalf("seed %d: what was seen was changed", seed)
			}
			if d.Replicas != o.Replicas && !slices.Contains(c.Counts, d.Replicas) {
				t.Fatalf("seed %d: %d of %v, with %d there", seed, d.Replicas, c.Counts, o.Replicas)
			}
			if math.IsNaN(d.Bound) || d.Oldest < 0 || d.Reaction > 20*time.Minute {
				t.Fatalf("seed %d: %+v", seed, d)
			}
			if d.Replicas < o.Replicas && !o.Steady {
				t.Fatalf("seed %d: %d of %d while partitions move", seed, d.Replicas, o.Replicas)
			}
			if s = after; w.IntN(3) > 0 {
				w.replicas = max(d.Replicas, 1)
			}
		}
	}
}

// same but for NaN, which is not itself.
func same(a, b Partition) bool {
	a.Produced, a.Consumed, b.Produced, b.Consumed = 0, 0, 0, 0
	return a == b
}

// TestAtRest: a group in which nothing changes is left alone.
func TestAtRest(t *testing.T) {
	c := Config{Target: time.Minute, Assignor: layout.CooperativeSticky, Counts: []int32{1, 2, 3, 4, 6, 12}, CommitInterval: 5 * time.Second}
	s, now, replicas := State{}, time.Unix(1e9, 0), int32(6)
	partitions, changes := make([]Partition, 12), 0
	for tick := range 4 * 60 {
		for i := range partitions {
			p := &partitions[i]
			p.End, p.Lag, p.Age, p.Produced, p.Consumed, p.Rates = int64(tick)*1500, 500, 5*time.Second, 100, 100, true
			p.Owner = i % int(replicas)
		}
		var d Demand
		s, d = Decide(c, s, Observation{Replicas: replicas, Ready: replicas, Steady: true, Partitions: partitions}, now)
		if d.Replicas != replicas {
			changes, replicas = changes+1, d.Replicas
		}
		now = now.Add(15 * time.Second)
	}
	if changes > 4 { // it may find out what a worker can
		t.Errorf("%d changes in an hour", changes)
	}
}

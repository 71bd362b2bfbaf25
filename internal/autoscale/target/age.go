package target

import (
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// crew is a group as it is foreseen: who has which partition, what waits and what arrives.
type crew struct {
	assignor layout.Assignor
	topics   []int
	owners   []int
	byMember [][]int
	// arriving is messages a second of each partition; lag and age what waits of it.
	arriving, lag, age []float64
	// curve is when what waits was produced, nil for evenly over the age of the eldest.
	curve      curve
	perReplica float64
	pause      float64
	// hot partitions get more than one worker handles: their age is nobody's to hold.
	hot []bool
}

// foreseen is the group as it is seen, with these arrivals.
func foreseen(c Config, o Observation, arriving []float64, perReplica float64, pause time.Duration) crew {
	n := len(o.Partitions)
	g := crew{assignor: c.Assignor, arriving: arriving, perReplica: perReplica, pause: pause.Seconds(),
		topics: make([]int, n), owners: make([]int, n), lag: make([]float64, n), age: make([]float64, n), hot: make([]bool, n)}
	for i := range o.Partitions {
		p := &o.Partitions[i]
		g.topics[i], g.owners[i], g.lag[i], g.age[i] = p.Topic, p.Owner, float64(p.Lag), p.Age.Seconds()
	}
	g.byMember = byMember(g.owners, o.members())
	return g
}

// byMember are the partitions of each member that has some.
func byMember(owners []int, members int) [][]int {
	own := make([][]int, members)
	for i, owner := range owners {
		if owner != layout.Nobody {
			own[owner] = append(own[owner], i)
		}
	}
	return slices.DeleteFunc(own, func(has []int) bool { return len(has) == 0 })
}

// dealt is the group once members members have its partitions, and which of them
// pause: with an eager assignor all, else those that move.
func (g crew) dealt(members int) (crew, []bool) {
	after := g.assignor.Deal(g.topics, g.owners, members)
	moved, any := make([]bool, len(after)), false
	for i := range after {
		moved[i] = after[i] != g.owners[i]
		any = any || moved[i]
	}
	if any && g.assignor != layout.CooperativeSticky {
		for i := range moved {
			moved[i] = true
		}
	}
	g.owners, g.byMember = after, byMember(after, members)
	return g, moved
}

// after is the group some seconds later. Partitions that pause are read for the less.
//
// Of a partition with more served than had waited, the eldest message is as old as
// what is left has been arriving; else it is one of those that had waited.
func (g crew) after(span float64, paused []bool) crew {
	served := g.served(span, paused)
	lag, age := make([]float64, len(served)), make([]float64, len(served))
	for i, s := range served {
		arrived := g.arriving[i] * span
		switch {
		case s >= g.lag[i]+arrived-1e-9:
		case g.lag[i] <= 0 && s <= 0: // nobody reads it
			lag[i], age[i] = arrived, span
		case s > g.lag[i]:
			lag[i], age[i] = g.lag[i]+arrived-s, span-(s-g.lag[i])/g.arriving[i]
		default:
			lag[i], age[i] = g.lag[i]+arrived-s, span+g.younger(g.age[i], s/g.lag[i])
		}
	}
	g.lag, g.age = lag, age
	if g.curve != nil {
		total := 0.0
		for _, rate := range g.arriving {
			total += rate * span
		}
		g.curve = g.curve.later(span, total)
	}
	return g
}

func (g crew) younger(age, part float64) float64 {
	if g.curve == nil {
		return age * (1 - part)
	}
	return g.curve.younger(age, part)
}

// served is how many messages of each partition its member handles in the span.
func (g crew) served(span float64, paused []bool) []float64 {
	served := make([]float64, len(g.owners))
	for _, own := range g.byMember {
		most, resting := g.perReplica*span, true
		for _, i := range own {
			served[i] = g.lag[i] + g.arriving[i]*span
			if paused != nil && paused[i] {
				served[i] = min(served[i], g.perReplica*max(0, span-g.pause))
			} else {
				resting = false
			}
		}
		if resting {
			most = g.perReplica * max(0, span-g.pause)
		}
		share(served, own, most)
	}
	return served
}

// share brings what these partitions want to what there is: whoever wants less than an
// equal share gets it, and the others share the rest equally.
func share(wanted []float64, own []int, most float64) {
	level := most / float64(len(own))
	for {
		small, few := 0.0, 0
		for _, i := range own {
			if wanted[i] <= level {
				small, few = small+wanted[i], few+1
			}
		}
		if few == len(own) {
			return
		}
		next := (most - small) / float64(len(own)-few)
		if next <= level {
			break
		}
		level = next
	}
	for _, i := range own {
		wanted[i] = min(wanted[i], level)
	}
}

// oldest is the age of the eldest message, hot partitions left out.
func (g crew) oldest() float64 {
	oldest := 0.0
	for i, age := range g.age {
		if !g.hot[i] {
			oldest = max(oldest, age)
		}
	}
	return oldest
}

// oldestOfAll is the age of the eldest message of all partitions.
func (g crew) oldestOfAll() float64 {
	if len(g.age) == 0 {
		return 0
	}
	return slices.Max(g.age)
}

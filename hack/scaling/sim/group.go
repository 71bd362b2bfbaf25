package sim

import (
	"cmp"
	"slices"

	"github.com/lagrange-operator/lagrange/internal/layout"
)

// group is who has which partition, and which of them a rebalance stops.
type group struct {
	config Config
	// topics is 0 for each partition: there is one topic.
	topics []int
	// owner of each partition, a member's number or layout.Nobody.
	owner []int
	// resume is the second, with its fraction, from which a partition is handled again;
	// resumes is the last of them.
	resume  []float64
	resumes float64
	// of lists all partitions by owner; those of member m begin at from[m].
	of, from []int
	// load and order are room to renumber in.
	load  []float64
	order []int
	moved []pod
}

func newGroup(c Config) group {
	g := group{
		config: c,
		topics: make([]int, c.Partitions),
		owner:  slices.Repeat([]int{layout.Nobody}, c.Partitions),
		resume: make([]float64, c.Partitions),
	}
	g.deal(int(c.Initial))
	return g
}

// deal gives the partitions to so many members and says who had them before.
func (g *group) deal(members int) (before []int) {
	before = g.owner
	g.owner = g.config.Assignor.Deal(g.topics, before, members)
	g.list(members)
	return before
}

// list sorts the partitions by owner.
func (g *group) list(members int) {
	g.of, g.from = slices.Grow(g.of[:0], len(g.owner)), append(g.from[:0], make([]int, members+1)...)
	for _, owner := range g.owner {
		if owner >= 0 {
			g.from[owner+1]++
		}
	}
	for m := range members {
		g.from[m+1] += g.from[m]
	}
	g.of = g.of[:g.from[members]]
	for p, owner := range slices.Backward(g.owner) {
		if owner >= 0 {
			g.from[owner+1]--
			g.of[g.from[owner+1]] = p
		}
	}
	copy(g.from, g.from[1:])
	g.from[members] = len(g.of)
}

// partitions are those of a member.
func (g *group) partitions(member int) []int { return g.of[g.from[member]:g.from[member+1]] }

// rebalance lets those that drain go and those that wait join. What moves is committed
// first and stops for the pause; eager stops all. A group without members has none.
func (s *simulation) rebalance() {
	g, f := &s.group, &s.fleet
	for p, owner := range g.owner {
		if owner >= f.staying() {
			s.topic.commit(p)
			g.owner[p] = layout.Nobody
		}
	}
	f.join()
	s.joinBy = 0
	clear(s.want)
	before := g.deal(len(f.members))
	if len(f.members) == 0 {
		return
	}
	s.meter.Rebalances++
	g.resumes = float64(s.now) + g.config.Pause.Seconds()
	for p := range g.owner {
		if g.config.Eager || before[p] != g.owner[p] {
			s.topic.commit(p)
			g.resume[p] = g.resumes
		}
	}
}

// open is which part of the second from now a partition is handled in.
func (g *group) open(p, now int) float64 {
	return max(0, min(1, float64(now)+1-g.resume[p]))
}

// renumber numbers the members that stay by how much lag they have, the most first:
// those that a scale-down ends are the last, as their pods' deletion cost asks for.
func (s *simulation) renumber() {
	g, f := &s.group, &s.fleet
	g.load, g.order, g.moved = g.load[:0], g.order[:0], append(g.moved[:0], f.members...)
	for m := range f.staying() {
		sum := 0.0
		for _, p := range g.partitions(m) {
			sum += s.topic.end[p] - s.topic.committed[p].at
		}
		g.load, g.order = append(g.load, sum), append(g.order, m)
	}
	slices.SortStableFunc(g.order, func(a, b int) int { return cmp.Compare(g.load[b], g.load[a]) })
	if slices.IsSorted(g.order) {
		return
	}
	for number, m := range g.order {
		f.members[number] = g.moved[m]
		for _, p := range g.partitions(m) {
			g.owner[p] = number
		}
	}
	g.list(len(f.members))
}

package landau

import "slices"

// nobody is the owner of a partition that no consumer has, and the consumer that a
// fit doesn't find.
const nobody = -1

// absent is the load of a consumer that isn't in the group: one that is, and reads
// partitions that stand still, has 0.
const absent = -1

// group is an assignment: the owner of each partition, and the load of each consumer.
// There are never more consumers than partitions, so that load has room for all.
type group struct {
	owner, load []int
}

// newGroup has no consumers yet, so that nobody has its n partitions.
func newGroup(n int) *group {
	return &group{owner: slices.Repeat([]int{nobody}, n), load: slices.Repeat([]int{absent}, n)}
}

// open adds a consumer: preferred if it is one and isn't in the group yet, else the lowest that isn't.
func (g *group) open(preferred int) int {
	if preferred == nobody || g.load[preferred] != absent {
		preferred = 0
		for g.load[preferred] != absent {
			preferred++
		}
	}
	g.load[preferred] = 0
	return preferred
}

// put gives a partition to a consumer.
func (g *group) put(p, speed, consumer int) {
	g.owner[p] = consumer
	g.load[consumer] += speed
}

// consumers is how many there are.
func (g *group) consumers() int {
	n := 0
	for _, load := range g.load {
		if load != absent {
			n++
		}
	}
	return n
}

// rscore is the speed of all partitions that another consumer has now, in consumers.
// A partition that had none hasn't moved.
func rscore(before, after *group, speeds []int) float64 {
	moved := 0
	for p, c := range before.owner {
		if c != nobody && after.owner[p] != c {
			moved += speeds[p]
		}
	}
	return float64(moved) / capacity
}

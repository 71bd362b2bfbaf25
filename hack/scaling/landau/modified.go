package landau

import "slices"

// modified packs so that partitions stay where they are: consumers by weight, and of
// each first the slowest partitions into consumers that are packed already, so that it
// may go altogether, then the fastest of the rest into itself, which move nobody. What
// is left over is packed as decreasing does. MWF: worst fit, consumers by their load.
// MBFP: best fit, consumers by their fastest partition.
func modified(f fit, weight func(ps, speeds []int) int) algorithm {
	return func(before *group, speeds []int) *group {
		after, over := newGroup(len(speeds)), []int(nil)
		for p, c := range before.owner {
			if c == nobody {
				over = append(over, p)
			}
		}
		for _, c := range heaviestFirst(before, speeds, weight) {
			rest := hand(after, c.partitions, speeds, f)
			over = append(over, keep(after, c.number, rest, speeds)...)
		}
		slices.Sort(over)
		for _, p := range fastestFirst(over, speeds) {
			place(after, before, p, speeds[p], f)
		}
		return after
	}
}

// hand gives the slowest partitions to consumers that are packed already until one
// doesn't fit, and returns the others.
func hand(after *group, ps, speeds []int, f fit) []int {
	for i := len(ps) - 1; i >= 0; i-- {
		c := f(after, speeds[ps[i]])
		if c == nobody {
			return ps[:i+1]
		}
		after.put(ps[i], speeds[ps[i]], c)
	}
	return nil
}

// keep leaves a consumer its fastest partitions until one doesn't fit, and returns the others.
func keep(after *group, consumer int, ps, speeds []int) []int {
	if len(ps) == 0 {
		return nil
	}
	after.open(consumer)
	for i, p := range ps {
		if after.load[consumer]+speeds[p] > capacity {
			return ps[i:]
		}
		after.put(p, speeds[p], consumer)
	}
	return nil
}

// consumer is one of the group before, with its partitions, the fastest first.
type consumer struct {
	number, weight int
	partitions     []int
}

func heaviestFirst(g *group, speeds []int, weight func(ps, speeds []int) int) []consumer {
	has := make([][]int, len(speeds))
	for p, c := range g.owner {
		if c != nobody {
			has[c] = append(has[c], p)
		}
	}
	var cs []consumer
	for c, ps := range has {
		if len(ps) > 0 {
			cs = append(cs, consumer{c, weight(ps, speeds), fastestFirst(ps, speeds)})
		}
	}
	slices.SortStableFunc(cs, func(a, b consumer) int { return b.weight - a.weight })
	return cs
}

func totalSpeed(ps, speeds []int) int {
	total := 0
	for _, p := range ps {
		total += speeds[p]
	}
	return total
}

func fastestSpeed(ps, speeds []int) int {
	fastest := 0
	for _, p := range ps {
		fastest = max(fastest, speeds[p])
	}
	return fastest
}

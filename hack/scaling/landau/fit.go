package landau

import "slices"

// fit finds the consumer of the group for a partition of that speed, or nobody.
type fit func(g *group, speed int) int

// bestFit is the fullest consumer that has room, and the lowest of equals.
func bestFit(g *group, speed int) int {
	return pick(g, speed, func(load, best int) bool { return load > best })
}

// worstFit is the emptiest consumer that has room, and the lowest of equals.
func worstFit(g *group, speed int) int {
	return pick(g, speed, func(load, best int) bool { return load < best })
}

func pick(g *group, speed int, better func(load, best int) bool) int {
	found := nobody
	for c, load := range g.load {
		if load == absent || load+speed > capacity {
			continue
		}
		if found == nobody || better(load, g.load[found]) {
			found = c
		}
	}
	return found
}

// algorithm packs partitions anew, given who has them now.
type algorithm func(before *group, speeds []int) *group

// decreasing packs from the fastest partition to the slowest by a fit, and opens a
// consumer where none fits: the partition's own if it isn't in the new group yet, so
// that fewer move. BFD and WFD: best and worst fit decreasing.
func decreasing(f fit) algorithm {
	return func(before *group, speeds []int) *group {
		after := newGroup(len(speeds))
		for _, p := range fastestFirst(all(len(speeds)), speeds) {
			place(after, before, p, speeds[p], f)
		}
		return after
	}
}

func place(after, before *group, p, speed int, f fit) {
	c := f(after, speed)
	if c == nobody {
		c = after.open(before.owner[p])
	}
	after.put(p, speed, c)
}

// nextFitDecreasing has one consumer open: what doesn't fit closes it and opens the
// next. The first is always number 0, whoever had the fastest partition.
func nextFitDecreasing(before *group, speeds []int) *group {
	after := newGroup(len(speeds))
	last := after.open(0)
	for _, p := range fastestFirst(all(len(speeds)), speeds) {
		if after.load[last]+speeds[p] > capacity {
			last = after.open(before.owner[p])
		}
		after.put(p, speeds[p], last)
	}
	return after
}

// fastestFirst sorts partitions, equals by number.
func fastestFirst(ps, speeds []int) []int {
	slices.SortStableFunc(ps, func(a, b int) int { return speeds[b] - speeds[a] })
	return ps
}

func all(n int) []int {
	ps := make([]int, n)
	for p := range ps {
		ps[p] = p
	}
	return ps
}

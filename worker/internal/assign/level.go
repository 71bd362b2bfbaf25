package assign

import (
	"cmp"
	"slices"
)

// level moves units until no chain of moves leads from a member to one that has
// at least two fewer: the loads are then as even as the subscriptions allow
// (Harvey, Ladner, Lovász, Tamir: Semi-matchings for bipartite graphs and load
// balancing). Each round brings the sum of squared loads down, so it ends.
//
// With equal subscriptions a chain is one move, from a fullest member to an
// emptiest. No unit then moves twice, and of the members that may keep one more
// than others those do that had it: the moves are the fewest possible.
func (t *table) level() {
	for {
		chain := t.chain()
		if chain == nil {
			return
		}
		for hop := range len(chain) - 1 {
			t.move(chain[hop], chain[hop+1])
		}
	}
}

// chain is the members along the shortest way from a member to one that has at
// least two fewer, nil without one. Fuller members come first, then those that
// hold something loosely.
func (t *table) chain() []int {
	givers := make([]int, len(t.held))
	for member := range givers {
		givers[member] = member
	}
	slices.SortStableFunc(givers, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.load(b), t.load(a)), cmp.Compare(t.loosest(a), t.loosest(b)))
	})
	for _, giver := range givers {
		if t.load(giver) < t.load(givers[len(givers)-1])+2 {
			return nil
		}
		if chain := t.chainFrom(giver); chain != nil {
			return chain
		}
	}
	return nil
}

// chainFrom looks further and further from the giver: at the members that may
// have what it holds, at those that may have what these hold, and so on.
func (t *table) chainFrom(giver int) []int {
	from := map[int]int{giver: nobody}
	seen := make([]bool, len(t.kinds))
	for ring := []int{giver}; len(ring) > 0; {
		ring = t.nextRing(ring, from, seen)
		if len(ring) == 0 {
			return nil
		}
		emptiest := slices.MinFunc(ring, func(a, b int) int { return cmp.Compare(t.load(a), t.load(b)) })
		if t.load(emptiest) <= t.load(giver)-2 {
			return trace(from, emptiest)
		}
	}
	return nil
}

// nextRing are the members that are one hop further away.
func (t *table) nextRing(ring []int, from map[int]int, seen []bool) []int {
	var next []int
	for _, member := range ring {
		for kind, count := range t.ofKind[member] {
			if count == 0 || seen[kind] {
				continue
			}
			seen[kind] = true
			for _, eligible := range t.kinds[kind].eligible {
				if _, known := from[eligible]; !known {
					from[eligible] = member
					next = append(next, eligible)
				}
			}
		}
	}
	return next
}

func trace(from map[int]int, last int) []int {
	var chain []int
	for member := last; member != nobody; member = from[member] {
		chain = append(chain, member)
	}
	slices.Reverse(chain)
	return chain
}

// move gives the receiver the unit that the giver holds most loosely.
func (t *table) move(giver, receiver int) {
	var candidates []int
	for _, unit := range t.held[giver] {
		if t.mayHold(receiver, t.units[unit].kind) {
			candidates = append(candidates, unit)
		}
	}
	unit := slices.MinFunc(candidates, func(a, b int) int { return t.looser(a, b, giver, receiver) })
	t.take(unit)
	t.give(unit, receiver)
}

// looser says which of two units goes first: what is not the giver's own, what
// it gained last, what it has more of than the receiver, the last in order.
func (t *table) looser(a, b, giver, receiver int) int {
	excess := func(unit int) int {
		kind := t.units[unit].kind
		return t.ofKind[giver][kind] - t.ofKind[receiver][kind]
	}
	return cmp.Or(cmp.Compare(t.grip(a, giver), t.grip(b, giver)),
		cmp.Compare(excess(b), excess(a)), cmp.Compare(b, a))
}

// grip is how firmly a member holds a unit: less than the youngest of its own
// if it is not its own.
func (t *table) grip(unit, member int) int {
	if t.units[unit].owner != member {
		return nobody
	}
	return t.units[unit].age
}

func (t *table) loosest(member int) int {
	loosest := settled
	for _, unit := range t.held[member] {
		loosest = min(loosest, t.grip(unit, member))
	}
	return loosest
}

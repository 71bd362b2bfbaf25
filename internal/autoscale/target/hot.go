package target

// hotter is how much of what one worker handles a partition gets, over minutes, to be
// hot: no number of workers keeps up with it, since it can't be split.
const hotter = 0.95

// roommates is what the partitions beside a hot one may add to its member's work.
const roommates = 0.1

// markHot marks the hot partitions. What one worker handles must be known for that.
func (v outlook) markHot() {
	if !v.sure {
		return
	}
	for i, rate := range v.s.slow {
		v.present.hot[i] = rate > hotter*v.perReplica
	}
}

// crowded: a hot partition shares its member with more than a little, and would with
// fewer if there were as many workers as there can be. Once it is alone, as far as the
// assignor allows, more workers change nothing for it, and it asks for none.
func (v outlook) crowded(g crew) bool {
	beside := g.besideHot()
	if beside <= roommates {
		return false
	}
	all, _ := g.dealt(int(v.c.Counts[len(v.c.Counts)-1]) + v.o.Foreign)
	return all.besideHot() < beside-roommates/2
}

// besideHot is the most that a member has beside a hot partition, in parts of that.
func (g crew) besideHot() float64 {
	most := 0.0
	for _, own := range g.byMember {
		total, hot := 0.0, 0.0
		for _, i := range own {
			total += g.arriving[i]
			if g.hot[i] {
				hot = max(hot, g.arriving[i])
			}
		}
		if hot > 0 {
			most = max(most, total/hot-1)
		}
	}
	return most
}

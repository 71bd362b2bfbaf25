package assign

// Plan is the partitions of each member by topic. Members without any are left out.
type Plan map[string]map[string][]int32

// Stable balances the number of partitions: within one over members of equal
// subscriptions, else so that no chain of moves would take one from a member to
// another that has at least two fewer. Owners keep theirs wherever that allows.
func Stable(members []Member, topics map[string][]int32) Plan {
	return divide(members, topics, topicKinds)
}

// StableConsistent is Stable for partition numbers: the same number of all
// topics that have equally many partitions and the same subscribers goes to one
// member, and counts as one.
func StableConsistent(members []Member, topics map[string][]int32) Plan {
	return divide(members, topics, families)
}

func divide(members []Member, topics map[string][]int32, kindsOf func([]Member, map[string][]int32) []kind) Plan {
	members = inOrder(members)
	kinds := kindsOf(members, topics)
	table := newTable(len(members), kinds, units(kinds, topics, owners(members)))
	table.keep()
	table.fill()
	table.level()
	return table.plan(members)
}

func (t *table) plan(members []Member) Plan {
	plan := make(Plan)
	for index, unit := range t.units {
		id := members[t.holder[index]].ID
		if plan[id] == nil {
			plan[id] = make(map[string][]int32)
		}
		for _, partition := range unit.partitions {
			plan[id][partition.Topic] = append(plan[id][partition.Topic], partition.Partition)
		}
	}
	return plan
}

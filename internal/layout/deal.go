package layout

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Nobody is the owner of a partition that no member has.
const Nobody = -1

// Deal is who has each partition once the assignor has dealt them to members
// members, numbered from 0. topics is the topic of each partition, in the order of
// topic and partition number; before is who has it now, or Nobody. Members that are
// to go have the highest numbers: of a scale-down from 5 to 3, numbers 3 and 4.
//
// Range and roundRobin deal anew each time. The others level the counts and move as
// little as that takes; which of a member's partitions move is the assignor's own
// choice, and here the last ones. StableConsistent deals partition numbers of all
// topics that have equally many as one.
func (a Assignor) Deal(topics, before []int, members int) []int {
	if members < 1 {
		return slices.Repeat([]int{Nobody}, len(topics))
	}
	switch a {
	case Range:
		return dealInRuns(topics, members)
	case RoundRobin:
		return dealInTurn(topics, members)
	case StableConsistent:
		return dealUnits(topics, before, members)
	}
	return level(before, members)
}

// dealInRuns gives each topic's partitions in runs, the longer ones first.
func dealInRuns(topics []int, members int) []int {
	after := make([]int, len(topics))
	for from := 0; from < len(topics); {
		to := from
		for to < len(topics) && topics[to] == topics[from] {
			to++
		}
		n := to - from
		for i := range n {
			each, longer := n/members, n%members
			if i < longer*(each+1) {
				after[from+i] = i / (each + 1)
			} else {
				after[from+i] = longer + (i-longer*(each+1))/each
			}
		}
		from = to
	}
	return after
}

// dealInTurn gives one partition to each member in turn. The partitions are in sarama's
// order, which is that of their names as text: topic-10 comes before topic-2.
func dealInTurn(topics []int, members int) []int {
	order, after := make([]int, len(topics)), make([]int, len(topics))
	names := make([]string, len(topics))
	for i := range topics {
		order[i] = i
		if i > 0 && topics[i] == topics[i-1] {
			after[i] = after[i-1] + 1 // its number, for now
		}
		names[i] = strconv.Itoa(after[i])
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(topics[a]-topics[b], strings.Compare(names[a], names[b])) })
	for turn, i := range order {
		after[i] = turn % members
	}
	return after
}

// dealUnits levels the partition numbers, each with all topics that have it.
func dealUnits(topics, before []int, members int) []int {
	type unit struct{ partitions, number int }
	count := map[int]int{}
	for _, topic := range topics {
		count[topic]++
	}
	at, units, owners := map[unit]int{}, make([]int, len(topics)), []int(nil)
	next := map[int]int{}
	for i, topic := range topics {
		u := unit{count[topic], next[topic]}
		next[topic]++
		if _, known := at[u]; !known {
			at[u] = len(owners)
			owners = append(owners, before[i])
		}
		units[i] = at[u]
	}
	owners = level(owners, members)
	after := make([]int, len(topics))
	for i := range after {
		after[i] = owners[units[i]]
	}
	return after
}

// level gives each member as many as any other, or one more, and moves as few as
// that takes: members that have more keep the one more.
func level(before []int, members int) []int {
	each, more := len(before)/members, len(before)%members
	quota := quotas(before, members, each, more)
	after, free := slices.Clone(before), []int(nil)
	for i, owner := range before {
		if owner < 0 || owner >= members || quota[owner] == 0 {
			free = append(free, i)
			continue
		}
		quota[owner]--
	}
	member := 0
	for _, i := range free {
		for quota[member] == 0 {
			member++
		}
		after[i] = member
		quota[member]--
	}
	return after
}

// quotas are how many each member is to have: those that have the most now are the
// ones with one more.
func quotas(before []int, members, each, more int) []int {
	quota, order := slices.Repeat([]int{each}, members), make([]int, members)
	has := make([]int, members)
	for _, owner := range before {
		if owner >= 0 && owner < members {
			has[owner]++
		}
	}
	for m := range order {
		order[m] = m
	}
	slices.SortStableFunc(order, func(a, b int) int { return has[b] - has[a] })
	for _, m := range order[:more] {
		quota[m]++
	}
	return quota
}

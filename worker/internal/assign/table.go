package assign

import (
	"cmp"
	"slices"
)

// table is a plan in the making.
type table struct {
	kinds  []kind
	units  []unit
	holder []int // of each unit
	// held are each member's units, ofKind how many of them are of each kind.
	held   [][]int
	ofKind [][]int
}

func newTable(members int, kinds []kind, units []unit) *table {
	t := &table{kinds: kinds, units: units, holder: make([]int, len(units)), held: make([][]int, members)}
	for unit := range t.holder {
		t.holder[unit] = nobody
	}
	for range members {
		t.ofKind = append(t.ofKind, make([]int, len(kinds)))
	}
	return t
}

func (t *table) load(member int) int { return len(t.held[member]) }

func (t *table) give(unit, member int) {
	t.holder[unit] = member
	t.held[member] = append(t.held[member], unit)
	t.ofKind[member][t.units[unit].kind]++
}

func (t *table) take(unit int) {
	member := t.holder[unit]
	t.holder[unit] = nobody
	t.held[member] = slices.DeleteFunc(t.held[member], func(other int) bool { return other == unit })
	t.ofKind[member][t.units[unit].kind]--
}

// keep leaves every unit with its owner, whatever the balance.
func (t *table) keep() {
	for unit, was := range t.units {
		if was.owner != nobody {
			t.give(unit, was.owner)
		}
	}
}

func (t *table) mayHold(member, kind int) bool {
	_, eligible := slices.BinarySearch(t.kinds[kind].eligible, member)
	return eligible
}

// fill gives what nobody has to the member with the fewest units, of those with
// the fewest of that kind: so new topics spread over the members one by one.
func (t *table) fill() {
	for unit, kind := range t.units {
		if t.holder[unit] != nobody {
			continue
		}
		t.give(unit, slices.MinFunc(t.kinds[kind.kind].eligible, func(a, b int) int {
			return cmp.Or(cmp.Compare(t.load(a), t.load(b)),
				cmp.Compare(t.ofKind[a][kind.kind], t.ofKind[b][kind.kind]))
		}))
	}
}

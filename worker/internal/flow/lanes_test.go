package flow

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// naiveLanes is Lanes with slices alone: a lane is named by its number, and a
// NoLane item gets one of its own.
type naiveLanes struct {
	lanes []*naiveLane
	turns []*naiveLane
}

type naiveLane struct {
	name  Lane
	items []int
}

func (n *naiveLanes) add(name Lane, item int) {
	if name != NoLane {
		for _, l := range n.lanes {
			if l.name == name {
				l.items = append(l.items, item)
				return
			}
		}
	}
	created := &naiveLane{name: name, items: []int{item}}
	n.lanes, n.turns = append(n.lanes, created), append(n.turns, created)
}

func (n *naiveLanes) take(limit int) ([]int, *naiveLane) {
	served := n.turns[0]
	n.turns = n.turns[1:]
	taken := slices.Clone(served.items[:min(limit, len(served.items))])
	served.items = served.items[len(taken):]
	return taken, served
}

func (n *naiveLanes) done(l *naiveLane) {
	if len(l.items) > 0 {
		n.turns = append(n.turns, l)
		return
	}
	n.lanes = slices.DeleteFunc(n.lanes, func(of *naiveLane) bool { return of == l })
}

func (n *naiveLanes) queued() (items int) {
	for _, l := range n.turns {
		items += len(l.items)
	}
	return items
}

// inHand is what one Take gave, of both.
type inHand struct {
	held  Held[int]
	naive *naiveLane
	items []int
}

// lanesRun drives both with the same steps.
type lanesRun struct {
	*testing.T
	lanes *Lanes[int]
	naive naiveLanes
	hands []inHand
	added int
}

func (r *lanesRun) add(name Lane) {
	r.lanes.Add(name, r.added)
	r.naive.add(name, r.added)
	r.added++
}

func (r *lanesRun) take(limit int) {
	want, naive := r.naive.take(limit)
	front, some := r.lanes.Front()
	got, held := r.lanes.Take(limit, []int{-1})
	if !some || front != want[0] || !slices.Equal(got[1:], want) {
		r.Fatalf("Front %d, Take(%d) %v, want %v", front, limit, got[1:], want)
	}
	r.hands = append(r.hands, inHand{held, naive, want})
}

// giveBack returns a lane with the items from the index on to be handled again.
func (r *lanesRun) giveBack(hand, from int) {
	h := r.hands[hand]
	r.hands = slices.Delete(r.hands, hand, hand+1)
	r.lanes.Again(h.held, h.items[from:])
	h.naive.items = append(slices.Clone(h.items[from:]), h.naive.items...)
	r.lanes.Done(h.held)
	r.naive.done(h.naive)
}

func (r *lanesRun) compare() {
	r.Helper()
	if r.lanes.Ready() != len(r.naive.turns) || r.lanes.Queued() != r.naive.queued() {
		r.Fatalf("Ready %d, Queued %d; want %d, %d", r.lanes.Ready(), r.lanes.Queued(), len(r.naive.turns), r.naive.queued())
	}
	if _, some := r.lanes.Front(); some != (len(r.naive.turns) > 0) {
		r.Fatalf("Front says %t with %d ready", some, len(r.naive.turns))
	}
}

// play reads steps: two bits say what, six say which.
func (r *lanesRun) play(steps []byte) {
	r.Helper()
	for _, step := range steps {
		which := int(step >> 2)
		switch {
		case step&3 == 0 && len(r.naive.turns) > 0:
			r.take(1 + which%5)
		case step&3 == 1 && len(r.hands) > 0:
			hand := which % len(r.hands)
			r.giveBack(hand, len(r.hands[hand].items))
		case step&3 == 2 && len(r.hands) > 0:
			hand := which % len(r.hands)
			r.giveBack(hand, which%(len(r.hands[hand].items)+1))
		default:
			r.add(Lane(which % 7)) // 0 is NoLane
		}
		r.compare()
	}
}

// drain handles all that is left: nothing of it may stay behind.
func (r *lanesRun) drain() {
	r.Helper()
	for len(r.hands) > 0 {
		r.giveBack(0, len(r.hands[0].items))
	}
	for r.lanes.Ready() > 0 {
		r.take(3)
		r.giveBack(0, len(r.hands[0].items))
	}
	r.compare()
	if r.lanes.known.lanes > 0 || r.lanes.Queued() > 0 {
		r.Fatalf("%d lanes and %d items left when all is handled", r.lanes.known.lanes, r.lanes.Queued())
	}
}

func FuzzLanes(f *testing.F) {
	f.Add([]byte("\x07\x07\x03\x03\x00\x00\x07\x01\x01\x00"))         // two of lane 1, two of none
	f.Add([]byte("\x07\x07\x07\x10\x06\x00\x07\x02\x08\x01\x01"))     // taken, given back in front
	f.Add([]byte("\x07\x0b\x0f\x07\x0b\x0f\x00\x00\x00\x01\x01\x01")) // three lanes in turn
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 1000 {
			t.Skip()
		}
		run := &lanesRun{T: t, lanes: NewLanes[int]()}
		run.play(steps)
		run.drain()
	})
}

func TestLanesAreTheNaiveOnesOnRandomSchedules(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		steps := make([]byte, 500)
		for i := range steps {
			steps[i] = byte(random.Uint32())
			if seed%2 == 0 && i < len(steps)/2 {
				steps[i] |= 3 // much comes before anything is taken
			}
		}
		run := &lanesRun{T: t, lanes: NewLanes[int]()}
		run.play(steps)
		run.drain()
	}
}

// A lane with a thousand items gives one turn to each of the others.
func TestLanesAreServedInTurn(t *testing.T) {
	l := NewLanes[Lane]()
	for range 1000 {
		l.Add(1, 1)
	}
	l.Add(2, 2)
	l.Add(NoLane, 3)
	var order []Lane
	for range 6 {
		taken, held := l.Take(1, nil)
		order = append(order, taken...)
		l.Done(held)
	}
	if want := []Lane{1, 2, 3, 1, 1, 1}; !slices.Equal(order, want) {
		t.Errorf("served %v, want %v", order, want)
	}
}

// A lane that is handed out is not handed out again, whatever is added to it.
func TestALaneIsInOneHandOnly(t *testing.T) {
	l := NewLanes[int]()
	l.Add(1, 1)
	_, held := l.Take(1, nil)
	l.Add(1, 2)
	if l.Ready() != 0 {
		t.Fatal("the lane can be taken a second time")
	}
	l.Again(held, []int{1})
	if l.Ready() != 0 {
		t.Fatal("the lane can be taken while its item waits to be handled again")
	}
	l.Done(held)
	if taken, _ := l.Take(2, nil); !slices.Equal(taken, []int{1, 2}) {
		t.Errorf("taken %v, want the first one again and then the second", taken)
	}
}

// Lanes that come and go take no memory, and a long one gives its room back.
func TestLanesUseTheirRoomAgain(t *testing.T) {
	l := NewLanes[int]()
	var room []int
	name := Lane(0)
	pass := func() {
		name++
		l.Add(name, 1)
		l.Add(NoLane, 1)
		for range 2 {
			var held Held[int]
			room, held = l.Take(1, room[:0])
			l.Done(held)
		}
	}
	pass()
	if allocs := testing.AllocsPerRun(10_000, pass); allocs != 0 {
		t.Errorf("%v allocations for each round", allocs)
	}
	kept := 0
	for burst := 10; burst < 100_000; burst *= 3 { // no room fits the next one
		for range burst {
			l.Add(1, 1)
		}
		_, held := l.Take(burst, nil)
		l.Done(held)
	}
	for _, spare := range l.free {
		kept += spare.items.room()
	}
	if kept != l.spare || kept > mostSpare {
		t.Errorf("room for %d items is kept and %d counted", kept, l.spare)
	}
}

// Lanes whose names look for the same places are told apart, as they come and go
// in any order, and the index gives its room back.
func TestIndexIsAMap(t *testing.T) {
	var x index[int]
	naive := make(map[Lane]*lane[int])
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 20_000 {
		name := Lane(1 + random.IntN(64) + random.IntN(8)<<40)
		switch found, at := x.find(name); {
		case found != naive[name]:
			t.Fatalf("step %d: lane %d found: %t, want %t", step, name, found != nil, naive[name] != nil)
		case found == nil:
			naive[name] = &lane[int]{name: name}
			x.put(at, naive[name])
		default:
			x.remove(name)
			delete(naive, name)
		}
		if x.lanes != len(naive) || len(x.places) < 2*x.lanes {
			t.Fatalf("step %d: %d lanes in %d places, want %d", step, x.lanes, len(x.places), len(naive))
		}
	}
	for range 100_000 {
		name := Lane(random.Uint64())
		if found, at := x.find(name); found == nil {
			x.put(at, &lane[int]{name: name})
		}
		naive[name] = nil
	}
	for name := range naive {
		x.remove(name)
	}
	if x.lanes != 0 || len(x.places) > 1024 {
		t.Errorf("%d lanes in %d places when all are removed", x.lanes, len(x.places))
	}
}

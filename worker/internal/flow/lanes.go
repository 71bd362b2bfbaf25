package flow

// Lane names a sequence of items that are handled one after another.
type Lane uint64

// NoLane is for an item that waits for no other.
const NoLane Lane = 0

// Lanes hands out items: those of one lane in the order in which they came and
// never before the one in front is back, those of different lanes at the same
// time. Lanes that can be served are served in turn.
//
//	          Add         Take        Done
//	(absent) ----> ready ------> held -----> ready, or absent when empty
//	                             | ^
//	                             +-+ Again
type Lanes[T any] struct {
	known index[T]
	ready ring[*lane[T]]
	free  []*lane[T]
	// queued is how many items the lanes that are ready have.
	queued int
	// spare is the room of the rings in free.
	spare int
}

// mostSpare is how many items the lanes that are kept for use again may have
// room for: enough that one with a burst of thousands does not grow again each
// time, and a few MB at most.
const mostSpare = 1 << 15

// Held is a lane that was handed out.
type Held[T any] struct{ lane *lane[T] }

type lane[T any] struct {
	name  Lane
	held  bool
	items ring[T]
	// only is the room of the ring at first: nearly all lanes have one item, and
	// with it here one look into memory is saved.
	only [1]T
}

func newLane[T any]() *lane[T] {
	created := &lane[T]{}
	created.items.items = created.only[:]
	return created
}

// NewLanes is empty.
func NewLanes[T any]() *Lanes[T] { return &Lanes[T]{} }

// Add puts an item at the end of its lane.
func (l *Lanes[T]) Add(name Lane, item T) {
	if name == NoLane {
		l.create(name, item)
		return
	}
	found, at := l.known.find(name)
	if found != nil {
		found.items.push(item)
		if !found.held {
			l.queued++
		}
		return
	}
	l.known.put(at, l.create(name, item))
}

// create makes a lane with its first item ready.
func (l *Lanes[T]) create(name Lane, item T) *lane[T] {
	var created *lane[T]
	if last := len(l.free) - 1; last >= 0 {
		created, l.free = l.free[last], l.free[:last]
		l.spare -= created.items.room()
	} else {
		created = newLane[T]()
	}
	created.name = name
	created.items.push(item)
	l.ready.push(created)
	l.queued++
	return created
}

// Front is the item that Take hands out next.
func (l *Lanes[T]) Front() (item T, some bool) {
	if l.ready.len() == 0 {
		return item, false
	}
	return l.ready.first().items.first(), true
}

// Take hands out the first items, at most limit, of the lane whose turn it is,
// appended to into. Nothing more of the lane is handed out until
// Done. There must be a lane that is ready.
func (l *Lanes[T]) Take(limit int, into []T) ([]T, Held[T]) {
	served := l.ready.pop()
	served.held = true
	l.queued -= served.items.len()
	for range min(limit, served.items.len()) {
		into = append(into, served.items.pop())
	}
	return into, Held[T]{served}
}

// Done gives a lane back: of what was handed out nothing is in hand any more.
func (l *Lanes[T]) Done(held Held[T]) {
	held.lane.held = false
	if waiting := held.lane.items.len(); waiting > 0 {
		l.queued += waiting
		l.ready.push(held.lane)
		return
	}
	if held.lane.name != NoLane {
		l.known.remove(held.lane.name)
	}
	if room := held.lane.items.room(); l.spare+room <= mostSpare {
		l.spare += room
		l.free = append(l.free, held.lane)
	}
}

// Again puts items that have to be handled again back to the front of their
// lane, which stays handed out: Done serves it again, at once or after a while.
func (l *Lanes[T]) Again(held Held[T], items []T) {
	for i := len(items) - 1; i >= 0; i-- {
		held.lane.items.unpop(items[i])
	}
}

// Ready is how many lanes can be served.
func (l *Lanes[T]) Ready() int { return l.ready.len() }

// Queued is how many items the lanes have that can be served: those behind what
// is handed out are not among them.
func (l *Lanes[T]) Queued() int { return l.queued }

package flow

// index finds a lane by its name. It does what a map does at a third of the
// cost, which with a lane for each message is a tenth of all: names are hashes
// already, so the lower bits say where to look, and most that are looked for are
// not there, which one place tells without touching a lane.
type index[T any] struct {
	// places are a power of two, at least twice as many as lanes, so that a
	// search ends soon: at the lane or at an empty place.
	places []*lane[T]
	lanes  int
}

// find returns the lane with the name, or nil, and the place where it is or
// belongs.
func (x *index[T]) find(name Lane) (found *lane[T], at int) {
	if len(x.places) == 0 {
		x.places = make([]*lane[T], 16)
	}
	at = x.home(name)
	for x.places[at] != nil && x.places[at].name != name {
		at = x.after(at)
	}
	return x.places[at], at
}

// put adds a lane at the place that find has returned for its name.
func (x *index[T]) put(at int, added *lane[T]) {
	x.places[at] = added
	x.lanes++
	if 2*x.lanes > len(x.places) {
		x.resize(2 * len(x.places))
	}
}

// remove takes a lane out, and moves up those behind it that a search would no
// longer reach over the empty place.
func (x *index[T]) remove(name Lane) {
	_, empty := x.find(name)
	for at := x.after(empty); x.places[at] != nil; at = x.after(at) {
		home := x.home(x.places[at].name)
		if x.distance(home, at) >= x.distance(empty, at) {
			x.places[empty], empty = x.places[at], at
		}
	}
	x.places[empty] = nil
	x.lanes--
	if len(x.places) > 1024 && 16*x.lanes < len(x.places) {
		x.resize(len(x.places) / 4)
	}
}

func (x *index[T]) resize(places int) {
	old := x.places
	x.places = make([]*lane[T], places)
	for _, kept := range old {
		if kept != nil {
			_, at := x.find(kept.name)
			x.places[at] = kept
		}
	}
}

func (x *index[T]) home(name Lane) int        { return int(name) & (len(x.places) - 1) }
func (x *index[T]) after(at int) int          { return (at + 1) & (len(x.places) - 1) }
func (x *index[T]) distance(from, to int) int { return (to - from) & (len(x.places) - 1) }

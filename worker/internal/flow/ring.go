package flow

// ring is a queue that keeps its room.
type ring[T any] struct {
	items []T
	// head and count are small, and so is what has a ring: thousands of them
	// shall fit into a processor's cache.
	head  uint32
	count uint32
}

func (r *ring[T]) len() int  { return int(r.count) }
func (r *ring[T]) room() int { return len(r.items) }

func (r *ring[T]) push(item T) {
	r.grow()
	r.items[(r.head+r.count)&r.mask()] = item
	r.count++
}

func (r *ring[T]) mask() uint32 { return uint32(len(r.items) - 1) }

func (r *ring[T]) first() T { return r.items[r.head] }

// unpop puts an item in front.
func (r *ring[T]) unpop(item T) {
	r.grow()
	r.head = (r.head - 1) & r.mask()
	r.items[r.head] = item
	r.count++
}

// pop takes the first item. The ring keeps no reference to it.
func (r *ring[T]) pop() T {
	var none T
	item := r.items[r.head]
	r.items[r.head] = none
	r.head = (r.head + 1) & r.mask()
	r.count--
	return item
}

// grow doubles the room of a full ring; it is always a power of two.
func (r *ring[T]) grow() {
	if int(r.count) < len(r.items) {
		return
	}
	larger := make([]T, max(1, 2*len(r.items)))
	n := copy(larger, r.items[r.head:])
	copy(larger[n:], r.items[:r.head])
	r.items, r.head = larger, 0
}

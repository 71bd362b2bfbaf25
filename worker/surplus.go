package worker

import (
	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// surplus is what was fetched of a partition and may not be handled yet: beside a
// message that is not finished, what is handled behind it can't be committed,
// and a crash repeats it. A fetch brings thousands of small messages whatever
// the partition's share is; they are kept here until there is room for them.
type surplus struct {
	// tasks[head:] wait, each for its turn in lanes[head:].
	tasks  []task
	lanes  []flow.Lane
	head   int
	amount flow.Amount
}

func (u *surplus) len() int { return len(u.tasks) - u.head }

func (u *surplus) push(tasks []task, lanes []flow.Lane) (held flow.Amount) {
	for i := range tasks {
		held = held.Plus(amountOf(&tasks[i]))
	}
	u.compact()
	u.tasks, u.lanes = append(u.tasks, tasks...), append(u.lanes, lanes...)
	u.amount = u.amount.Plus(held)
	return held
}

// compact uses the room of what has gone again, at most once for each that went.
func (u *surplus) compact() {
	if u.head < u.len() {
		return
	}
	left := copy(u.tasks, u.tasks[u.head:])
	copy(u.lanes, u.lanes[u.head:])
	clear(u.tasks[left:])
	u.tasks, u.lanes, u.head = u.tasks[:left], u.lanes[:left], 0
}

// pop takes off what fits beside own, the first one in any case if own is nothing.
func (u *surplus) pop(own, room flow.Amount) (tasks []task, lanes []flow.Lane, taken flow.Amount) {
	count := 0
	for count < u.len() {
		more := taken.Plus(amountOf(&u.tasks[u.head+count]))
		if all := own.Plus(more); all.Messages > 1 && all.Exceeds(room) {
			break
		}
		taken = more
		count++
	}
	tasks, lanes = u.tasks[u.head:u.head+count], u.lanes[u.head:u.head+count]
	u.head += count
	u.amount = u.amount.Minus(taken)
	return tasks, lanes, taken
}

func amountOf(t *task) flow.Amount {
	return flow.Amount{Messages: 1, Bytes: int64(sizeIn(t.record))}
}

// hand gives what was taken to the pool, as much as may be handled now.
func (s *session) hand(c *claim, tasks []task, lanes []flow.Lane) {
	if s.config.Ordering == OrderByPartition && !c.transactional {
		s.pool.add(tasks, lanes) // nothing is handled behind an unfinished one
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if own := c.handed(); c.surplus.len() == 0 && !own.Exceeds(s.room(own)) {
		s.pool.add(tasks, lanes)
		return
	}
	s.surplus.add(c.surplus.push(tasks, lanes))
	s.handSurplus(c)
}

// handOn gives the pool what there is room for by now, once that is half of what
// it may have: each piece takes the pool's lock.
func (s *session) handOn(c *claim) {
	if c.surplus.len() == 0 || c.draining.Load() {
		return
	}
	own := c.handed()
	if low := s.room(own).Half(); own.Messages > 0 && own.Exceeds(low) {
		c.low = low
		return
	}
	s.handSurplus(c)
}

func (s *session) handSurplus(c *claim) {
	own := c.handed()
	room := s.room(own)
	tasks, lanes, taken := c.surplus.pop(own, room)
	c.low = room.Half()
	s.surplus.remove(taken)
	s.pool.add(tasks, lanes)
	clear(tasks) // the messages can go
}

// handed is what the pool was given and can't be committed yet.
func (c *claim) handed() flow.Amount { return c.amount().Minus(c.surplus.amount) }

// room is how much may be that of a claim that has own of it: its share of the
// limit, as if nobody had a surplus, and at least enough to keep the hands busy.
// With 12 partitions and the limit of 10,000 each has 769.
func (s *session) room(own flow.Amount) flow.Amount {
	room := s.limits().Share(s.inFlight.amount().Minus(s.surplus.amount()), own)
	busy := 2 * s.pool.hands
	if s.pool.batches {
		busy = 2 * s.pool.most
	}
	room.Messages = max(room.Messages, int64(min(busy, s.config.MaxInFlight)))
	return room
}

// dropSurplus leaves what was not handed to the pool to the partition's next owner.
func (s *session) dropSurplus(c *claim) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	s.surplus.remove(c.surplus.amount)
	c.surplus = surplus{}
}

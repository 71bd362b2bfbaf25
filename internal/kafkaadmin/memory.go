package kafkaadmin

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// describeEvery is the oldest that a group's members get while its state stays
// the same: a rebalance between two cycles shows in no list.
const describeEvery = time.Minute

// memory is what is kept of one group from cycle to cycle. The client's lock
// guards it.
type memory struct {
	coordinator int32 // nobody while not known
	lookup      backoff
	lookupErr   error // why the last look-up failed, nil if it did not
	kind        kafka.GroupType
	last        description // the last that was read
	describedAt time.Time   // when; zero while never
	due         time.Time   // when it is to be read again, whatever happens
	asked       bool        // somebody wants it read now
	// metadata are the bytes of commit metadata per offset in the last answer,
	// -1 before the first.
	metadata int
	wanted   map[string][]int32 // the partitions that were asked for last
}

// nobody is the coordinator of a group that nobody is known to coordinate.
const nobody int32 = -1

// remembered returns the group's memory. The caller holds the lock.
func (c *client) remembered(id string) *memory {
	m, known := c.memories[id]
	if !known {
		m = &memory{coordinator: nobody, lookup: c.retry, metadata: -1}
		c.memories[id] = m
	}
	return m
}

// describeSoon has the group described in its next cycle.
func (c *client) describeSoon(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remembered(id).asked = true
}

// must tells whether the group is to be described in this cycle, given the
// state that its coordinator lists it in: it is new, asked for, could not be
// read last time, in another state than the last description says, or
// rebalancing, when members change without the state.
func (m *memory) must(state kafka.GroupState) bool {
	return m.describedAt.IsZero() || m.asked || m.last.err != nil ||
		state == kafka.StateUnknown || state != m.last.state || state.Rebalancing()
}

// remember keeps a description. A broker that is slow has not failed: it says
// nothing about the group. The next one is due in half to all of describeEvery,
// so that groups described together do not stay together.
func (m *memory) remember(read description, now time.Time) {
	if late(read.err) {
		return
	}
	m.last, m.asked = read, false
	if read.err != nil {
		return
	}
	m.describedAt = now
	m.due = now.Add(describeEvery/2 + rand.N(describeEvery/2)) //nolint:gosec // spreads load, hides nothing
}

// toDescribe picks the groups of one coordinator to describe in this cycle:
// those that must be, and as many that are due as fit the same request.
func (c *client) toDescribe(coordinator int32, ids []string, l listing, now time.Time) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var must, due []string
	for _, id := range ids {
		m := c.remembered(id)
		switch {
		case m.must(l.stateOf(id, coordinator)):
			must = append(must, id)
		case !now.Before(m.due):
			due = append(due, id)
		}
	}
	room := max(0, maxGroupsPerRequest-len(must))
	must = append(must, due[:min(room, len(due))]...)
	slices.Sort(must)
	return must
}

// note keeps what the listing says of the groups. One that is gone may come
// back as another kind.
func (c *client) note(l listing, want wanted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range want {
		m := c.remembered(id)
		switch g, found := l.groups[id]; {
		case !found && l.whole[m.coordinator]:
			m.kind = kafka.TypeUnknown
		case found:
			m.coordinator, m.kind = g.coordinator, cmp.Or(g.kind, m.kind)
			m.lookup.reset()
		}
	}
}

func describeFailed(id string, err error) description {
	return description{err: fmt.Errorf("describe group %q: %w", id, err)}
}

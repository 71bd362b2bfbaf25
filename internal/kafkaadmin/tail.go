package kafkaadmin

import "time"

const (
	// lookAfter is the number of cycles in a row that a position and an end must
	// be the same before anybody looks at what is between them.
	lookAfter = 3
	// watchedFor is how long a position that is no longer seen keeps the watch
	// from a lower one.
	watchedFor = 30 * time.Second
	// recordKept is how long a record that was found counts as being there:
	// compaction may remove it.
	recordKept = time.Hour
)

// tail is what is known of the records near the end of one partition, as one
// isolation level shows them. It answers for all groups at once: a record at
// 100 is unread for each group that stands at 100 or below, and no record from
// 90 up to the end is none for each that stands at 90 or above. So the highest
// position is looked at first, and often the only one.
type tail struct {
	// The position being watched, its end, and in how many cycles they were seen.
	position, end int64
	sightings     int
	seen          time.Time

	record   int64 // one above the highest record found, 0 while none is
	recorded time.Time
	empty    span // known to hold no record; it ends at the end when it was last looked at
	looked   span // the same, of a look that has not come as far as empty yet
	care     care // of the next fetch
	respite  respite
}

// span are the offsets from from up to to, which is not part of it.
type span struct{ from, to int64 }

func (s span) reaches(offset int64) bool { return s.from <= offset && offset <= s.to }

// isEmpty tells whether no record is left from the position to the end.
func (t *tail) isEmpty(position, end int64) bool {
	return t.empty.reaches(position) && t.empty.to >= end
}

// sight notes that a group stands at the position in the cycle of this time,
// with the end above it.
func (t *tail) sight(position, end int64, cycle time.Time) {
	switch {
	case t.known(position, end, cycle):
	case position == t.position && end == t.end:
		if !cycle.Equal(t.seen) {
			t.sightings, t.seen = t.sightings+1, cycle
		}
	case position > t.position, end != t.end, cycle.Sub(t.seen) > watchedFor:
		t.position, t.end, t.sightings, t.seen = position, end, 1, cycle
		t.care = among
	}
}

// known tells whether nobody needs to look.
func (t *tail) known(position, end int64, now time.Time) bool {
	if t.isEmpty(position, end) {
		return true
	}
	return position < t.record && now.Sub(t.recorded) < recordKept
}

// due tells whether the position being watched is to be looked at.
func (t *tail) due(now time.Time) bool {
	return t.sightings >= lookAfter && !t.respite.lasts(now) && !t.known(t.position, t.end, now)
}

// next is from where to fetch: behind what is known of the position already.
func (t *tail) next() int64 {
	switch {
	case t.empty.reaches(t.position):
		return t.empty.to
	case t.looked.reaches(t.position):
		return t.looked.to
	default:
		return t.position
	}
}

// learn takes in a fetch from the offset that next gave: it found no record
// below to, and one at to if found.
func (t *tail) learn(from, to int64, found bool, now time.Time) {
	t.care, t.respite = among, respite{}
	if found {
		t.record, t.recorded = max(t.record, to+1), now
	}
	switch {
	case t.empty.reaches(from):
		t.empty.to = max(t.empty.to, to)
		return
	case t.looked.reaches(from):
		t.looked.to = max(t.looked.to, to)
	default:
		t.looked = span{from, to}
	}
	switch {
	case t.looked.reaches(t.empty.from):
		t.empty = span{t.looked.from, max(t.looked.to, t.empty.to)}
	case t.looked.to >= t.end:
		t.empty = t.looked
	}
}

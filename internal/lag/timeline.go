package lag

import (
	"slices"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// maxMarks and timelineSpan bound a timeline. With an end read every 5 seconds,
// 64 marks over an hour are a mark every 5 seconds for the last minute, and one
// every 6 minutes an hour ago: what a mark spans is a tenth of its age.
const (
	maxMarks     = 64
	timelineSpan = time.Hour
)

// Timeline remembers how the log end of one partition grew over time, so that
// it can tell when a record was appended. It is bounded in marks and in time.
// The zero value remembers nothing. It is not safe for concurrent use.
type Timeline struct {
	marks []mark // offsets rise strictly, times never fall
}

// mark is a log end with the first and the last time at which it was the end,
// in nanoseconds since 1970. They differ while nothing is produced: 100 from
// 10:00 to 10:50 says that the record at 100 came after 10:50, and the one at 99
// before 10:00.
type mark struct {
	offset      int64
	first, last int64
}

// Add notes that the log ended at end at the given time. An end below the
// newest is a log that was truncated: what was remembered above it is dropped.
// A time before the newest is a clock that was set back: no remembered time
// stays in the future.
func (t *Timeline) Add(end int64, at time.Time) {
	if end < 0 {
		return
	}
	now := at.UnixNano()
	t.setBack(now)
	t.truncate(end)
	if n := len(t.marks); n > 0 && t.marks[n-1].offset == end {
		t.marks[n-1].last = now
	} else {
		t.thin(now)
		t.marks = append(t.marks, mark{offset: end, first: now, last: now})
	}
	t.expire(now)
}

// Seed notes that the log ended at offset at a time before all that was added,
// as a look-up by timestamp says. Such a look-up goes by the timestamps of
// producers, which may be wrong: what it says beyond the oldest mark, in
// offset or in time, is taken for the oldest mark's.
func (t *Timeline) Seed(offset int64, at time.Time) {
	if offset < 0 || len(t.marks) == 0 {
		return
	}
	oldest := &t.marks[0]
	first := min(at.UnixNano(), oldest.first)
	if offset >= oldest.offset {
		oldest.first = first
		return
	}
	t.thin(t.marks[len(t.marks)-1].last)
	t.marks = slices.Insert(t.marks, 0, mark{offset: offset, first: first, last: first})
}

// When tells when the record at the offset was appended: between two marks in
// proportion. The zero time is a record beyond the newest end.
//
// Example: end 100 at 10:00:00 and 200 at 10:00:10. The record at 150 came at
// 10:00:05, the one at 40 at 10:00:00 or earlier.
func (t *Timeline) When(offset int64) kafka.AppendTime {
	n := len(t.marks)
	if n == 0 || offset >= t.marks[n-1].offset {
		return kafka.AppendTime{}
	}
	if offset < t.marks[0].offset {
		return kafka.AppendTime{At: time.Unix(0, t.marks[0].first), OrEarlier: true}
	}
	return kafka.AppendTime{At: time.Unix(0, t.reached(offset))}
}

// reached is when the end grew beyond the offset, which lies between the
// oldest mark and the newest.
func (t *Timeline) reached(offset int64) int64 {
	above, _ := slices.BinarySearchFunc(t.marks, offset+1, func(m mark, o int64) int {
		if m.offset < o {
			return -1
		}
		return 1
	})
	from, to := t.marks[above-1], t.marks[above]
	share := float64(offset-from.offset) / float64(to.offset-from.offset)
	return min(from.last+int64(share*float64(to.first-from.last)), to.first)
}

// truncate drops the marks above end, and keeps when the end was there before:
// the records below it came then.
func (t *Timeline) truncate(end int64) {
	n := len(t.marks)
	if n == 0 || t.marks[n-1].offset <= end {
		return
	}
	if end < t.marks[0].offset {
		t.marks = t.marks[:0]
		return
	}
	at := t.reached(end)
	t.marks = slices.DeleteFunc(t.marks, func(m mark) bool { return m.offset > end })
	if t.marks[len(t.marks)-1].offset < end {
		t.marks = append(t.marks, mark{offset: end, first: at, last: at})
	}
}

func (t *Timeline) setBack(now int64) {
	if n := len(t.marks); n == 0 || t.marks[n-1].last <= now {
		return
	}
	for i := range t.marks {
		t.marks[i].first = min(t.marks[i].first, now)
		t.marks[i].last = min(t.marks[i].last, now)
	}
}

// expire drops the oldest mark when the next one reaches back far enough.
func (t *Timeline) expire(now int64) {
	for len(t.marks) > 1 && t.marks[1].first <= now-int64(timelineSpan) {
		t.marks = slices.Delete(t.marks, 0, 1)
	}
}

// thin makes room for one more: it drops the mark whose loss leaves the
// smallest gap for its age. The oldest and the newest stay.
func (t *Timeline) thin(now int64) {
	if len(t.marks) < maxMarks {
		return
	}
	least, at := 0.0, 0
	for i := 1; i < len(t.marks)-1; i++ {
		gap, age := t.marks[i+1].first-t.marks[i-1].last, now-t.marks[i].last+1
		if cost := float64(gap) / float64(age); at == 0 || cost < least {
			least, at = cost, i
		}
	}
	t.marks = slices.Delete(t.marks, at, at+1)
}

package lag

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// record is what is remembered of one partition. 96,000 of them are usual, so
// its size matters (TestRecordIsSmall), and what every sample reads comes first.
type record struct {
	totals totals

	committed   int64         // as last known
	position    int64         // where the group reads on
	logEnd      int64         // high watermark
	messages    int64         // lag
	rewoundFrom int64         // the position before a commit went back, 0 once it is reached again
	since       time.Duration // when the verdict began

	owned   evidence // lag, the commit stays, a member has the partition
	unowned evidence // lag, the commit stays, no member has it
	growing evidence // lag that no commit made less

	sample  uint32 // number of the last sample that knew the partition, 0 for none
	valid   uint16 // slots that were written
	verdict verdict
	rewound uint8 // samples below rewoundFrom, at most twice
	above   uint8 // samples with this same commit above the log end, at most twice
	moved   bool  // the commit moved since growing began
	owner   bool  // a member had the partition

	past [slotCount]totals // by slot; only those in valid mean anything
}

// totals count what was produced to and consumed from the partition since it
// was first seen. They only grow.
type totals struct{ produced, consumed uint64 }

// skip passes over a sample that doesn't know the partition.
func (r *record) skip(l *look) { r.valid &^= 1 << l.slot }

// take is one step: from what the record knew to what the sample says.
func (r *record) take(l *look, p *kafka.PartitionSample, lag *Partition) {
	if lag.Err != nil {
		r.skip(l)
		return
	}
	next := &current{
		committed: p.Committed,
		start:     p.Start,
		position:  positionOf(p, lag.Messages),
		logEnd:    max(p.HighWatermark, p.End), // a watermark not read is 0
		messages:  lag.Messages,
		owned:     lag.Owner != "",
	}
	if r.sample == 0 {
		*r = record{committed: next.committed, position: next.position, logEnd: next.logEnd, messages: next.messages, since: l.now}
	}
	r.count(l, next)
	r.weigh(l, next)
	r.judge(l, next)
	r.committed, r.position, r.logEnd, r.messages = next.committed, next.position, next.logEnd, next.messages
	r.owner, r.sample = next.owned, l.sample
}

// current is what the present sample says of a partition.
type current struct {
	committed, start, position, logEnd, messages int64
	owned                                        bool
}

// positionOf is the offset that the group reads next.
func positionOf(p *kafka.PartitionSample, messages int64) int64 {
	if p.Committed >= 0 {
		return max(p.Committed, p.Start)
	}
	return p.End - messages
}

// count adds the step's growth to the totals.
//
// A log end or commit that went back is a log truncated or offsets reset, and no
// negative growth. What retention deleted unread was not consumed: start 100,
// commit moved from 40 to 120, is 20. And a commit that moves while the group
// has no members was moved by an administrator.
func (r *record) count(l *look, now *current) {
	r.totals.produced += uint64(max(0, now.logEnd-r.logEnd))
	if now.committed >= 0 && !l.idle {
		r.totals.consumed += uint64(max(0, now.position-max(r.position, now.start)))
	}
	r.past[l.slot] = r.totals
	r.valid |= 1 << l.slot
}

// rates are the growth from the oldest slot to the newest.
func (r *record) rates(s *slots) (produced, consumed Rate) {
	if r.valid&(1<<s.newest) == 0 {
		return Rate{}, Rate{}
	}
	oldest, span := s.oldest(r.valid)
	if span < minSpacing {
		return Rate{}, Rate{}
	}
	from, to := r.past[oldest], r.past[s.newest]
	return rateOf(to.produced-from.produced, span), rateOf(to.consumed-from.consumed, span)
}

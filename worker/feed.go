package worker

import (
	"hash/maphash"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/worker/internal/flow"
)

// feedAtOnce is how many messages go to the pool under one lock.
const feedAtOnce = 128

// feeder takes one claim's messages to the pool, until the claim has to end.
type feeder struct {
	*session
	claim    *claim
	messages <-chan *sarama.ConsumerMessage
	keys     maphash.Seed // of the claim's topic

	records []*sarama.ConsumerMessage
	tasks   []task
	lanes   []flow.Lane
}

// feed never leaves messages waiting in sarama, which hands a fetch's messages
// to all claims of a broker before it fetches again: one that stops taking
// would hold up the others. A partition that has its share in flight is not
// fetched any more, and what was fetched already is taken on top, as its surplus.
func (f *feeder) feed() {
	for f.receive() {
		f.admit()
		f.hand(f.claim, f.tasks, f.lanes)
		f.limit(f.claim)
	}
}

// receive waits for a message and takes those that wait behind it. False means
// that the claim has to end, which goes before messages that wait.
func (f *feeder) receive() bool {
	f.records = f.records[:0]
	if f.membership.Err() != nil {
		return false
	}
	select {
	case <-f.membership.Done():
		return false
	case record, open := <-f.messages:
		if !open {
			return false
		}
		f.records = append(f.records, record)
	}
	for len(f.records) < feedAtOnce {
		select {
		case record, open := <-f.messages:
			if !open {
				return true // what was taken is handled; the next call ends it
			}
			f.records = append(f.records, record)
		default:
			return true
		}
	}
	return true
}

// admit makes tasks of the records.
func (f *feeder) admit() {
	var taken flow.Amount
	f.tasks, taken = f.claim.take(f.records, f.tasks[:0])
	f.inFlight.add(taken)
	if f.config.MaxMessageAge > 0 {
		f.dropBefore(time.Now().Add(-f.config.MaxMessageAge))
	}
	f.lanes = f.lanes[:0]
	for i := range f.tasks {
		f.lanes = append(f.lanes, f.laneOf(f.tasks[i].record))
	}
}

// dropBefore finishes the messages that are too old as they come. One without a
// timestamp says nothing about its age.
func (f *feeder) dropBefore(oldest time.Time) {
	kept := f.tasks[:0]
	for i := range f.tasks {
		if t := &f.tasks[i]; !t.record.Timestamp.IsZero() && t.record.Timestamp.Before(oldest) {
			f.metrics.skipped.WithLabelValues(t.record.Topic, string(tooOld)).Inc()
			f.freed(t)
			continue
		}
		kept = append(kept, f.tasks[i])
	}
	f.tasks = kept
}

// laneOf is what the message has to wait for.
func (f *feeder) laneOf(record *sarama.ConsumerMessage) flow.Lane {
	switch {
	case f.config.Ordering == OrderNone:
		return flow.NoLane
	case f.config.Ordering == OrderByPartition || record.Key == nil:
		return f.claim.lane
	}
	return ofKey(f.keys, record.Key)
}

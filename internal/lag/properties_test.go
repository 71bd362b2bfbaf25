package lag

import (
	"math"
	"testing"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// FuzzPartition: whatever the offsets, lag is never negative, never more than
// the log holds, and what makes no sense is unknown.
func FuzzPartition(f *testing.F) {
	f.Add(int64(120), int64(100), int64(150), int64(150), int64(0), byte(0))
	f.Add(int64(-1), int64(0), int64(0), int64(0), int64(time.Second), latest)
	f.Add(int64(140), int64(100), int64(130), int64(150), int64(-time.Second), empty)
	f.Add(int64(math.MaxInt64), int64(0), int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64), byte(0))
	f.Add(int64(math.MinInt64), int64(math.MinInt64), int64(math.MaxInt64), int64(0), int64(math.MinInt64), broken)
	f.Add(int64(5), int64(10), int64(3), int64(3), int64(0), byte(0))
	f.Fuzz(func(t *testing.T, committed, start, end, watermark, appended int64, flags byte) {
		p := kafka.PartitionSample{Committed: committed, Start: start, End: end, HighWatermark: watermark, Empty: flags&empty != 0}
		p.Appended.At = noon.Add(time.Duration(appended))
		if flags&broken != 0 {
			p.Err = errLeader
		}
		sample := kafka.GroupSample{At: noon, Topics: []kafka.TopicSample{topicOf(p)}}
		group := Of(sample, initialOf(flags))
		checkPartition(t, &sample.Topics[0].Partitions[0], &group.Topics[0].Partitions[0])
		if messages, unknown := group.Known(); (unknown == 0) != (group.FirstErr() == nil) || messages != group.Topics[0].Partitions[0].Messages {
			t.Fatalf("Known() = %d, %d with %v", messages, unknown, group.FirstErr())
		}
	})
}

// The bits of a fuzzed sample's flags.
const (
	latest byte = 1 << iota
	empty
	broken
	unowned
	rebalancing
	unreachable
	otherTopic
	membersUnread
)

func initialOf(flags byte) kafka.InitialOffset {
	if flags&latest != 0 {
		return kafka.InitialLatest
	}
	return kafka.InitialEarliest
}

// checkPartition checks what holds for every partition of every sample.
func checkPartition(t *testing.T, p *kafka.PartitionSample, got *Partition) {
	t.Helper()
	sensible := p.Err == nil && p.Committed >= -1 && p.Start >= 0 && p.End >= p.Start
	if sensible != (got.Err == nil) {
		t.Fatalf("%+v: sensible is %t: %+v", *p, sensible, *got)
	}
	if got.Err != nil {
		checkUnknown(t, p, *got)
		return
	}
	switch {
	case got.Messages < 0 || got.Messages > p.End-p.Start:
		t.Fatalf("%+v: a lag of %d", *p, got.Messages)
	case got.Behind.Duration < 0, got.Messages == 0 && got.Behind != Age{Known: true}:
		t.Fatalf("%+v: behind by %+v", *p, got.Behind)
	case p.Empty && got.Messages != 0:
		t.Fatalf("%+v: a residue of %d", *p, got.Messages)
	}
	for _, r := range []Rate{got.Produced, got.Consumed} {
		if !(r.PerSecond >= 0) || math.IsInf(r.PerSecond, 0) || (!r.Known && r.PerSecond != 0) {
			t.Fatalf("%+v: a rate of %+v", *p, r)
		}
	}
}

// checkUnknown: with an error there is nothing else but the name and the owner.
func checkUnknown(t *testing.T, p *kafka.PartitionSample, got Partition) {
	t.Helper()
	if want := (Partition{TopicPartition: got.TopicPartition, Owner: got.Owner, Err: got.Err}); got != want {
		t.Fatalf("%+v: unknown became a number: %+v", *p, got)
	}
}

// FuzzHistory plays a film, six bytes a sample: how far committed, start, end
// and watermark move, how much later the sample is, and flags.
func FuzzHistory(f *testing.F) {
	stalled := make([]byte, 0, 6*30)
	for range 30 {
		stalled = append(stalled, 0, 0, 3, 3, 5, 0)
	}
	f.Add(stalled)
	f.Add(append([]byte{200, 3, 250, 250, 5, unowned, 7, 1, 1, 1, 255, rebalancing | empty, 128, 130, 4, 3, 2, unreachable}, stalled...))
	f.Add([]byte{255, 0, 0, 0, 1, otherTopic, 10, 20, 30, 40, 0, broken, 1, 255, 1, 1, 9, membersUnread, 0, 0, 0, 128, 15, latest})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		film := newFilm()
		var seen watcher
		for ; len(bytes) >= 6; bytes = bytes[6:] {
			later := film.edit(bytes)
			got := film.next(later)
			if len(film.got.Topics) > 0 {
				checkPartition(t, film.partition(), &got)
			}
			seen.check(t, film, &got, later)
		}
	})
}

// edit makes the next sample of six bytes.
func (f *film) edit(bytes []byte) (later time.Duration) {
	step := func(b byte) int64 { return int64(int8(b)) }
	p, flags := f.partition(), bytes[5]
	p.Committed += step(bytes[0])
	p.Start += step(bytes[1])
	p.End += step(bytes[2])
	p.HighWatermark = p.End + step(bytes[3])
	p.Empty, p.Err = flags&empty != 0, nil
	if flags&broken != 0 {
		p.Err = errLeader
	}
	f.assign("worker-0")
	if flags&unowned != 0 {
		f.assign("")
	}
	if flags&rebalancing != 0 {
		f.sample.State = kafka.StatePreparingRebalance
	}
	f.sample.StateErr, f.sample.ConnectionErr = nil, nil
	if flags&membersUnread != 0 {
		f.sample.StateErr = errLeader
	}
	if flags&unreachable != 0 {
		f.sample.ConnectionErr = errLeader
	}
	if flags&otherTopic != 0 {
		f.sample.Topics[0].ID[0]++
	}
	f.options.Initial = initialOf(flags)
	return time.Duration(bytes[4]) * time.Second / 2
}

// watcher knows the least that must have been seen before a verdict.
type watcher struct {
	samples int
	known   int           // samples that knew the partition
	lagging time.Duration // time with lag and without a commit, gaps and all
	last    int64         // commit
}

func (w *watcher) check(t *testing.T, f *film, got *Partition, later time.Duration) {
	t.Helper()
	if later == 0 && w.samples > 0 { // the same again: not taken in
		return
	}
	w.samples++
	w.lagging += later
	if got.Err != nil {
		return
	}
	w.known++
	if got.Messages == 0 || f.partition().Committed != w.last {
		w.lagging = 0
	}
	w.last = f.partition().Committed
	switch stands := got.Health == HealthStalled || got.Health == HealthStopped; {
	case stands && f.sample.State.Rebalancing(), stands && f.sample.StateErr != nil: // held
	case stands && (w.known <= minSteps || w.lagging < minWindow):
		t.Fatalf("%q after %d samples and %s", got.Health, w.known, w.lagging)
	case got.Messages == 0 && got.Health != HealthOK:
		t.Fatalf("%q without lag", got.Health)
	case got.Since.Before(f.history.began) || got.Since.After(f.sample.At):
		t.Fatalf("a verdict since %s in a sample of %s", got.Since, f.sample.At)
	}
}

package worker

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// replayRange is what is read of a partition: from one offset up to, and without,
// another. With nothing in between from may be larger.
type replayRange struct {
	partition int32
	from, to  int64
}

// endless is where a partition ends that never does.
const endless = math.MaxInt64

// replayPlace is what is known of a partition before it is read.
type replayPlace struct {
	kafka.TopicPartition
	log logRange
	// kept is the offset kept of it, kafka.NoOffset without one.
	kept int64
	// begin and end are the first offsets of the bounds' times, where they have
	// times: kafka.NoOffset when no message is that young.
	begin, end int64
}

// open resolves what to read, and keeps where that begins.
func (r *replay) open(kept *offsetKeeper) ([]replayRange, error) {
	partitions, err := r.partitions()
	if err != nil {
		return nil, err
	}
	spans, err := r.spans(partitions, kept)
	if err != nil {
		return nil, err
	}
	return spans, kept.begin(r.taking, spans)
}

// partitions are those to read, sorted.
func (r *replay) partitions() ([]int32, error) {
	all, err := r.client.Partitions(r.options.Topic)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of topic %q: %w", r.options.Topic, err)
	}
	if len(r.options.Partitions) == 0 {
		return all, nil // sorted, as sarama gives them
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(r.options.Partitions)))
	for _, number := range wanted {
		if !slices.Contains(all, number) {
			return nil, fmt.Errorf("topic %q has no partition %d: it has %d", r.options.Topic, number, len(all))
		}
	}
	return wanted, nil
}

func (r *replay) spans(partitions []int32, kept *offsetKeeper) ([]replayRange, error) {
	places, err := r.places(partitions, kept)
	if err != nil {
		return nil, err
	}
	var spans []replayRange
	var errs []error
	for _, p := range places {
		from, err := r.options.From.begin(p, r.config.InitialOffset, r.config.OnOutOfRange)
		errs = append(errs, err)
		s := replayRange{partition: p.Partition, from: from, to: r.options.To.end(p)}
		spans = append(spans, s)
		if p.kept != kafka.NoOffset && r.options.From.kind == boundKept && from != p.kept {
			r.log.Warn("the kept offset is not in the log", "partition", p.Partition, "kept", p.kept, "from", from)
		}
	}
	return spans, errors.Join(errs...)
}

// places reads all that the bounds depend on.
func (r *replay) places(partitions []int32, kept *offsetKeeper) ([]replayPlace, error) {
	topic := r.options.Topic
	offsets, err := kept.kept(r.taking, partitions)
	if err != nil {
		return nil, err
	}
	logs, err := kept.look.logs(r.taking, map[string][]int32{topic: partitions}, time.Time{})
	if err != nil {
		return nil, err
	}
	begins, err := r.firstsAt(kept.look, r.options.From, partitions)
	if err != nil {
		return nil, err
	}
	ends, err := r.firstsAt(kept.look, r.options.To, partitions)
	if err != nil {
		return nil, err
	}
	var places []replayPlace
	for _, number := range partitions {
		tp := kafka.TopicPartition{Topic: topic, Partition: number}
		places = append(places, replayPlace{tp, logs[tp], offsets[number], begins[tp], ends[tp]})
	}
	return places, nil
}

// firstsAt asks for the first offset of each partition that is of the bound's
// time or later; nil for a bound that is no time.
func (r *replay) firstsAt(look lookup, at Bound, partitions []int32) (offsets, error) {
	if at.kind != boundTime {
		return nil, nil
	}
	asked := flatten(map[string][]int32{r.options.Topic: partitions})
	found, err := look.offsets(r.taking, asked, at.milliseconds(), sarama.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("look for offsets at %s: %w", at.at.Format(time.RFC3339), err)
	}
	return found, nil
}

// begin is where reading begins. It never moves an offset that was asked for.
func (b Bound) begin(p replayPlace, initial InitialOffset, outOfRange OutOfRange) (int64, error) {
	switch b.kind {
	case boundLatest:
		return p.log.readable, nil
	case boundOffset:
		return b.offset, p.check(b.offset)
	case boundTime:
		return orElse(p.begin, p.log.readable), nil
	case boundKept:
		return p.resume(initial, outOfRange)
	default:
		return p.log.start, nil
	}
}

// resume is where a partition goes on by its kept offset.
func (p replayPlace) resume(initial InitialOffset, outOfRange OutOfRange) (int64, error) {
	switch {
	case p.kept != kafka.NoOffset && p.log.has(p.kept):
		return p.kept, nil
	case p.kept != kafka.NoOffset:
		start, err := decideOutOfRange(p.TopicPartition, p.kept, p.log, outOfRange)
		return start.offset, err
	case initial == Latest:
		return p.log.readable, nil
	default:
		return p.log.start, nil
	}
}

func (p replayPlace) check(offset int64) error {
	if p.log.has(offset) {
		return nil
	}
	return notInLog(p.TopicPartition, offset, p.log)
}

func notInLog(tp kafka.TopicPartition, offset int64, log logRange) error {
	return fmt.Errorf("offset %d of topic %q partition %d is not in its log, which goes from %d to %d: %w",
		offset, tp.Topic, tp.Partition, log.start, log.end, sarama.ErrOffsetOutOfRange)
}

// end is where reading ends: never beyond what can be read now.
func (b Bound) end(p replayPlace) int64 {
	switch b.kind {
	case boundOffset:
		return min(b.offset, p.log.readable)
	case boundTime:
		return min(orElse(p.end, p.log.readable), p.log.readable)
	case boundNever:
		return endless
	default:
		return p.log.readable
	}
}

// orElse is the offset, or the other one in place of none.
func orElse(offset, otherwise int64) int64 {
	if offset == kafka.NoOffset {
		return otherwise
	}
	return offset
}

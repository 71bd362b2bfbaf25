package worker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ReplayOptions are what Replay reads.
type ReplayOptions struct {
	// Topic is the topic to read. Required.
	Topic string
	// Partitions are those of its partitions to read. Default: all.
	Partitions []int32
	// From is where each partition begins. Default AtEarliest. A partition whose
	// log does not reach there ends the replay before anything is read.
	From Bound
	// To is where each partition ends. Default AtLatest: what is there when the
	// replay begins. It never waits for messages to come, unless it is Never.
	To Bound
	// KeepAs is the name under which offsets are kept, for AtKept to go on at:
	// the id of a consumer group that no worker uses. Where reading begins is
	// committed before it begins, how far it came as often as CommitInterval
	// says, and at the end. It must not be Config.GroupID, nor a group that has
	// members, whose commits it would move. Empty keeps none.
	KeepAs string
}

// Bound is a place in each partition that is replayed. Its zero value is the
// default of the field.
type Bound struct {
	kind   boundKind
	offset int64
	at     time.Time
}

type boundKind string

const (
	boundEarliest boundKind = "earliest"
	boundLatest   boundKind = "latest"
	boundOffset   boundKind = "offset"
	boundTime     boundKind = "time"
	boundKept     boundKind = "kept"
	boundNever    boundKind = "never"
)

// AtEarliest is the log start. Only to begin at.
func AtEarliest() Bound { return Bound{kind: boundEarliest} }

// AtLatest is the log end when the replay begins; with ReadCommitted the last
// stable offset, before which all transactions have ended.
func AtLatest() Bound { return Bound{kind: boundLatest} }

// AtOffset is the same offset in each partition: the first to read, or the one
// before which to end. To end beyond the log end is to end at AtLatest.
func AtOffset(offset int64) Bound { return Bound{kind: boundOffset, offset: offset} }

// AtTime is the first message with that timestamp or a later one, or AtLatest
// where there is none. Timestamps need not ascend: Kafka looks for the first
// such message, and those after it are read, or not, whatever theirs are.
func AtTime(at time.Time) Bound { return Bound{kind: boundTime, at: at} }

// AtKept is the offset kept as ReplayOptions.KeepAs. A partition without one
// begins as InitialOffset says, one whose log does not reach there any more as
// OnOutOfRange says. Only to begin at.
func AtKept() Bound { return Bound{kind: boundKept} }

// Never ends no partition: messages that come are handed in until the context
// is done, which then is no error. Only to end at.
func Never() Bound { return Bound{kind: boundNever} }

// milliseconds is the bound's time as Kafka asks for it: rounded up, as a message
// of the same millisecond is not earlier. Negative numbers have other meanings.
func (b Bound) milliseconds() int64 {
	return max(0, b.at.Add(time.Millisecond-time.Nanosecond).UnixMilli())
}

// prepare validates both and fills in defaults. What Replay does not use can't
// be wrong.
func (o ReplayOptions) prepare(config Config) (Config, error) {
	problem := o.problem(config.GroupID)
	config.GroupID = cmp.Or(config.GroupID, "none")
	config.Topics, config.TopicPattern, config.DeadLetter = []string{"none"}, "", nil
	config.Ordering, config.InstanceID = OrderByPartition, ""
	if err := errors.Join(config.Validate(), problem); err != nil {
		return Config{}, err
	}
	return config.withDefaults()
}

func (o ReplayOptions) problem(group string) error {
	errs := []error{
		topicProblem("topic", o.Topic),
		choice("from", o.From.kind, boundEarliest, boundLatest, boundOffset, boundTime, boundKept),
		choice("to", o.To.kind, boundLatest, boundOffset, boundTime, boundNever),
		notNegative("from", o.From.offset),
		notNegative("to", o.To.offset),
	}
	if o.From.kind == boundKept {
		errs = append(errs, required(o.KeepAs != "", "keepAs"))
	}
	if o.KeepAs != "" && o.KeepAs == group {
		errs = append(errs, fmt.Errorf("keepAs %q is the workers' own group", group))
	}
	if o.From.after(o.To) {
		errs = append(errs, errors.New("from is after to"))
	}
	if slices.ContainsFunc(o.Partitions, func(p int32) bool { return p < 0 }) {
		errs = append(errs, fmt.Errorf("partitions %d: one is negative", o.Partitions))
	}
	return errors.Join(errs...)
}

// after compares what can be compared without asking Kafka.
func (b Bound) after(other Bound) bool {
	return b.kind == other.kind && (b.offset > other.offset || b.at.After(other.at))
}

package worker

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// startPolicy is what decides where a claim opens.
type startPolicy struct {
	Initial    InitialOffset
	OutOfRange OutOfRange
	// MaxAge is 0 without a limit of age.
	MaxAge time.Duration
	// StartAt is nil without a hook.
	StartAt StartHook
	Now     time.Time
}

// reason is why a claim opens where it does, in logs and labels of metrics.
type reason string

const (
	atCommit   reason = "committed"
	atEarliest reason = "earliest"
	atLatest   reason = "latest"
	addedLater reason = "addedLater"
	outOfRange reason = "outOfRange"
	tooOld     reason = "tooOld"
	byHook     reason = "hook"
)

// skip is a stretch of a log that is passed over: from, up to, without, to.
type skip struct {
	reason   reason
	from, to int64
}

// decision is where a claim opens, and why.
type decision struct {
	offset int64
	reason reason
	// outOfRange says that the commit was not in the log.
	outOfRange bool
	// skips are in order and don't overlap.
	skips []skip
}

// forward passes over what lies between two offsets.
func (d decision) forward(to int64, from int64, why reason) decision {
	d.offset, d.reason = to, why
	if from < to {
		d.skips = append(d.skips, skip{why, from, to})
	}
	return d
}

// back takes up again what had been passed over.
func (d decision) back(to int64, why reason) decision {
	d.offset, d.reason = to, why
	var kept []skip
	for _, s := range d.skips {
		if s.to = min(s.to, to); s.from < s.to {
			kept = append(kept, s)
		}
	}
	d.skips = kept
	return d
}

// decideStart resolves where the claim of a partition opens, before a hook. It
// passes over no message that still exists, except by a policy that says so.
func decideStart(tp kafka.TopicPartition, committed commit, history topicHistory, log logRange, policy startPolicy) (decision, error) {
	start, err := decideBase(tp, committed, history, log, policy)
	if err != nil || log.young <= start.offset {
		return start, err
	}
	return start.forward(log.young, start.offset, tooOld), nil
}

func decideBase(tp kafka.TopicPartition, committed commit, history topicHistory, log logRange, policy startPolicy) (decision, error) {
	switch {
	case committed.exists() && !log.has(committed.offset):
		return decideOutOfRange(tp, committed.offset, log, policy.OutOfRange)
	case committed.exists():
		return decision{offset: committed.offset, reason: atCommit}, nil
	case history.addedLater(tp.Partition):
		return decision{offset: log.start, reason: addedLater}, nil
	case policy.Initial == Latest:
		return decision{}.forward(log.readable, log.start, atLatest), nil
	default:
		return decision{offset: log.start, reason: atEarliest}, nil
	}
}

// decideOutOfRange counts what was deleted before it was handled as passed
// over, too. Of a commit above the log end nothing is known to be handled: it
// belongs to another log, or to an end that is lost. Committed 3 in a log of 5
// up to 9, earliest passes over 3 and 4, latest 3 to 8; committed 20, earliest
// passes over nothing, latest 5 to 8.
func decideOutOfRange(tp kafka.TopicPartition, committed int64, log logRange, choice OutOfRange) (decision, error) {
	from := committed
	if committed > log.end {
		from = log.start
	}
	to := log.start
	switch choice {
	case RangeFail:
		return decision{}, &OffsetOutOfRangeError{tp.Topic, tp.Partition, committed, log.start, log.end}
	case RangeLatest:
		to = log.readable
	}
	return decision{outOfRange: true}.forward(to, from, outOfRange), nil
}

// moved is the decision after a hook that wants another offset.
func (d decision) moved(to int64) decision {
	switch {
	case to > d.offset:
		return d.forward(to, d.offset, byHook)
	case to < d.offset:
		return d.back(to, byHook)
	}
	return d
}

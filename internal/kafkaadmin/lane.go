package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// errLate is a broker that has not answered by the time that a cycle waits. It
// may yet answer: that is nothing to report of it, unless the cycle has all the
// time there is.
var errLate = fmt.Errorf("%w", kafka.ErrTimeout)

// errPending is what a cycle did not get to. The group keeps the sample that it
// has, and is asked for again soon.
var errPending = fmt.Errorf("%w: not asked yet, there is much to ask", kafka.ErrUnavailable)

// late tells whether an error is that of a broker that may yet answer.
func late(err error) bool { return errors.Is(err, errLate) }

func pending(err error) bool { return errors.Is(err, errPending) }

// minPatience keeps short intervals, as tests have them, from calling every
// broker late.
const minPatience = 250 * time.Millisecond

// patienceOf is how long a cycle in a hurry waits for one answer: one that waits
// in vain is then over well within its interval.
func patienceOf(o Options) time.Duration { return max(o.Interval/4, minPatience) }

// inHurry marks a cycle that does not wait for slow brokers.
type inHurry struct{}

func hurry(ctx context.Context) context.Context { return context.WithValue(ctx, inHurry{}, true) }

func hurried(ctx context.Context) bool { return ctx.Value(inHurry{}) != nil }

// step bounds one step of a cycle, which may be a queue of requests: each of
// them has a bound of its own besides.
func (c *client) step(ctx context.Context) (context.Context, context.CancelFunc) {
	if hurried(ctx) {
		return context.WithTimeout(ctx, 4*c.patience)
	}
	return context.WithTimeout(ctx, 3*c.timeout)
}

// incomplete tells whether a sample lacks something that may yet come, and is
// not to be handed out.
func incomplete(s *kafka.GroupSample, lacks func(error) bool) bool {
	for err := range errorsIn(s) {
		if lacks(err) {
			return true
		}
	}
	return false
}

// errorsIn goes over the errors of a sample's parts.
func errorsIn(s *kafka.GroupSample) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, err := range []error{s.ConnectionErr, s.StateErr, s.TopicsErr} {
			if err != nil && !yield(err) {
				return
			}
		}
		for i := range s.Topics {
			if !topicErrors(&s.Topics[i], yield) {
				return
			}
		}
	}
}

func topicErrors(t *kafka.TopicSample, yield func(error) bool) bool {
	if t.Err != nil && !yield(t.Err) {
		return false
	}
	for i := range t.Partitions {
		if err := t.Partitions[i].Err; err != nil && !yield(err) {
			return false
		}
	}
	return true
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

func (r *runner) consume(ctx context.Context) error {
	client := &groupClient{Client: r.client}
	group, err := sarama.NewConsumerGroupFromClient(r.config.GroupID, client)
	if err != nil {
		return fmt.Errorf("prepare the membership in group %q: %w", r.config.GroupID, err)
	}
	client.leaveOffsetsToSetup()
	var draining sync.WaitGroup
	draining.Go(func() {
		for err := range group.Errors() {
			r.failed(err)
		}
	})
	err = r.join(ctx, group)
	r.closed("the membership", group.Close())
	draining.Wait()
	return err
}

// join is a member, again after each rebalance, until the context ends or
// something is wrong that joining again would not change.
func (r *runner) join(ctx context.Context, group sarama.ConsumerGroup) error {
	wait := newBackoff(joinBackoff, joinMaxBackoff)
	member := &member{runner: r, fetching: group}
	for failures := 0; ctx.Err() == nil; {
		again, err := r.joinOnce(ctx, group, member)
		if fatal := r.fatal.Load(); fatal != nil {
			return *fatal
		}
		var outOfRange *OffsetOutOfRangeError
		switch {
		case errors.Is(err, sarama.ErrInvalidSessionTimeout):
			return fmt.Errorf("sessionTimeout %s is outside of what the brokers accept,"+
				" by default 6s to 30m (group.min.session.timeout.ms, group.max.session.timeout.ms): %w", r.config.SessionTimeout, err)
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the client is ending: what Consume says of that is no failure
		case errors.As(err, &outOfRange):
			return outOfRange
		case err == nil || again:
			failures = 0
			continue
		}
		if r.committedSince.Swap(false) {
			failures = 0 // what works now and then is tried soon
		}
		failures++
		r.failed(err)
		pause(ctx, wait(failures))
	}
	return nil
}

// joinOnce is a member until the next rebalance. With a pattern it is so, too,
// until other topics match: again then says that whatever went wrong, the
// membership was ended for that.
func (r *runner) joinOnce(ctx context.Context, group sarama.ConsumerGroup, member *member) (again bool, err error) {
	topics := r.topics(ctx)
	if len(topics) == 0 {
		return false, nil // the context ended
	}
	during, end := context.WithCancel(ctx)
	var watching sync.WaitGroup
	if r.pattern != nil {
		watching.Go(func() { r.watchTopics(during, topics, end) })
	}
	err = r.endable(during, func(ctx context.Context) error { return group.Consume(ctx, topics, member) })
	again = during.Err() != nil
	end()
	watching.Wait()
	if err != nil {
		err = fmt.Errorf("consume %q: %w", topics, err)
	}
	return again, err
}

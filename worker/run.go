package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	joinBackoff    = 500 * time.Millisecond
	joinMaxBackoff = 15 * time.Second
	// leaveTimeout bounds the commit and the leave after the grace period.
	leaveTimeout = 5 * time.Second
)

// Run joins the group and hands messages to the handler until the context is
// done; then it finishes what is in hand within the grace period, commits,
// leaves the group and returns nil. Nothing it started is left running.
//
// A broker that can't be reached and a topic that doesn't exist are waited
// for. An error is returned for a configuration that can't work, and as an
// OffsetAboveEndError for a partition whose committed offset can't be right.
func Run(ctx context.Context, config Config, handler Handler) error {
	if err := config.Validate(); err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	config, err := config.withDefaults()
	if err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	return newRunner(ctx, config, handler).run()
}

// runner is one call of Run.
type runner struct {
	ctx     context.Context
	config  Config
	handler Handler
	log     *slog.Logger
	metrics *metrics
	health  *health
	dialer  *dialer
	backoff func(attempt int) time.Duration
	// handledUpTo tells redeliveries over all sessions of the process.
	handledUpTo *highWater

	// client is set once connected, before the group is joined.
	client sarama.Client
}

func newRunner(ctx context.Context, config Config, handler Handler) *runner {
	return &runner{
		ctx:         ctx,
		config:      config,
		handler:     handler,
		log:         config.Logger.With("group", config.GroupID, "client", config.ClientID),
		metrics:     newMetrics(),
		health:      &health{now: time.Now, rejoin: config.RebalanceTimeout},
		dialer:      newDialer(),
		backoff:     newBackoff(retryBackoff, retryMaxBackoff),
		handledUpTo: newHighWater(),
	}
}

func (r *runner) run() error {
	unregister, err := r.metrics.register(r.config.Registry)
	if err != nil {
		return err
	}
	defer unregister()
	stopServing, err := r.health.serve(r.config.ListenAddress, r.config.Registry)
	if err != nil {
		return err
	}
	defer stopServing()
	defer r.health.end()
	defer r.supervise()()
	if err := r.connect(); err != nil {
		return err
	}
	if r.client == nil {
		return nil // told to stop before a broker was reached
	}
	err = r.consume()
	r.closed("the Kafka client", r.client.Close())
	return err
}

// supervise notes the end of the context, and cuts the connections when sarama
// does not come back in time after it. Call the result when the run is over.
func (r *runner) supervise() (stop func()) {
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-r.ctx.Done():
		case <-over:
			return
		}
		r.health.stop()
		limit := leaveTimeout
		if r.health.sessionUp() {
			limit += r.config.GracePeriod
		}
		select {
		case <-time.After(limit):
			r.log.Warn("the brokers don't answer, cutting the connections", "after", limit.String())
			r.dialer.cutAll()
		case <-over:
		}
	})
	return func() {
		close(over)
		watching.Wait()
	}
}

// connect waits for a broker. It leaves the client nil when the context ends
// first.
func (r *runner) connect() error {
	config, err := saramaConfig(r.config, r.dialer)
	if err != nil {
		return err
	}
	wait := newBackoff(joinBackoff, joinMaxBackoff)
	for attempt := 1; r.ctx.Err() == nil; attempt++ {
		client, err := sarama.NewClient(r.config.BootstrapServers, config)
		if err == nil {
			r.client = client
			return nil
		}
		r.failed(fmt.Errorf("connect to %q: %w", r.config.BootstrapServers, err))
		pause(r.ctx, wait(attempt))
	}
	return nil
}

func (r *runner) consume() error {
	group, err := sarama.NewConsumerGroupFromClient(r.config.GroupID, r.client)
	if err != nil {
		return fmt.Errorf("prepare the membership in group %q: %w", r.config.GroupID, err)
	}
	var draining sync.WaitGroup
	draining.Go(func() {
		for err := range group.Errors() {
			r.failed(err)
		}
	})
	err = r.join(group)
	r.closed("the membership", group.Close())
	draining.Wait()
	return err
}

// join is a member, again after each rebalance, until the context ends or
// something is wrong that joining again would not change.
func (r *runner) join(group sarama.ConsumerGroup) error {
	wait := newBackoff(joinBackoff, joinMaxBackoff)
	member := &member{runner: r}
	for failures := 0; r.ctx.Err() == nil; {
		err := group.Consume(r.ctx, r.config.Topics, member)
		var aboveEnd *OffsetAboveEndError
		switch {
		case r.ctx.Err() != nil:
			return nil //nolint:nilerr // the program is ending: what Consume says of that is no failure
		case errors.As(err, &aboveEnd):
			return aboveEnd
		case err == nil:
			failures = 0
			continue
		}
		failures++
		r.failed(fmt.Errorf("consume %q: %w", r.config.Topics, err))
		pause(r.ctx, wait(failures))
	}
	return nil
}

func (r *runner) failed(err error) {
	r.metrics.consumeErrors.Inc()
	r.health.failed(err)
	r.log.Warn("consumer error", "error", err.Error())
}

func (r *runner) closed(what string, err error) {
	if err != nil {
		r.log.Warn("closing failed", "what", what, "error", err.Error())
	}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	joinBackoff    = 500 * time.Millisecond
	joinMaxBackoff = 15 * time.Second
	// leaveTimeout bounds the commit and the leave after the grace period.
	leaveTimeout = 5 * time.Second
	// tooLate says nothing of whose fault it is: a join waits for all members,
	// also for one that was killed.
	tooLate = "what was asked of the brokers is not answered in time, cutting the connections"
)

// Run joins the group and hands messages to the handler until the context is
// done; then it finishes what is in hand within the grace period, commits,
// leaves the group and returns nil. Nothing it started is left running.
//
// A broker that can't be reached and a topic that doesn't exist are waited
// for. An error is returned for a configuration that can't work, also where only
// the brokers know that, as of a SessionTimeout that they refuse, as a
// HandlerError for a message that failed for the last time, and as an
// OffsetOutOfRangeError where Config.OnOutOfRange is RangeFail.
//
// A handler that ignores its context is left behind when Run returns, which
// says so in the log and the metric lagrange_worker_messages_abandoned_total.
func Run(ctx context.Context, config Config, handler Handler) error {
	return runWith(ctx, config, oneByOne{handler})
}

func runWith(ctx context.Context, config Config, caller caller) error {
	if err := errors.Join(config.Validate(), caller.problem(config)); err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	config, err := config.withDefaults()
	if err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	runner, err := newRunner(ctx, config, caller)
	if err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	return runner.run()
}

// runner is one call of Run.
type runner struct {
	ctx     context.Context
	config  Config
	caller  caller
	log     *slog.Logger
	metrics *metrics
	health  *health
	dialer  *dialer
	files   credentialFiles
	kafka   *sarama.Config // without SASL, which each client gets anew
	pattern *regexp.Regexp // nil for a list of topics
	// slots are the goroutines that call the handler, handled is what they have
	// handled, over all sessions.
	slots   *slots
	handled *handledInAll
	// deadLetters is nil without a dead letter topic, and in transactions.
	deadLetters *deadLetters
	// live is the session of the moment, nil between two.
	live atomic.Pointer[session]
	// fatal ends the run with an error.
	fatal atomic.Pointer[error]
	// committedSince says that a commit was accepted since the last failure.
	committedSince atomic.Bool
	// endMembership ends the membership of the moment with an error.
	endMembership context.CancelCauseFunc

	// client is set once connected, before the group is joined.
	client sarama.Client
}

func newRunner(ctx context.Context, config Config, caller caller) (*runner, error) {
	files := credentialFiles{tls: config.TLS, sasl: config.SASL}
	dialer := newDialer(files)
	settings, err := saramaConfig(config, dialer)
	if err != nil {
		return nil, err
	}
	var pattern *regexp.Regexp
	if config.TopicPattern != "" {
		if pattern, err = kafka.TopicPattern(config.TopicPattern); err != nil {
			return nil, fmt.Errorf("read the topic pattern: %w", err)
		}
	}
	r := &runner{
		ctx:     ctx,
		config:  config,
		caller:  caller,
		log:     config.Logger.With("group", config.GroupID, "client", config.ClientID),
		health:  &health{now: time.Now, rejoin: config.RebalanceTimeout, produces: config.ServeProducerReport},
		dialer:  dialer,
		files:   files,
		kafka:   settings,
		pattern: pattern,
		slots:   newSlots(config.MaxProcessingTime),
		handled: newHandledInAll(),
	}
	r.metrics = newMetrics(r)
	r.health.stuck = r.stuck
	strategies := &settings.Consumer.Group.Rebalance.GroupStrategies
	*strategies = noticing(*strategies, r.openLate)
	return r, nil
}

// stuck names a handler that has run for too long.
func (r *runner) stuck() error {
	record, since := r.slots.longest()
	if record == nil || since <= r.config.StuckAfter {
		return nil
	}
	return fmt.Errorf("the handler has not returned for %s: message of topic %q partition %d offset %d",
		since.Round(time.Second), record.Topic, record.Partition, record.Offset)
}

// fail ends the run with the error. The first one counts.
func (s *session) fail(err error) {
	s.fatal.CompareAndSwap(nil, &err)
	s.leave()
}

func (r *runner) run() error {
	unregister, err := r.metrics.register(r.config.Registry)
	if err != nil {
		return err
	}
	defer unregister()
	if err := r.config.announcePolicy(r.log); err != nil {
		return err
	}
	stopServing, err := r.health.serve(r.config.ListenAddress, r.config.Registry)
	if err != nil {
		return err
	}
	defer stopServing()
	defer r.health.end()
	closeLetters, err := r.openDeadLetters()
	if err != nil {
		return err
	}
	defer closeLetters()
	defer r.supervise()()
	for r.ctx.Err() == nil {
		if err := r.tenure(); err != nil {
			return err
		}
	}
	return nil
}

// supervise notes the end of the context, and cuts the connections when sarama
// does not come back in time after it. Call the result when the run is over.
func (r *runner) supervise() (stop func()) {
	over := make(chan struct{})
	watch, unwatch := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { r.slots.watch(watch) })
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
			r.log.Warn(tooLate, "after", limit.String())
			r.dialer.cutAll()
		case <-over:
		}
	})
	return func() {
		close(over)
		unwatch()
		watching.Wait()
	}
}

// failed tells of a failure that will be tried again. Of one of authentication
// it tells no more than the part that failed: a broker's own text might quote
// what it was sent.
func (r *runner) failed(err error) {
	if field := explain(err, r.client, r.config.BootstrapServers); field != nil {
		err = field
	}
	r.metrics.consumeErrors.Inc()
	r.health.failed(err)
	r.log.Warn("consumer error", "error", err.Error())
}

func (r *runner) closed(what string, err error) {
	if err != nil {
		r.log.Warn("closing failed", "what", what, "error", err.Error())
	}
}

package worker

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
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
	runner, err := newRunner(ctx, config, handler)
	if err != nil {
		return fmt.Errorf("worker configuration: %w", err)
	}
	return runner.run()
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
	files   credentialFiles
	kafka   *sarama.Config // without SASL, which each client gets anew
	pattern *regexp.Regexp // nil for a list of topics
	backoff func(attempt int) time.Duration
	// handledUpTo tells redeliveries over all sessions of the process.
	handledUpTo *highWater

	// client is set once connected, before the group is joined.
	client sarama.Client
}

func newRunner(ctx context.Context, config Config, handler Handler) (*runner, error) {
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
	return &runner{
		ctx:         ctx,
		config:      config,
		handler:     handler,
		log:         config.Logger.With("group", config.GroupID, "client", config.ClientID),
		metrics:     newMetrics(),
		health:      &health{now: time.Now, rejoin: config.RebalanceTimeout},
		dialer:      dialer,
		files:       files,
		kafka:       settings,
		pattern:     pattern,
		backoff:     newBackoff(retryBackoff, retryMaxBackoff),
		handledUpTo: newHighWater(),
	}, nil
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

// failed tells of a failure that will be tried again. Of one of authentication
// it tells no more than the part that failed: a broker's own text might quote
// what it was sent.
func (r *runner) failed(err error) {
	if field := kafkaauth.Explain(err); field != nil {
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

package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// Replay reads partitions of a topic without being a member of any group: to
// read again what a group has read already, without the group noticing. It
// hands the messages of a partition in one at a time and in order, and returns
// once every partition has come to its end. Messages are handed in at least
// once, as by Run.
//
// Of the configuration it uses how to connect, IsolationLevel, Concurrency (how
// many partitions are handled at the same time, default all), Retry and
// MaxProcessingTime, GracePeriod, and for offsets that are kept CommitInterval,
// InitialOffset and OnOutOfRange. Topics, ordering, dead letters and what
// belongs to a membership are not used, and GroupID is only there to be kept
// from harm. Credentials for PLAIN are those of the start.
//
// It does not wait for brokers or topics that are not there when it begins; once
// it reads, it waits for brokers as Run does. It ends with an error for a
// message that failed Retry.Attempts times, and when the context is done before
// all partitions have come to their end; the summary says how far each came.
func Replay(ctx context.Context, config Config, options ReplayOptions, handler Handler) (ReplaySummary, error) {
	config, err := options.prepare(config)
	if err = errors.Join(err, required(handler != nil, "handler")); err != nil {
		return ReplaySummary{}, fmt.Errorf("replay configuration: %w", err)
	}
	r := newReplay(ctx, config, options, handler)
	defer r.supervise()()
	return r.run()
}

// replay is one call of Replay.
type replay struct {
	config  Config
	options ReplayOptions
	handler Handler
	log     *slog.Logger
	dialer  *dialer

	// asked is the caller's context. taking ends with it, or with the first
	// failure: then nothing new is handed in. handling is what handlers run
	// under, and ends GracePeriod later.
	asked, taking, handling context.Context
	stopTaking              context.CancelFunc
	stopHandling            context.CancelCauseFunc

	client sarama.Client
	// slots has room for as many calls of the handler as there may be.
	slots chan struct{}

	mutex    sync.Mutex
	failures []error
}

func newReplay(ctx context.Context, config Config, options ReplayOptions, handler Handler) *replay {
	r := &replay{
		config: config, options: options, handler: handler, asked: ctx,
		log:    config.Logger.With("topic", options.Topic, "client", config.ClientID),
		dialer: newDialer(credentialFiles{tls: config.TLS, sasl: config.SASL}),
	}
	r.taking, r.stopTaking = context.WithCancel(ctx)
	r.handling, r.stopHandling = context.WithCancelCause(context.WithoutCancel(ctx))
	return r
}

func (r *replay) run() (ReplaySummary, error) {
	if err := r.connect(); err != nil {
		return ReplaySummary{}, err
	}
	defer func() { r.closed("the Kafka client", r.client.Close()) }()
	kept := r.newKeeper()
	defer func() { r.closed("the offset manager", kept.close()) }()
	spans, err := r.open(kept)
	if err != nil {
		return ReplaySummary{}, r.explained(err)
	}
	return r.read(spans, kept)
}

// connect does not try for long: sarama asks each broker four times.
func (r *replay) connect() error {
	settings, err := saramaConfig(r.config, r.dialer)
	if err != nil {
		return err
	}
	if r.config.SASL != nil {
		if err := kafkaauth.ApplySASL(settings, r.dialer.files.credentials); err != nil {
			return fmt.Errorf("read the credentials: %w", err)
		}
	}
	if r.client, err = sarama.NewClient(r.config.BootstrapServers, settings); err != nil {
		return fmt.Errorf("connect to %q: %w", r.config.BootstrapServers, r.explained(err))
	}
	return nil
}

// read reads all partitions to their ends, and keeps how far they came.
func (r *replay) read(spans []replayRange, kept *offsetKeeper) (ReplaySummary, error) {
	consumer, err := sarama.NewConsumerFromClient(r.client)
	if err != nil {
		return ReplaySummary{}, fmt.Errorf("prepare reading: %w", err)
	}
	r.slots = make(chan struct{}, cmp.Or(r.config.Concurrency, len(spans)))
	var readers []*replayReader
	var reading sync.WaitGroup
	for _, s := range spans {
		one := newReplayReader(r, s, kept.of(s.partition))
		readers = append(readers, one)
		reading.Go(func() { r.note(one.read(consumer)) })
	}
	stopKeeping := kept.regularly(r.config.CommitInterval, r.note)
	reading.Wait()
	stopKeeping()
	r.note(kept.confirm(r.handling))
	r.closed("the consumer", consumer.Close())
	return summaryOf(readers), r.outcome(readers)
}

func (r *replay) closed(what string, err error) {
	if err != nil {
		r.log.Warn("closing failed", "what", what, "error", err.Error())
	}
}

// explained is no more of a failed authentication than the part that failed: a
// broker's own text might quote what it was sent.
func (r *replay) explained(err error) error {
	if field := explain(err, r.client, r.config.BootstrapServers); field != nil {
		return field
	}
	return err
}

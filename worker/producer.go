package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// Producer produces messages. It is safe for concurrent use; one is enough for
// a process.
//
//	Send, SendBatch, Enqueue --> backlog (bounded) --> queue --> sarama --> brokers
//	                                                     ^         |
//	                         next of the key, StopOnError`---------+--> done, once each
//
// Messages of a partition are written in the order in which they were accepted,
// which for one goroutine is the order of its calls. Where one fails and others
// that come after it do not, see ProducerSettings.StopOnError.
//
// An error does not prove that the message was not written: the answer may have
// been lost. Sending it again may then write it twice, as two messages.
type Producer struct {
	config   Config
	settings ProducerSettings
	log      *slog.Logger
	metrics  *producerMetrics
	dialer   *dialer
	files    credentialFiles
	kafka    *sarama.Config // without SASL, which each link gets anew

	backlog *backlog
	lanes   *orderLanes
	queue   chan *sending      // accepted and free to go
	renewed chan *producerLink // takes the place of the one before

	over     context.Context // done once the last result was told
	end      context.CancelFunc
	feeding  sync.WaitGroup
	watching sync.WaitGroup
	givenUp  chan struct{} // closed once Close can't wait any longer
	givingUp sync.Once
}

// NewProducer connects to one of the brokers, with an error when none answers.
// Of the configuration it takes BootstrapServers, TLS, SASL, KafkaVersion,
// ClientID, MetadataRefresh, Producer, ProducerPolicy, Propagator, Logger and
// Registry. So a program that only produces may Load it without a group; it
// serves Config.ServeProducerReport itself.
//
// Credentials and certificates are read again for each connection. Those for
// PLAIN are compared every 5 s: once a broker takes the new ones, what is on its
// way is waited for, and the messages that were accepted meanwhile go on with
// them.
func NewProducer(config Config) (*Producer, error) {
	if err := config.producerProblems(); err != nil {
		return nil, fmt.Errorf("producer configuration: %w", err)
	}
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("producer configuration: %w", err)
	}
	p, err := newProducer(config)
	if err != nil {
		return nil, fmt.Errorf("producer configuration: %w", err)
	}
	if err := config.announcePolicy(p.log); err != nil {
		p.end()
		return nil, err
	}
	if err := p.start(context.Background()); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// start connects to one of the brokers. It may be tried again when it failed,
// unless the context has ended: that cuts the connections, for good.
func (p *Producer) start(ctx context.Context) error {
	keep := context.AfterFunc(ctx, p.giveUp)
	link, err := p.link()
	if !keep() {
		if err == nil {
			err = link.close()
		}
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return fmt.Errorf("start a producer: %w", err)
	}
	p.feeding.Go(func() { p.feed(link) })
	if link.used.Mechanism == kafkaauth.Plain {
		p.watching.Go(func() { p.watchPlain(link.used) })
	}
	return nil
}

// producerProblems says what is missing or not understood.
func (c Config) producerProblems() error {
	return errors.Join(c.connectionProblem(), c.Producer.Validate())
}

func newProducer(config Config) (*Producer, error) {
	files := credentialFiles{tls: config.TLS, sasl: config.SASL}
	settings := config.Producer.withDefaults()
	p := &Producer{
		config:   config,
		settings: settings,
		log:      config.Logger.With("client", config.ClientID),
		dialer:   newDialer(files),
		files:    files,
		backlog:  newBacklog(settings.MaxInFlight, settings.MaxInFlightBytes),
		lanes:    newOrderLanes(),
		queue:    make(chan *sending, settings.MaxInFlight),
		renewed:  make(chan *producerLink),
		givenUp:  make(chan struct{}),
	}
	var err error
	if p.metrics, err = newProducerMetrics(config.Registry); err != nil {
		return nil, err
	}
	if p.kafka, err = saramaProducerConfig(config, p.dialer, p.pause); err != nil {
		return nil, err
	}
	p.over, p.end = context.WithCancel(context.Background())
	return p, nil
}

// Send returns once the brokers have acknowledged the message, or it failed.
// When the context ends first, the error is the context's: the message may have
// been written, or may still be.
func (p *Producer) Send(ctx context.Context, message Outgoing) (Receipt, error) {
	type result struct {
		receipt Receipt
		err     error
	}
	told := make(chan result, 1)
	p.accept(ctx, message, false, func(receipt Receipt, err error) { told <- result{receipt, err} })
	select {
	case r := <-told:
		return r.receipt, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-told: // the context may have ended before the message was accepted
		return r.receipt, r.err
	default:
		return nowhere, undecided(message, ctx)
	}
}

func undecided(message Outgoing, ctx context.Context) error {
	return fmt.Errorf("produce to topic %q, which may still succeed: %w", message.Topic, ctx.Err())
}

// Enqueue accepts a message and returns; done gets its result, exactly once. It
// waits while the producer holds as much as it may; when the context ends
// before there is room, done gets the context's error, and the message is not
// sent. Later the context has no effect.
//
// done is called on a goroutine of the producer's that all results pass, or on
// the caller's when the message can't be accepted. It must be quick, and must
// not call the producer, but Resume.
func (p *Producer) Enqueue(ctx context.Context, message Outgoing, done func(Receipt, error)) {
	if done == nil {
		panic("worker: Producer.Enqueue without a function for the result")
	}
	p.accept(ctx, message, true, done)
}

// Resume lets messages go again that have the topic and key (with
// PartitionManual: partition) of the given one, after one of them has failed
// with StopOnError. Call it once whoever enqueues them is ready to begin again
// with the one that failed.
func (p *Producer) Resume(message Outgoing) { p.lanes.resume(p.laneOf(message)) }

// accept takes responsibility for the message: from here on done is called.
func (p *Producer) accept(ctx context.Context, message Outgoing, stops bool, done func(Receipt, error)) {
	sent, err := p.newSending(ctx, message, done)
	if err == nil {
		sent.stops = stops
		err = p.backlog.enter(ctx, sent)
	}
	if err != nil {
		p.metrics.of(message.Topic).failed.Inc()
		done(nowhere, p.lanes.refused(p.laneOf(message), stops, produceError(message.Topic, err)))
		return
	}
	p.metrics.of(message.Topic).inFlight.Inc()
	now, err := p.lanes.admit(sent)
	switch {
	case err != nil:
		p.settle(sent, err)
	case now:
		p.queue <- sent // has room for all that are in the backlog
	}
}

// settle tells the result.
func (p *Producer) settle(s *sending, err error) {
	p.metrics.settled(s, err)
	if err != nil {
		s.done(nowhere, err)
	} else {
		s.done(Receipt{Partition: s.record.Partition, Offset: s.record.Offset}, nil)
	}
	p.backlog.leave(s)
}

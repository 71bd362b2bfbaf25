// Package replay produces messages at the rate of a measured curve, faster
// than it was measured, and counts what the brokers acknowledged.
package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	// tick is how often due messages are produced: at 1,000 messages/s 20 at
	// a time.
	tick = 20 * time.Millisecond
	// retries with backoff keep a message for about half a minute.
	retries         = 60
	retryBackoff    = 100 * time.Millisecond
	retryMaxBackoff = 500 * time.Millisecond

	defaultKeys       = 10_000
	defaultValueBytes = 100
)

// Options say what to produce, where to and how fast.
type Options struct {
	// BootstrapServers are the brokers to start from, host:port each.
	BootstrapServers []string
	// Topic must exist. Its partitions get even shares, by key.
	Topic string
	// Curve is the rate over time; TwoDays is one.
	Curve Curve
	// SpeedUp is how many seconds of the curve pass in one second: 600 makes
	// five minutes half a second, and two days 288 s. Default 1.
	SpeedUp float64
	// Scale is how many messages a second are produced where the curve's
	// value is 1, whatever the speed-up. Default 1.
	Scale float64
	// Keys is the number of distinct keys, used in turn. Default 10,000.
	Keys int
	// ValueBytes is the size of a message's value. Default 100.
	ValueBytes int
}

func (o Options) withDefaults() (Options, error) {
	if err := o.Curve.validate(); err != nil {
		return o, err
	}
	if o.SpeedUp == 0 {
		o.SpeedUp = 1
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	if o.Keys == 0 {
		o.Keys = defaultKeys
	}
	if o.ValueBytes == 0 {
		o.ValueBytes = defaultValueBytes
	}
	if o.SpeedUp < 0 || o.Scale < 0 || o.Keys < 0 || o.ValueBytes < 0 {
		return o, errors.New("speed-up, scale, keys and value size can't be negative")
	}
	return o, nil
}

// Total is how many messages the whole curve amounts to.
func (o Options) Total() int64 {
	return o.due(time.Duration(float64(o.Curve.Length()) / o.SpeedUp))
}

// due is how many messages belong to the time elapsed since the start.
func (o Options) due(elapsed time.Duration) int64 {
	return int64(math.Round(o.Curve.Area(o.onCurve(elapsed)) / o.SpeedUp * o.Scale))
}

func (o Options) onCurve(elapsed time.Duration) time.Duration {
	return time.Duration(float64(elapsed) * o.SpeedUp)
}

// Progress is how far a replay has come.
type Progress struct {
	// Elapsed is the time since the start, OnCurve where on the curve that is.
	Elapsed, OnCurve time.Duration
	// Rate is what is asked for now, in messages a second.
	Rate float64
	// Sent counts messages handed to the producer, Acknowledged those that the
	// brokers have, Failed those that were given up.
	Sent, Acknowledged, Failed int64
	// Partitions is Acknowledged by partition.
	Partitions map[int32]int64
}

// Replay is one run of a curve.
type Replay struct {
	options Options

	mutex    sync.Mutex
	started  time.Time
	ended    time.Time
	progress Progress
	failure  error
}

// New checks the options.
func New(options Options) (*Replay, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return &Replay{options: options, progress: Progress{Partitions: make(map[int32]int64)}}, nil
}

// Total is how many messages the whole curve amounts to.
func (r *Replay) Total() int64 { return r.options.Total() }

// Progress may be asked at any time, also during and after Run.
func (r *Replay) Progress() Progress {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	now := r.progress
	now.Partitions = make(map[int32]int64, len(r.progress.Partitions))
	for partition, count := range r.progress.Partitions {
		now.Partitions[partition] = count
	}
	switch {
	case r.started.IsZero():
		return now
	case r.ended.IsZero():
		now.Elapsed = time.Since(r.started)
	default:
		now.Elapsed = r.ended.Sub(r.started)
	}
	now.OnCurve = r.options.onCurve(now.Elapsed)
	now.Rate = r.options.Curve.Value(now.OnCurve) * r.options.Scale
	return now
}

// Run produces the curve once. It returns when every message is acknowledged
// or given up. The error is the context's if that ended first, and it says how
// many messages failed if any did: the brokers may have those or not.
func (r *Replay) Run(ctx context.Context) error {
	producer, err := sarama.NewAsyncProducer(r.options.BootstrapServers, producerConfig())
	if err != nil {
		return fmt.Errorf("connect producer to %q: %w", r.options.BootstrapServers, err)
	}
	var results sync.WaitGroup
	results.Go(func() { r.countAcknowledged(producer.Successes()) })
	results.Go(func() { r.countFailed(producer.Errors()) })
	r.start()
	err = r.produce(ctx, producer.Input())
	producer.AsyncClose()
	results.Wait()
	return errors.Join(err, r.finish())
}

func producerConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = "lagrange-replay"
	config.Version = sarama.V3_6_0_0
	config.Metadata.Full = false
	config.Metadata.AllowAutoTopicCreation = false
	config.Net.MaxOpenRequests = 1 // what idempotence needs
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Retry.Max = retries
	config.Producer.Retry.BackoffFunc = sarama.NewExponentialBackoff(retryBackoff, retryMaxBackoff)
	config.Producer.Return.Successes = true
	config.Producer.Return.Errors = true
	return config
}

// produce hands each message over when it is due. The whole curve amounts to
// the same number of messages however late the ticks come.
func (r *Replay) produce(ctx context.Context, input chan<- *sarama.ProducerMessage) error {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	total := r.Total()
	for sent := int64(0); sent < total; {
		for due := min(r.options.due(time.Since(r.started)), total); sent < due; sent++ {
			select {
			case input <- r.message(sent):
				r.add(func(p *Progress) { p.Sent++ })
			case <-ctx.Done():
				return fmt.Errorf("replay stopped after %d of %d messages: %w", sent, total, ctx.Err())
			}
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return fmt.Errorf("replay stopped after %d of %d messages: %w", sent, total, ctx.Err())
		}
	}
	return nil
}

func (r *Replay) message(number int64) *sarama.ProducerMessage {
	value := make([]byte, 0, r.options.ValueBytes)
	value = strconv.AppendInt(value, number, 10)
	for len(value) < r.options.ValueBytes {
		value = append(value, '.')
	}
	return &sarama.ProducerMessage{
		Topic: r.options.Topic,
		Key:   sarama.StringEncoder("key-" + strconv.FormatInt(number%int64(r.options.Keys), 10)),
		Value: sarama.ByteEncoder(value),
	}
}

func (r *Replay) countAcknowledged(acknowledged <-chan *sarama.ProducerMessage) {
	for message := range acknowledged {
		r.add(func(p *Progress) {
			p.Acknowledged++
			p.Partitions[message.Partition]++
		})
	}
}

func (r *Replay) countFailed(failed <-chan *sarama.ProducerError) {
	for failure := range failed {
		r.add(func(p *Progress) {
			p.Failed++
			r.failure = failure.Err
		})
	}
}

func (r *Replay) add(change func(*Progress)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	change(&r.progress)
}

func (r *Replay) start() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.started = time.Now()
}

func (r *Replay) finish() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.ended = time.Now()
	if r.progress.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%d messages were not acknowledged, the last one because of: %w", r.progress.Failed, r.failure)
}

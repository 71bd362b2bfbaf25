package worker

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// Defaults of the fields of ProducerSettings that may be left zero.
const (
	// DefaultRetryBudget is what Java's delivery.timeout.ms is. A new leader is
	// elected within some 10 s of a broker's death.
	DefaultRetryBudget = 2 * time.Minute
	// DefaultRequestTimeout is a third of Java's, so that a broker that has gone
	// silent costs 15 s and not 35. A broker that answers too late costs
	// nothing but a repeat that it recognizes.
	DefaultRequestTimeout = 10 * time.Second
	// DefaultMaxMessageBytes fits a topic's usual limit of 1,048,588.
	DefaultMaxMessageBytes = 1 << 20
	// DefaultProducerMaxInFlight and DefaultProducerMaxInFlightBytes bound what
	// a producer holds; the bytes are Java's buffer.memory.
	DefaultProducerMaxInFlight      = 10_000
	DefaultProducerMaxInFlightBytes = 32 << 20
)

// ProducerSettings are how messages are produced. With the zero value a message
// that was acknowledged is in the log once, behind all that went to its
// partition before it, and survives the loss of brokers as far as the topic's
// replication factor and min.insync.replicas let it.
type ProducerSettings struct {
	// Acks defaults to AcksAll.
	Acks Acks
	// NotIdempotent lets a retry append a message twice. Default false: the
	// broker drops what it has already. Idempotence needs AcksAll, and sends one
	// request to a broker at a time, where there would be five: while it is on
	// its way the next batches grow.
	NotIdempotent bool
	// RetryBudget is for how long a message is tried at least, while brokers
	// answer with errors that may pass or a partition has no leader. Brokers
	// that don't answer at all are tried as often, and each time for
	// RequestTimeout and 5 s. A caller who can't wait has a context; the
	// message is then tried on all the same. Default DefaultRetryBudget.
	RetryBudget time.Duration
	// RequestTimeout is how long the leader waits for the other replicas. The
	// producer waits 5 s longer for the leader, so that the leader's answer is
	// always the first to end a request. Default DefaultRequestTimeout.
	RequestTimeout time.Duration
	// StopOnError keeps the order of a key where a message fails: messages of
	// the same topic and key (with PartitionManual: partition) that were
	// enqueued after it fail as well, with a KeyStoppedError, until
	// Producer.Resume. Without it they are sent, and the failed message, sent
	// again, comes after them. It costs speed: one message of a key is on its
	// way at a time. Messages without a key have no order to keep.
	StopOnError bool

	// Partitioner defaults to HashMurmur2, which is what Java clients use. All
	// producers of a topic must use the same.
	Partitioner Partitioner
	// Compression defaults to CompressionNone.
	Compression Compression
	// CompressionLevel is 1 to 9 for gzip and 1 to 22 for zstd. Default: the
	// codec's own.
	CompressionLevel int
	// Linger is how long a batch waits to become larger. 0, the default, sends
	// whatever is there as soon as the broker has answered the request before.
	Linger time.Duration
	// BatchMessages and BatchBytes send a request before Linger is over, for
	// all partitions of a broker together. 0 is no limit. They need a Linger:
	// a batch that never gets so large would never be sent.
	BatchMessages int
	BatchBytes    int
	// MaxMessageBytes is the largest message, and the largest batch for a
	// partition, both before compression. It must not be above the topic's
	// max.message.bytes, or batches of small messages are refused as a whole.
	// Default DefaultMaxMessageBytes.
	MaxMessageBytes int

	// MaxInFlight and MaxInFlightBytes bound what was accepted and has no
	// result yet; beyond that Send and Enqueue wait. A message that is larger
	// than MaxInFlightBytes goes alone. Defaults DefaultProducerMaxInFlight
	// and DefaultProducerMaxInFlightBytes (keys, values, headers).
	MaxInFlight      int
	MaxInFlightBytes int64
}

// Acks is who has a message when it counts as produced.
type Acks string

// The acknowledgements.
const (
	// AcksAll waits for all replicas that are in sync, at least the topic's
	// min.insync.replicas.
	AcksAll Acks = "all"
	// AcksLeader waits for the leader: what the others don't have yet is lost
	// with it.
	AcksLeader Acks = "leader"
	// AcksNone doesn't wait: what is lost on the way is reported as sent, and a
	// receipt has no offset.
	AcksNone Acks = "none"
)

// Compression is a codec.
type Compression string

// The codecs.
const (
	CompressionNone   Compression = "none"
	CompressionGzip   Compression = "gzip"
	CompressionSnappy Compression = "snappy"
	CompressionLZ4    Compression = "lz4"
	CompressionZstd   Compression = "zstd"
)

func (s ProducerSettings) withDefaults() ProducerSettings {
	s.Acks = cmp.Or(s.Acks, AcksAll)
	s.RetryBudget = cmp.Or(s.RetryBudget, DefaultRetryBudget)
	s.RequestTimeout = cmp.Or(s.RequestTimeout, DefaultRequestTimeout)
	s.Partitioner = cmp.Or(s.Partitioner, HashMurmur2)
	s.Compression = cmp.Or(s.Compression, CompressionNone)
	s.MaxMessageBytes = cmp.Or(s.MaxMessageBytes, DefaultMaxMessageBytes)
	s.MaxInFlight = cmp.Or(s.MaxInFlight, DefaultProducerMaxInFlight)
	s.MaxInFlightBytes = cmp.Or(s.MaxInFlightBytes, DefaultProducerMaxInFlightBytes)
	return s
}

// Validate says what no broker or client would accept or what could not keep
// its promise, all of it at once, each with the field that is wrong.
func (s ProducerSettings) Validate() error {
	return errors.Join(
		choice("producer acks", s.Acks, AcksAll, AcksLeader, AcksNone),
		choice("producer partitioner", s.Partitioner,
			HashMurmur2, HashFNV1a, HashCRC32, PartitionManual, PartitionRandom, PartitionRoundRobin),
		choice("producer compression", s.Compression,
			CompressionNone, CompressionGzip, CompressionSnappy, CompressionLZ4, CompressionZstd),
		notNegative("producer retryBudget", s.RetryBudget),
		notNegative("producer requestTimeout", s.RequestTimeout),
		notNegative("producer linger", s.Linger),
		notNegative("producer batchMessages", s.BatchMessages),
		notNegative("producer batchBytes", s.BatchBytes),
		notNegative("producer maxMessageBytes", s.MaxMessageBytes),
		notNegative("producer maxInFlight", s.MaxInFlight),
		notNegative("producer maxInFlightBytes", s.MaxInFlightBytes),
		s.idempotenceProblem(),
		s.stopProblem(),
		s.batchProblem(),
		s.sizeProblem(),
		s.levelProblem(),
	)
}

func (s ProducerSettings) idempotenceProblem() error {
	if s.NotIdempotent || s.Acks != AcksLeader && s.Acks != AcksNone {
		return nil
	}
	return fmt.Errorf("producer acks %q: idempotence needs acks %q; to go without, set idempotence to false (in Go NotIdempotent to true)", s.Acks, AcksAll)
}

func (s ProducerSettings) stopProblem() error {
	switch {
	case !s.StopOnError:
		return nil
	case s.Acks == AcksNone:
		return fmt.Errorf("producer stopOnError: with acks %q no failure is known", AcksNone)
	case s.Partitioner == PartitionRandom, s.Partitioner == PartitionRoundRobin:
		return fmt.Errorf("producer stopOnError: partitioner %q keeps no order of keys", s.Partitioner)
	}
	return nil
}

func (s ProducerSettings) batchProblem() error {
	if s.Linger > 0 || s.BatchMessages == 0 && s.BatchBytes == 0 {
		return nil
	}
	return errors.New("producer batchMessages and batchBytes need a linger: a batch that stays smaller would never be sent")
}

func (s ProducerSettings) sizeProblem() error {
	if s.MaxMessageBytes < int(sarama.MaxRequestSize) {
		return nil
	}
	return fmt.Errorf("producer maxMessageBytes %d does not fit a request of %d bytes", s.MaxMessageBytes, sarama.MaxRequestSize)
}

// highestLevel of the codecs that have levels.
var highestLevel = map[Compression]int{CompressionGzip: 9, CompressionZstd: 22}

func (s ProducerSettings) levelProblem() error {
	highest, has := highestLevel[s.Compression]
	switch {
	case s.CompressionLevel == 0:
		return nil
	case !has:
		return fmt.Errorf("producer compressionLevel %d: compression %q has no levels", s.CompressionLevel, s.withDefaults().Compression)
	case s.CompressionLevel < 1 || s.CompressionLevel > highest:
		return fmt.Errorf("producer compressionLevel %d of %q is not in 1 to %d", s.CompressionLevel, s.Compression, highest)
	}
	return nil
}

package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// Config is what Run needs to know. Load fills it from the operator's file and
// the environment; every field may be set in Go as well.
type Config struct {
	// BootstrapServers are the brokers to start from, host:port each. Required.
	BootstrapServers []string
	// TLS and SASL are how to connect; nil for plain text and for no
	// authentication. They name files, which are read again for each connection
	// that is opened: their content may change while Run runs.
	TLS  *workerconfig.TLS
	SASL *workerconfig.SASL
	// KafkaVersion is the newest protocol version to speak; with an older
	// broker less is spoken by itself. Default DefaultKafkaVersion.
	KafkaVersion string
	// ClientID is what this member calls itself. Default: the host's name,
	// which in a pod is the pod's name.
	ClientID string
	// GroupID is the consumer group to join. Required.
	GroupID string
	// InstanceID makes the member a static one (KIP-345): it does not leave the
	// group when it stops, and gets its partitions back when it returns within
	// SessionTimeout under the same id. Only for names that are stable, as a
	// StatefulSet's pods have: two members of one id throw each other out, and
	// a Deployment's pods never come back. Default: none.
	InstanceID string
	// Topics are the topics to subscribe to. Required, unless there is a
	// TopicPattern.
	Topics []string
	// TopicPattern is a regular expression (RE2) that matches the whole names of
	// the topics to subscribe to, instead of Topics. Internal topics and names
	// that begin with "__" are left out. New topics are looked for as often as
	// MetadataRefresh says.
	TopicPattern string
	// IsolationLevel defaults to ReadUncommitted.
	IsolationLevel IsolationLevel

	// InitialOffset defaults to Earliest, which never skips a message.
	InitialOffset InitialOffset
	// OnOutOfRange is where a partition goes on whose committed offset is not in
	// its log: below the log start, when messages were deleted before they were
	// read, or above the log end, when the topic was created again or data was
	// lost. Default RangeEarliest, which handles all that there is.
	OnOutOfRange OutOfRange
	// MaxMessageAge passes over messages older than that, by their timestamp: a
	// claim opens at the first message that is young enough, and one that is
	// too old when it is fetched is not handed in. Both are counted. 0, the
	// default, passes over none.
	MaxMessageAge time.Duration
	// StartAt may move where a partition opens, after all of the above. Nil
	// moves none.
	StartAt StartHook `json:"-"`

	// Assignment defaults to Range.
	Assignment Assignment
	// Strategy is an assignment of one's own, instead of Assignment. It is used
	// once all members offer it, by its name; until then the group is assigned
	// by one that all of them know. A value may keep state, so each Run needs
	// its own.
	Strategy sarama.BalanceStrategy `json:"-"`
	// OnAssigned is told of partitions that this member was given, with where
	// they open, before their first message is handed in; OnRevoked of those
	// that it gives up, after their last message and commit. Both hold up the
	// rebalance while they run. OnAssigned's context ends after three quarters of
	// RebalanceTimeout; with a cooperative assignment it ends, for partitions that
	// come later, half of SessionTimeout after the assignment, as they hold up the
	// heartbeats. OnRevoked's ends five sixths of RebalanceTimeout after the
	// partitions had to be given up, which the messages in hand have a share of;
	// when the process ends, GracePeriod and 2.5 s after that where this is
	// sooner. It has 1 s at least. A panic in one of them is logged, and counts
	// as a consumer error.
	OnAssigned func(ctx context.Context, partitions []Assigned) `json:"-"`
	OnRevoked  func(ctx context.Context, partitions []Revoked)  `json:"-"`

	// Ordering is which messages go one after another. Default OrderByPartition.
	Ordering Ordering
	// Concurrency is how many messages are in the handler at the same time, in
	// the whole process. Default: with OrderByPartition one for each partition,
	// else DefaultConcurrency.
	Concurrency int
	// MaxInFlight and MaxInFlightBytes bound what is taken from Kafka and not
	// yet committable: waiting, in hand, to be tried again, or finished behind
	// one that is not. A partition gets at most half of what the others leave,
	// or twice Concurrency (two batches) where that is more and within the limit,
	// so that one which is stuck never stops the others; fetching of one that
	// has its share is paused. They also bound what a crash repeats. What was
	// fetched already comes on top in memory, and is not handled before there is
	// room: at most two fetches of 256 KiB a partition, or two record batches
	// where those are larger.
	// Defaults DefaultMaxInFlight and DefaultMaxInFlightBytes (keys, values and headers).
	MaxInFlight      int
	MaxInFlightBytes int64
	// Batch is for RunBatches.
	Batch Batch

	// Transaction is for RunTransactions.
	Transaction Transaction

	// DedupNamespace is the namespace of handled messages that the operator gives
	// the workers, for dedup.Store: spec.consumer.dedup.namespace of the
	// KafkaConsumerGroup, and another one after an offset reset that asked for a
	// new one. Run itself does nothing with it. Default: none.
	DedupNamespace string `json:",omitempty"`

	// Retry is how a message is tried again whose handler failed.
	Retry Retry
	// DeadLetter is where a message goes that has failed Retry.Attempts times,
	// or with a Permanent error. Nil stops Run at such a message, with a
	// HandlerError.
	DeadLetter *DeadLetter
	// MaxProcessingTime is the deadline of one call of the handler. Default
	// DefaultMaxProcessingTime.
	MaxProcessingTime time.Duration
	// StuckAfter is how long one call of the handler may take, deadline or not,
	// until /healthz fails so that the pod is restarted. It must not be below
	// MaxProcessingTime. Default: three times
	// MaxProcessingTime, at least DefaultStuckAfter.
	StuckAfter time.Duration

	// CommitInterval is the time between commits while a claim runs; the end
	// of a claim commits by itself. Default DefaultCommitInterval.
	CommitInterval time.Duration
	// SessionTimeout is how long the group keeps a member that has gone silent.
	// Brokers accept 6 s to 30 min by default; with another one Run ends. Default DefaultSessionTimeout.
	SessionTimeout time.Duration
	// HeartbeatInterval must be shorter than SessionTimeout. Default
	// DefaultHeartbeatInterval.
	HeartbeatInterval time.Duration
	// RebalanceTimeout is how long the group waits for its members in a
	// rebalance. The messages in hand may use three quarters of it, then their
	// context ends, also before MaxProcessingTime; those that ignore it are abandoned soon after. Default:
	// MaxProcessingTime plus 30 s, or four thirds of it where that is more, so
	// that a message may always use its whole time.
	RebalanceTimeout time.Duration
	// GracePeriod is how long the messages in hand may take once the context
	// of Run is done. Committing and leaving come on top, at most 5 s. Default
	// DefaultGracePeriod, which fits a pod's usual 30 s, or MaxProcessingTime
	// where that is longer, so that a message may always use its whole time.
	GracePeriod time.Duration
	// MetadataRefresh is how soon partitions that were added to a topic are
	// noticed, and topics that match TopicPattern. Default DefaultMetadataRefresh.
	MetadataRefresh time.Duration

	// Producer is how dead letters and a transaction's messages are produced,
	// and what NewProducer takes. Its zero value is lossless.
	Producer ProducerSettings
	// ProducerPolicy is the KafkaProducerPolicy that Load took Producer from. It
	// sets nothing by itself: it is there to report by. Default: none.
	ProducerPolicy ProducerPolicy `json:"-"`
	// Propagator carries trace context from a message's headers into the
	// handler's context, and from a context into what is produced under it.
	// Default: W3C trace context and baggage.
	Propagator propagation.TextMapPropagator `json:"-"`
	// ListenAddress serves /healthz, /readyz, /metrics and /producer. Empty serves
	// none.
	ListenAddress string
	// Logger defaults to JSON lines on standard error.
	Logger *slog.Logger `json:"-"`
	// Registry receives the metrics while Run runs, and is what /metrics serves.
	// Two of the same at one time need a registry each.
	// Default: a new one with the Go runtime's and the process's metrics.
	Registry *prometheus.Registry `json:"-"`
}

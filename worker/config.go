package worker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// Defaults of the fields of Config that may be left zero.
const (
	DefaultKafkaVersion      = "3.6.0"
	DefaultMaxProcessingTime = 10 * time.Second
	DefaultCommitInterval    = time.Second
	DefaultGracePeriod       = 20 * time.Second
	DefaultMetadataRefresh   = 30 * time.Second
	DefaultSessionTimeout    = 10 * time.Second
	// DefaultHeartbeatInterval is shorter than the usual third of the session
	// timeout: a member learns of a rebalance by its heartbeat, and those that
	// know already wait for it. In a group that is scaled, that is often.
	DefaultHeartbeatInterval = time.Second
	// rebalanceReserve is what the default rebalance timeout grants on top of
	// the longest message: to commit, and to join again.
	rebalanceReserve = 30 * time.Second
)

// InitialOffset is where a partition starts when no partition of its topic has
// a committed offset.
type InitialOffset string

// The initial offsets.
const (
	// Earliest starts at the log start.
	Earliest InitialOffset = "earliest"
	// Latest starts at the log end of the moment in which the partition is
	// first opened, which is committed before anything is read.
	Latest InitialOffset = "latest"
)

// Assignment is how the partitions are divided among the group's members.
type Assignment string

// The assignments.
const (
	Range      Assignment = "range"
	RoundRobin Assignment = "roundRobin"
	Sticky     Assignment = "sticky"
)

// IsolationLevel is which messages of transactions are handled.
type IsolationLevel string

// The isolation levels.
const (
	// ReadUncommitted handles all messages, also those of transactions that are
	// open or were aborted.
	ReadUncommitted IsolationLevel = "read_uncommitted"
	// ReadCommitted handles those of committed transactions, and waits behind
	// one that is open.
	ReadCommitted IsolationLevel = "read_committed"
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
	// Assignment defaults to Range.
	Assignment Assignment
	// MaxProcessingTime is the deadline of one call of the handler. Default
	// DefaultMaxProcessingTime.
	MaxProcessingTime time.Duration
	// CommitInterval is the time between commits while a claim runs; the end
	// of a claim commits by itself. Default DefaultCommitInterval.
	CommitInterval time.Duration
	// SessionTimeout is how long the group keeps a member that has gone silent.
	// Default DefaultSessionTimeout.
	SessionTimeout time.Duration
	// HeartbeatInterval must be shorter than SessionTimeout. Default
	// DefaultHeartbeatInterval.
	HeartbeatInterval time.Duration
	// RebalanceTimeout is how long the group waits for its members in a
	// rebalance. The message in hand may use three quarters of it, then its
	// context ends. Default: MaxProcessingTime plus 30 s, so that a message
	// may always use its whole time.
	RebalanceTimeout time.Duration
	// GracePeriod is how long the message in hand may take once the context
	// of Run is done. Committing and leaving come on top, at most 5 s. Default
	// DefaultGracePeriod, which fits a pod's usual 30 s, or MaxProcessingTime
	// where that is longer, so that a message may always use its whole time.
	GracePeriod time.Duration
	// MetadataRefresh is how soon partitions that were added to a topic are
	// noticed, and topics that match TopicPattern. Default DefaultMetadataRefresh.
	MetadataRefresh time.Duration
	// ListenAddress serves /healthz, /readyz and /metrics. Empty serves none.
	ListenAddress string
	// Logger defaults to JSON lines on standard error.
	Logger *slog.Logger
	// Registry receives the metrics while Run runs, and is what /metrics serves.
	// Default: a new one with the Go runtime's and the process's metrics.
	Registry *prometheus.Registry
}

// Validate says what is missing or not understood, all of it at once. Zero
// fields that have a default are valid.
func (c Config) Validate() error {
	errs := []error{
		required(len(c.BootstrapServers) > 0, "bootstrap servers"),
		required(c.GroupID != "", "group id"),
		c.topicsProblem(),
		oneOf("isolation level", c.IsolationLevel, "", ReadUncommitted, ReadCommitted),
		oneOf("initial offset", c.InitialOffset, "", Earliest, Latest),
		oneOf("assignment", c.Assignment, "", Range, RoundRobin, Sticky),
		notNegative("maximum processing time", c.MaxProcessingTime),
		notNegative("commit interval", c.CommitInterval),
		notNegative("session timeout", c.SessionTimeout),
		notNegative("heartbeat interval", c.HeartbeatInterval),
		notNegative("rebalance timeout", c.RebalanceTimeout),
		notNegative("grace period", c.GracePeriod),
		notNegative("metadata refresh interval", c.MetadataRefresh),
	}
	if c.KafkaVersion != "" {
		_, err := parseVersion(c.KafkaVersion)
		errs = append(errs, err)
	}
	errs = append(errs, tlsProblems(c.TLS)...)
	errs = append(errs, saslProblems(c.SASL)...)
	return errors.Join(errs...)
}

func required(present bool, what string) error {
	if present {
		return nil
	}
	return fmt.Errorf("no %s given", what)
}

func oneOf[T ~string](what string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s %q is not one of %q", what, value, allowed[1:])
}

func notNegative(what string, value time.Duration) error {
	if value >= 0 {
		return nil
	}
	return fmt.Errorf("%s %s is negative", what, value)
}

func parseVersion(text string) (sarama.KafkaVersion, error) {
	version, err := sarama.ParseKafkaVersion(text)
	if err != nil {
		return version, fmt.Errorf("read Kafka version %q: %w", text, err)
	}
	if !version.IsAtLeast(sarama.V2_1_0_0) {
		return version, fmt.Errorf("kafka version %q is older than 2.1.0", text)
	}
	return version, nil
}

func (c Config) withDefaults() (Config, error) {
	c.KafkaVersion = cmp.Or(c.KafkaVersion, DefaultKafkaVersion)
	c.InitialOffset = cmp.Or(c.InitialOffset, Earliest)
	c.Assignment = cmp.Or(c.Assignment, Range)
	c.IsolationLevel = cmp.Or(c.IsolationLevel, ReadUncommitted)
	c.MaxProcessingTime = cmp.Or(c.MaxProcessingTime, DefaultMaxProcessingTime)
	c.CommitInterval = cmp.Or(c.CommitInterval, DefaultCommitInterval)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, DefaultSessionTimeout)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, DefaultHeartbeatInterval)
	c.RebalanceTimeout = cmp.Or(c.RebalanceTimeout, c.MaxProcessingTime+rebalanceReserve)
	c.GracePeriod = cmp.Or(c.GracePeriod, max(DefaultGracePeriod, c.MaxProcessingTime))
	c.MetadataRefresh = cmp.Or(c.MetadataRefresh, DefaultMetadataRefresh)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	c.Registry = cmp.Or(c.Registry, newRegistry())
	if c.ClientID != "" {
		return c, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return c, fmt.Errorf("read the host's name for the client id: %w", err)
	}
	c.ClientID = host
	return c, nil
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// drainTimeout is how long the message in hand may take once the session is
// over: shorter than the rebalance timeout, so that its commit is still taken.
func (c Config) drainTimeout() time.Duration { return c.RebalanceTimeout * 3 / 4 }

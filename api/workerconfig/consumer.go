package workerconfig

import "time"

// Consumer is how the worker consumes. Only the fields without omitempty are
// always there; an absent one means its default, which its comment names.
type Consumer struct {
	// InitialOffset is "earliest" or "latest": where a partition starts when
	// no partition of its topic has a commit.
	InitialOffset string `json:"initialOffset"`
	// OnOutOfRange is "latest" or "fail", absent for "earliest": where a
	// partition goes on whose committed offset is not in its log.
	OnOutOfRange string `json:"onOutOfRange,omitempty"`
	// MaxMessageAge drops messages that are older by their timestamp; absent
	// drops none.
	MaxMessageAge Duration `json:"maxMessageAge,omitempty"`
	// IsolationLevel is "read_committed", absent for "read_uncommitted".
	IsolationLevel string `json:"isolationLevel,omitempty"`
	// Assignment is "range", "roundRobin", "sticky", "stable",
	// "stableConsistent" or "cooperativeSticky".
	Assignment string `json:"assignment"`
	// MaxProcessingTime is how long handling one message may take, as a Go
	// duration string such as "1s".
	MaxProcessingTime Duration `json:"maxProcessingTime"`
	// SessionTimeout is how long the group keeps a member that has gone silent;
	// absent for DefaultSessionTimeout.
	SessionTimeout Duration `json:"sessionTimeout,omitempty"`
	// HeartbeatInterval is absent for DefaultHeartbeatInterval.
	HeartbeatInterval Duration `json:"heartbeatInterval,omitempty"`
	// RebalanceTimeout is how long the group waits for a member in a rebalance;
	// absent for DefaultRebalanceTimeout.
	RebalanceTimeout Duration `json:"rebalanceTimeout,omitempty"`
	// Commit is how handled messages are committed.
	Commit Commit `json:"commit,omitzero"`
	// Ordering is "key" or "none", absent for "partition": which messages are
	// handled one after another.
	Ordering string `json:"ordering,omitempty"`
	// Concurrency is how many messages are handled at the same time; absent for
	// one a partition with ordering "partition", else for DefaultConcurrency.
	Concurrency int `json:"concurrency,omitempty"`
	// InFlight bounds what is taken and not yet committed.
	InFlight InFlight `json:"inFlight,omitzero"`
	// Retry is how a message is tried again whose handler failed.
	Retry Retry `json:"retry,omitzero"`
	// DeadLetter is where a message goes that can't be handled; absent stops
	// the worker at it.
	DeadLetter *DeadLetter `json:"deadLetter,omitempty"`
	// Dedup is how the worker tells messages that it has handled before; absent
	// leaves that to the program.
	Dedup *Dedup `json:"dedup,omitempty"`
}

// Commit is how handled messages are committed.
type Commit struct {
	// Interval is the time between commits; absent for DefaultCommitInterval.
	Interval Duration `json:"interval,omitempty"`
}

// InFlight bounds what is taken and not yet committed.
type InFlight struct {
	// Messages is absent for DefaultInFlightMessages.
	Messages int `json:"messages,omitempty"`
	// Bytes of keys and values; absent for DefaultInFlightBytes.
	Bytes int64 `json:"bytes,omitempty"`
}

// Retry is how a message is tried again whose handler failed.
type Retry struct {
	// Attempts is how often, the first time included; absent for without end.
	Attempts int `json:"attempts,omitempty"`
	// InitialBackoff is the pause after the first failure, and doubles with each;
	// absent for DefaultInitialBackoff.
	InitialBackoff Duration `json:"initialBackoff,omitempty"`
	// MaxBackoff is the longest pause; absent for DefaultMaxBackoff, or for
	// InitialBackoff where that is longer.
	MaxBackoff Duration `json:"maxBackoff,omitempty"`
	// JitterPercent is by how much a pause is longer or shorter, at random; 0 is
	// none, and absent is DefaultJitterPercent.
	JitterPercent *int `json:"jitterPercent,omitempty"`
}

// DeadLetter is where a message goes that can't be handled.
type DeadLetter struct {
	Topic string `json:"topic"`
}

// Dedup is how the worker tells messages that it has handled before.
type Dedup struct {
	// Namespace is within which ids of messages are unique: that of the
	// KafkaConsumerGroup, with "/2" and so on after offset resets that start a new one.
	Namespace string `json:"namespace"`
}

// What an absent field means.
const (
	DefaultOnOutOfRange      = "earliest"
	DefaultIsolationLevel    = "read_uncommitted"
	DefaultSessionTimeout    = Duration(10 * time.Second)
	DefaultHeartbeatInterval = Duration(time.Second)
	DefaultCommitInterval    = Duration(time.Second)
	DefaultOrdering          = "partition"
	DefaultConcurrency       = 16
	DefaultInFlightMessages  = 10_000
	DefaultInFlightBytes     = 64 << 20
	DefaultInitialBackoff    = Duration(100 * time.Millisecond)
	DefaultMaxBackoff        = Duration(30 * time.Second)
	DefaultJitterPercent     = 20
	// rebalanceReserve is for committing and joining again.
	rebalanceReserve = Duration(30 * time.Second)
)

// DefaultRebalanceTimeout is 30 s longer than the longest message takes, and long
// enough that three quarters of it, which messages in hand may use, are as long.
func DefaultRebalanceTimeout(maxProcessingTime Duration) Duration {
	return max(maxProcessingTime+rebalanceReserve, maxProcessingTime*4/3)
}

// WithoutDefaults leaves out what has its default value. So a file says the
// same as one written before there was the field, and no worker is rolled for a
// default that is written down, or that a new version of the operator knows of.
func (c Consumer) WithoutDefaults() Consumer {
	c.OnOutOfRange = unless(c.OnOutOfRange, DefaultOnOutOfRange)
	c.IsolationLevel = unless(c.IsolationLevel, DefaultIsolationLevel)
	c.SessionTimeout = unless(c.SessionTimeout, DefaultSessionTimeout)
	c.HeartbeatInterval = unless(c.HeartbeatInterval, DefaultHeartbeatInterval)
	c.RebalanceTimeout = unless(c.RebalanceTimeout, DefaultRebalanceTimeout(c.MaxProcessingTime))
	c.Commit.Interval = unless(c.Commit.Interval, DefaultCommitInterval)
	if c.Ordering = unless(c.Ordering, DefaultOrdering); c.Ordering != "" {
		c.Concurrency = unless(c.Concurrency, DefaultConcurrency)
	}
	c.InFlight.Messages = unless(c.InFlight.Messages, DefaultInFlightMessages)
	c.InFlight.Bytes = unless(c.InFlight.Bytes, DefaultInFlightBytes)
	c.Retry = c.Retry.withoutDefaults()
	return c
}

func (r Retry) withoutDefaults() Retry {
	r.InitialBackoff = unless(r.InitialBackoff, DefaultInitialBackoff)
	r.MaxBackoff = unless(r.MaxBackoff, max(DefaultMaxBackoff, r.InitialBackoff))
	if r.JitterPercent != nil && *r.JitterPercent == DefaultJitterPercent {
		r.JitterPercent = nil
	}
	return r
}

// unless is the value, or none when it is the default.
func unless[T comparable](value, otherwise T) T {
	var none T
	if value == otherwise {
		return none
	}
	return value
}

package worker

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/propagation"
)

// Defaults of the fields of Config that may be left zero.
const (
	DefaultKafkaVersion      = "3.6.0"
	DefaultMaxProcessingTime = 10 * time.Second
	DefaultCommitInterval    = time.Second
	DefaultGracePeriod       = 20 * time.Second
	DefaultMetadataRefresh   = 30 * time.Second
	DefaultSessionTimeout    = 10 * time.Second
	DefaultConcurrency       = 16
	DefaultMaxInFlight       = 10_000
	DefaultMaxInFlightBytes  = 64 << 20
	DefaultBatchMessages     = 500
	DefaultInitialBackoff    = 100 * time.Millisecond
	DefaultMaxBackoff        = 30 * time.Second
	DefaultJitterPercent     = 20
	DefaultStuckAfter        = 5 * time.Minute
	// DefaultHeartbeatInterval is shorter than the usual third of the session
	// timeout: a member learns of a rebalance by its heartbeat, and those that
	// know already wait for it. In a group that is scaled, that is often.
	DefaultHeartbeatInterval = time.Second
	// rebalanceReserve is what the default rebalance timeout grants on top of
	// the longest message: to commit, and to join again.
	rebalanceReserve = 30 * time.Second
)

func (c Config) withDefaults() (Config, error) {
	c.KafkaVersion = cmp.Or(c.KafkaVersion, DefaultKafkaVersion)
	c.InitialOffset = cmp.Or(c.InitialOffset, Earliest)
	c.Assignment = cmp.Or(c.Assignment, Range)
	c.IsolationLevel = cmp.Or(c.IsolationLevel, ReadUncommitted)
	c.MaxProcessingTime = cmp.Or(c.MaxProcessingTime, DefaultMaxProcessingTime)
	c.CommitInterval = cmp.Or(c.CommitInterval, DefaultCommitInterval)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, DefaultSessionTimeout)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, DefaultHeartbeatInterval)
	c.RebalanceTimeout = cmp.Or(c.RebalanceTimeout, max(c.MaxProcessingTime+rebalanceReserve, c.MaxProcessingTime*4/3))
	c.GracePeriod = cmp.Or(c.GracePeriod, max(DefaultGracePeriod, c.MaxProcessingTime))
	c.MetadataRefresh = cmp.Or(c.MetadataRefresh, DefaultMetadataRefresh)
	c.OnOutOfRange = cmp.Or(c.OnOutOfRange, RangeEarliest)
	c.Ordering = cmp.Or(c.Ordering, OrderByPartition)
	if c.Ordering != OrderByPartition {
		c.Concurrency = cmp.Or(c.Concurrency, DefaultConcurrency)
	}
	c.MaxInFlight = cmp.Or(c.MaxInFlight, DefaultMaxInFlight)
	c.MaxInFlightBytes = cmp.Or(c.MaxInFlightBytes, DefaultMaxInFlightBytes)
	c.Batch.MaxMessages = cmp.Or(c.Batch.MaxMessages, DefaultBatchMessages)
	c.Retry = c.Retry.withDefaults()
	c.StuckAfter = cmp.Or(c.StuckAfter, max(DefaultStuckAfter, 3*c.MaxProcessingTime))
	if c.Propagator == nil {
		c.Propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	}
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

func (r Retry) withDefaults() Retry {
	r.InitialBackoff = cmp.Or(r.InitialBackoff, DefaultInitialBackoff)
	r.MaxBackoff = cmp.Or(r.MaxBackoff, max(DefaultMaxBackoff, r.InitialBackoff))
	r.JitterPercent = cmp.Or(r.JitterPercent, DefaultJitterPercent)
	return r
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

// leastRevokeTimeout is what OnRevoked has even after a drain that took all.
const leastRevokeTimeout = time.Second

// revokeTimeout is how long OnRevoked may take after a drain that took so long.
// In a rebalance both have five sixths of the rebalance timeout, as the drain has
// by itself when handlers are abandoned; at the end of the process the grace
// period and half of what comes on top. With the defaults 33.3 s and 22.5 s.
func (c Config) revokeTimeout(drained time.Duration, processEnds bool) time.Duration {
	both := c.RebalanceTimeout * 5 / 6
	if processEnds {
		both = min(both, c.GracePeriod+leaveTimeout/2)
	}
	return max(both-drained, leastRevokeTimeout)
}

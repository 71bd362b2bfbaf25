package worker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Validate says what is missing or not understood, all of it at once. Zero
// fields that have a default are valid.
func (c Config) Validate() error {
	errs := []error{
		required(len(c.BootstrapServers) > 0, "bootstrap servers"),
		required(c.GroupID != "", "group id"),
		c.topicsProblem(),
		oneOf("isolation level", c.IsolationLevel, "", ReadUncommitted, ReadCommitted),
		oneOf("initial offset", c.InitialOffset, "", Earliest, Latest),
		oneOf("assignment", c.Assignment, "", Range, RoundRobin, Sticky, Stable, StableConsistent, CooperativeSticky),
		c.strategyProblem(),
		oneOf("choice for an offset out of range", c.OnOutOfRange, "", RangeEarliest, RangeLatest, RangeFail),
		oneOf("ordering", c.Ordering, "", OrderByPartition, OrderByKey, OrderNone),
		notNegative("maximum message age", c.MaxMessageAge),
		notNegative("concurrency", c.Concurrency),
		notNegative("maximum in flight", c.MaxInFlight),
		notNegative("maximum bytes in flight", c.MaxInFlightBytes),
		notNegative("maximum messages of a batch", c.Batch.MaxMessages),
		notNegative("maximum wait of a batch", c.Batch.MaxWait),
		notNegative("stuck limit", c.StuckAfter),
		c.Retry.problem(),
		c.deadLetterProblem(),
		c.Producer.Validate(),
		notNegative("maximum processing time", c.MaxProcessingTime),
		notNegative("commit interval", c.CommitInterval),
		notNegative("session timeout", c.SessionTimeout),
		notNegative("heartbeat interval", c.HeartbeatInterval),
		notNegative("rebalance timeout", c.RebalanceTimeout),
		notNegative("grace period", c.GracePeriod),
		notNegative("metadata refresh interval", c.MetadataRefresh),
		c.proportionProblem(),
	}
	if c.KafkaVersion != "" {
		_, err := parseVersion(c.KafkaVersion)
		errs = append(errs, err)
	}
	errs = append(errs, tlsProblems(c.TLS)...)
	errs = append(errs, saslProblems(c.SASL)...)
	return errors.Join(errs...)
}

// proportionProblem compares fields as they are with their defaults.
func (c Config) proportionProblem() error {
	session, heartbeat := cmp.Or(c.SessionTimeout, DefaultSessionTimeout), cmp.Or(c.HeartbeatInterval, DefaultHeartbeatInterval)
	most := cmp.Or(c.MaxInFlight, DefaultMaxInFlight)
	switch {
	case heartbeat >= session:
		return fmt.Errorf("heartbeat interval %s is not shorter than the session timeout %s", heartbeat, session)
	case c.Concurrency > most:
		return fmt.Errorf("concurrency %d is above the maximum in flight %d", c.Concurrency, most)
	}
	return nil
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

func notNegative[T ~int | ~int64](what string, value T) error {
	if value >= 0 {
		return nil
	}
	return fmt.Errorf("%s %v is negative", what, value)
}

func (r Retry) problem() error {
	errs := []error{
		notNegative("number of attempts", r.Attempts),
		notNegative("initial back-off", r.InitialBackoff),
		notNegative("maximum back-off", r.MaxBackoff),
	}
	if r.JitterPercent < -1 || r.JitterPercent > 100 {
		errs = append(errs, fmt.Errorf("jitter of %d per cent is not in -1 to 100", r.JitterPercent))
	}
	if r.MaxBackoff > 0 && r.InitialBackoff > r.MaxBackoff {
		errs = append(errs, fmt.Errorf("initial back-off %s is longer than the maximum %s", r.InitialBackoff, r.MaxBackoff))
	}
	return errors.Join(errs...)
}

// A dead letter that the group reads would come back as a message, and its dead
// letter again, without end.
func (c Config) deadLetterProblem() error {
	switch {
	case c.DeadLetter == nil:
		return nil
	case c.DeadLetter.Topic == "":
		return required(false, "dead letter topic")
	case slices.Contains(c.Topics, c.DeadLetter.Topic):
		return fmt.Errorf("the dead letter topic %q is one of the topics", c.DeadLetter.Topic)
	case c.TopicPattern != "" && c.patternMatches(c.DeadLetter.Topic):
		return fmt.Errorf("the topic pattern %q matches the dead letter topic %q", c.TopicPattern, c.DeadLetter.Topic)
	}
	return nil
}

func (c Config) patternMatches(topic string) bool {
	pattern, err := kafka.TopicPattern(c.TopicPattern)
	return err == nil && pattern.MatchString(topic)
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

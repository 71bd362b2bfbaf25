package worker

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// Validate says what is missing or not understood, all of it at once, each with
// the field that is wrong. Zero fields that have a default are valid.
func (c Config) Validate() error {
	return errors.Join(
		c.connectionProblem(),
		required(c.GroupID != "", "groupID"),
		c.topicsProblem(),
		choice("isolationLevel", c.IsolationLevel, ReadUncommitted, ReadCommitted),
		choice("initialOffset", c.InitialOffset, Earliest, Latest),
		choice("assignment", c.Assignment, Range, RoundRobin, Sticky, Stable, StableConsistent, CooperativeSticky),
		c.strategyProblem(),
		choice("onOutOfRange", c.OnOutOfRange, RangeEarliest, RangeLatest, RangeFail),
		choice("ordering", c.Ordering, OrderByPartition, OrderByKey, OrderNone),
		notNegative("maxMessageAge", c.MaxMessageAge),
		notNegative("concurrency", c.Concurrency),
		notNegative("maxInFlight", c.MaxInFlight),
		notNegative("maxInFlightBytes", c.MaxInFlightBytes),
		notNegative("batch.maxMessages", c.Batch.MaxMessages),
		notNegative("batch.maxWait", c.Batch.MaxWait),
		notNegative("stuckAfter", c.StuckAfter),
		c.Retry.problem(),
		c.deadLetterProblem(),
		c.Producer.Validate(),
		notNegative("maxProcessingTime", c.MaxProcessingTime),
		notNegative("commitInterval", c.CommitInterval),
		notNegative("sessionTimeout", c.SessionTimeout),
		notNegative("heartbeatInterval", c.HeartbeatInterval),
		notNegative("rebalanceTimeout", c.RebalanceTimeout),
		notNegative("gracePeriod", c.GracePeriod),
		notNegative("metadataRefresh", c.MetadataRefresh),
		c.proportionProblem(),
	)
}

// connectionProblem is what is wrong with how to connect, for workers and
// producers alike.
func (c Config) connectionProblem() error {
	errs := []error{required(len(c.BootstrapServers) > 0, "bootstrapServers")}
	for _, server := range c.BootstrapServers {
		errs = append(errs, serverProblem(server))
	}
	if c.KafkaVersion != "" {
		_, err := parseVersion(c.KafkaVersion)
		errs = append(errs, err)
	}
	errs = append(errs, tlsProblems(c.TLS)...)
	errs = append(errs, saslProblems(c.SASL)...)
	return errors.Join(errs...)
}

func serverProblem(server string) error {
	host, port, err := net.SplitHostPort(server)
	if err == nil && host != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err == nil && number > 0 {
			return nil
		}
	}
	return fmt.Errorf("bootstrapServers: %q is not host:port, such as kafka-0:9092", server)
}

// proportionProblem compares fields as they are with their defaults. What is
// negative is told of as that.
func (c Config) proportionProblem() error {
	session, heartbeat := cmp.Or(c.SessionTimeout, DefaultSessionTimeout), cmp.Or(c.HeartbeatInterval, DefaultHeartbeatInterval)
	longest := cmp.Or(c.MaxProcessingTime, DefaultMaxProcessingTime)
	most := cmp.Or(c.MaxInFlight, DefaultMaxInFlight)
	var errs []error
	if heartbeat >= session && session > 0 {
		errs = append(errs, fmt.Errorf("heartbeatInterval %s is not shorter than sessionTimeout %s", heartbeat, session))
	}
	if c.Concurrency > most && most > 0 {
		errs = append(errs, fmt.Errorf("concurrency %d is above maxInFlight %d", c.Concurrency, most))
	}
	if c.StuckAfter > 0 && c.StuckAfter < longest {
		errs = append(errs, fmt.Errorf("stuckAfter %s is shorter than maxProcessingTime %s: a pod would be restarted for a message that is in time",
			c.StuckAfter, longest))
	}
	return errors.Join(errs...)
}

func required(present bool, what string) error {
	if present {
		return nil
	}
	return fmt.Errorf("no %s given", what)
}

// choice is oneOf for what has a default.
func choice[T ~string](what string, value T, allowed ...T) error {
	if value == "" {
		return nil
	}
	return oneOf(what, value, allowed...)
}

func oneOf[T ~string](what string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s %q is not one of %q", what, value, allowed)
}

func notNegative[T ~int | ~int64](what string, value T) error {
	if value >= 0 {
		return nil
	}
	return fmt.Errorf("%s %v is negative", what, value)
}

func (r Retry) problem() error {
	errs := []error{
		notNegative("retry.attempts", r.Attempts),
		notNegative("retry.initialBackoff", r.InitialBackoff),
		notNegative("retry.maxBackoff", r.MaxBackoff),
	}
	if r.JitterPercent < -1 || r.JitterPercent > 100 {
		errs = append(errs, fmt.Errorf("retry.jitterPercent %d is not in -1 to 100", r.JitterPercent))
	}
	if r.MaxBackoff > 0 && r.InitialBackoff > r.MaxBackoff {
		errs = append(errs, fmt.Errorf("retry.initialBackoff %s is longer than retry.maxBackoff %s", r.InitialBackoff, r.MaxBackoff))
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
		return required(false, "deadLetter.topic")
	case slices.Contains(c.Topics, c.DeadLetter.Topic):
		return fmt.Errorf("deadLetter.topic %q is one of the topics", c.DeadLetter.Topic)
	case c.TopicPattern != "" && c.patternMatches(c.DeadLetter.Topic):
		return fmt.Errorf("topicPattern %q matches deadLetter.topic %q", c.TopicPattern, c.DeadLetter.Topic)
	}
	return topicProblem("deadLetter.topic", c.DeadLetter.Topic)
}

func (c Config) patternMatches(topic string) bool {
	pattern, err := kafka.TopicPattern(c.TopicPattern)
	return err == nil && pattern.MatchString(topic)
}

func parseVersion(text string) (sarama.KafkaVersion, error) {
	version, err := sarama.ParseKafkaVersion(text)
	if err != nil {
		return version, fmt.Errorf("kafkaVersion %q is not a version of three parts, such as %s", text, DefaultKafkaVersion)
	}
	if !version.IsAtLeast(sarama.V2_1_0_0) {
		return version, fmt.Errorf("kafkaVersion %q is older than 2.1.0", text)
	}
	return version, nil
}

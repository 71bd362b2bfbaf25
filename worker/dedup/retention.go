package dedup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

// RetentionError is a warning: ids are removed while Kafka may still hand in
// their messages, which would then be handled a second time.
type RetentionError struct {
	// Kept is how long ids are kept.
	Kept time.Duration
	// Topics are those that keep messages as long or longer, with how long;
	// worker.Forever is without end.
	Topics map[string]time.Duration
}

// Error names the topics.
func (e *RetentionError) Error() string {
	topics := make([]string, 0, len(e.Topics))
	for topic, retention := range e.Topics {
		text := retention.String()
		if retention == worker.Forever {
			text = "without end"
		}
		topics = append(topics, fmt.Sprintf("%q (%s)", topic, text))
	}
	slices.Sort(topics)
	return fmt.Sprintf("ids are kept for %s, which must be longer than messages are in %s: older messages that are read again have their effect again",
		e.Kept, strings.Join(topics, ", "))
}

// CheckRetention compares how long ids are kept, which is what Purge is called
// with, with how long each topic keeps messages. It returns a *RetentionError
// where ids don't outlive their messages, for a program to log or to refuse.
//
// worker.TopicRetention asks the brokers for the topics' retention:
//
//	topics, err := worker.TopicRetention(ctx, config, config.Topics...)
//	...
//	if err := dedup.CheckRetention(keepIDs, topics); err != nil {
//		logger.Warn("ids are purged too early", "error", err)
//	}
func CheckRetention(kept time.Duration, topics map[string]time.Duration) error {
	tooLong := make(map[string]time.Duration)
	for topic, retention := range topics {
		if retention >= kept {
			tooLong[topic] = retention
		}
	}
	if len(tooLong) == 0 {
		return nil
	}
	return &RetentionError{Kept: kept, Topics: tooLong}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func (c Config) topicsProblem() error {
	switch {
	case c.TopicPattern == "":
		errs := []error{required(len(c.Topics) > 0, "topics")}
		for _, topic := range c.Topics {
			errs = append(errs, topicProblem("topics", topic))
		}
		return errors.Join(errs...)
	case len(c.Topics) > 0:
		return errors.New("topics and topicPattern are given: one of them is enough")
	}
	if _, err := kafka.TopicPattern(c.TopicPattern); err != nil {
		return fmt.Errorf("topicPattern: %w", err)
	}
	return nil
}

// topicNames are those that Kafka allows.
var topicNames = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// topicProblem is why there can be no topic of that name, whoever creates it.
func topicProblem(field, name string) error {
	if topicNames.MatchString(name) && name != "." && name != ".." {
		return nil
	}
	return fmt.Errorf("%s: %q is no name of a topic: 1 to 249 letters, digits, dots, underscores and dashes", field, name)
}

// topics are those to subscribe to now. With a pattern that matches none yet it
// waits for one; it returns none only when the context ends.
func (r *runner) topics(ctx context.Context) []string {
	if r.pattern == nil {
		return r.config.Topics
	}
	wait := newBackoff(joinBackoff, joinMaxBackoff)
	for failures, told := 0, false; ctx.Err() == nil; {
		matching, err := r.matching()
		switch {
		case err != nil:
			failures++
			r.failed(err)
			pause(ctx, wait(failures))
		case len(matching) > 0:
			return matching
		default:
			if !told {
				r.log.Info("no topic matches the pattern yet, waiting for one", "pattern", r.config.TopicPattern)
			}
			r.health.failed(fmt.Errorf("no topic matches topicPattern %q yet", r.config.TopicPattern))
			failures, told = 0, true
			r.untilNextLook(ctx)
		}
	}
	return nil
}

// watchTopics calls changed when the topics that match are others than those
// given, until the context ends.
func (r *runner) watchTopics(ctx context.Context, subscribed []string, changed func()) {
	for r.untilNextLook(ctx) {
		matching, err := r.matching()
		if err != nil {
			r.failed(err)
			continue
		}
		if !slices.Equal(subscribed, matching) {
			r.log.Info("other topics match the pattern now, joining again", "pattern", r.config.TopicPattern,
				"before", subscribed, "now", matching)
			changed()
			return
		}
	}
}

// untilNextLook waits for the next multiple of the refresh interval on the
// clock, so that all members look at the same moment: then a new topic is one
// rebalance, not one for each.
func (r *runner) untilNextLook(ctx context.Context) bool {
	now, every := time.Now(), r.config.MetadataRefresh
	return pause(ctx, now.Truncate(every).Add(every).Sub(now))
}

// matching asks a broker for all topics and returns the names that match,
// sorted.
func (r *runner) matching() ([]string, error) {
	broker := r.client.LeastLoadedBroker()
	if broker == nil {
		return nil, fmt.Errorf("list the topics: %w", sarama.ErrOutOfBrokers)
	}
	response, err := broker.GetMetadata(sarama.NewMetadataRequest(r.client.Config().Version, nil))
	if err != nil {
		_ = broker.Close() // a broker that broke off has to be closed to be dialled again
		return nil, fmt.Errorf("list the topics: %w", err)
	}
	var names []string
	for _, topic := range response.Topics {
		if !kafka.Internal(topic.Name, topic.IsInternal) && r.pattern.MatchString(topic.Name) {
			names = append(names, topic.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

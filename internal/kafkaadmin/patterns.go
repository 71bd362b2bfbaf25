package kafkaadmin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// listEvery is how old the list of all topics gets that patterns are matched
// against.
const listEvery = 30 * time.Second

// patterns resolves topic patterns. It asks nothing while nobody has one, and
// one request serves all.
type patterns struct {
	mu       sync.Mutex
	listing  bool // somebody asks for the list: others do with the one that there is
	listedAt time.Time
	err      error    // why the last listing failed; errPending while there is none yet
	names    []string // of the last that did not, sorted; nil before
	internal []string // those of it that no pattern matches
	matches  map[string]match
}

// match is what a pattern resolves to.
type match struct {
	topics []string
	err    error
}

// resolve returns the subscriptions with the topics that their patterns match,
// and for each why its topics are not known, or not up to date.
func (c *client) resolve(ctx context.Context, subscriptions []interest) ([]interest, []error) {
	errs := make([]error, len(subscriptions))
	if !slices.ContainsFunc(subscriptions, interest.byPattern) || c.invalid != nil {
		return subscriptions, errs
	}
	c.listTopics(ctx, time.Now())
	c.patterns.mu.Lock()
	defer c.patterns.mu.Unlock()
	resolved := slices.Clone(subscriptions)
	for i, s := range subscriptions {
		if s.byPattern() {
			m := c.patterns.resolve(s.TopicPattern)
			resolved[i].Topics, errs[i] = m.topics, m.err
		}
	}
	return resolved, errs
}

func (s interest) byPattern() bool { return len(s.Topics) == 0 && s.TopicPattern != "" }

// listTopics renews the list if it is due and nobody else does.
func (c *client) listTopics(ctx context.Context, now time.Time) {
	if !c.patterns.begin(now) {
		return
	}
	names, internal, err := c.topicNames(ctx)
	c.patterns.end(names, internal, err, now, hurried(ctx))
}

// begin tells whether the caller is to ask for the list. One that could never be
// read is due in every cycle. Until the end, what failed before is no news where
// a broker was only late.
func (p *patterns) begin(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listing || p.names != nil && now.Sub(p.listedAt) < listEvery {
		return false
	}
	p.listing, p.matches = true, map[string]match{}
	switch {
	case p.names == nil:
		p.err = errPending
	case late(p.err):
		p.err = nil
	}
	return true
}

// end takes in a listing that began then. One that was late in a hurry is left
// to the slow lane, which has the time.
func (p *patterns) end(names, internal []string, err error, began time.Time, hurried bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listing, p.matches, p.err = false, map[string]match{}, err
	if err == nil {
		p.names, p.internal = names, internal
	}
	if !hurried || !late(err) {
		p.listedAt = began
	}
}

// resolve matches one pattern. The caller holds the lock.
func (p *patterns) resolve(pattern string) match {
	m, known := p.matches[pattern]
	if !known {
		m = p.match(pattern)
		p.matches[pattern] = m
	}
	return m
}

func (p *patterns) match(pattern string) match {
	expression, err := kafka.TopicPattern(pattern)
	if err != nil {
		return match{err: fmt.Errorf("read the topic pattern %q: %w: %w", pattern, kafka.ErrInvalid, err)}
	}
	var m match
	for _, name := range p.names {
		if expression.MatchString(name) {
			m.topics = append(m.topics, name)
		}
	}
	switch {
	case p.err != nil:
		m.err = fmt.Errorf("list the topics that match %q: %w", pattern, p.err)
	case len(m.topics) == 0 && slices.ContainsFunc(p.internal, expression.MatchString):
		m.err = fmt.Errorf("list the topics that match %q: %w: only topics that are internal to Kafka match, and those are left out", pattern, kafka.ErrTopicMissing)
	case len(m.topics) == 0:
		m.err = fmt.Errorf("list the topics that match %q: %w: no topic matches", pattern, kafka.ErrTopicMissing)
	}
	return m
}

// topicNames lists the names of all topics that we may see, sorted, and of
// those that are internal.
func (c *client) topicNames(ctx context.Context) (names, internal []string, err error) {
	response, err := c.metadata(ctx, c.requestAllTopics)
	if err != nil {
		return nil, nil, err
	}
	names = []string{}
	for _, t := range response.Topics {
		if kafka.Internal(t.Name, t.IsInternal) {
			internal = append(internal, t.Name)
		} else {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, internal, nil
}

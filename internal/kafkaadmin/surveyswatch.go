package kafkaadmin

import (
	"fmt"
	"regexp"
	"slices"
	"sync/atomic"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// ConfigSubscription is whose settings an owner of Surveys wants: those of topics,
// and of the brokers besides.
type ConfigSubscription struct {
	// Connection is the cluster that has the topics.
	Connection Connection
	// Topics are the topics, in any order.
	Topics []string
	// TopicPattern is a regular expression (RE2) that must match the whole name of
	// a topic. All topics that match and are not internal are read. Only with empty
	// Topics. With one that can't be read the survey's Err says kafka.ErrInvalid.
	TopicPattern string
}

// normalised makes subscriptions that ask for the same equal.
func (s ConfigSubscription) normalised() ConfigSubscription {
	s.Topics = sortedSet(s.Topics)
	return s
}

func (s ConfigSubscription) equal(other ConfigSubscription) bool {
	return s.Connection == other.Connection && slices.Equal(s.Topics, other.Topics) && s.TopicPattern == other.TopicPattern
}

func (s ConfigSubscription) withoutSecurity() ConfigSubscription {
	s.Connection = s.Connection.withoutSecurity()
	return s
}

// configWatch is one owner's current subscription with what is shown of it. A
// changed subscription is a new watch, so that a late reading of the old one is
// lost with it.
type configWatch struct {
	owner        string
	subscription ConfigSubscription
	pattern      *regexp.Regexp // nil without one that can be read
	invalid      error          // why it can't be read
	reader       *configReader
	shown        atomic.Pointer[shownConfigs]

	// What the pattern matched, and of which names. The reader's run alone uses them.
	matched   []string
	matchedIn *[]string
}

func newConfigWatch(owner string, s ConfigSubscription, reader *configReader) *configWatch {
	w := &configWatch{owner: owner, subscription: s, reader: reader}
	if len(s.Topics) > 0 || s.TopicPattern == "" {
		return w
	}
	pattern, err := kafka.TopicPattern(s.TopicPattern)
	if err != nil {
		w.invalid = fmt.Errorf("read the topic pattern %q: %w: %w", s.TopicPattern, kafka.ErrInvalid, err)
		return w
	}
	w.pattern = pattern
	return w
}

func (w *configWatch) byPattern() bool { return w.pattern != nil }

func (w *configWatch) named() []string { return w.subscription.Topics }

// topics are those that are named, or that the pattern matched last.
func (w *configWatch) topics() []string {
	if w.byPattern() {
		return w.matched
	}
	return w.named()
}

// match finds the pattern's topics, unless the names are those of the last time:
// 500 patterns and 2,000 names are a million tries.
func (w *configWatch) match(names *[]string) {
	if !w.byPattern() || w.matchedIn == names {
		return
	}
	w.matched, w.matchedIn = nil, names
	for _, name := range *names {
		if w.pattern.MatchString(name) {
			w.matched = append(w.matched, name)
		}
	}
}

// allTopics are the distinct topics of watches, sorted.
func allTopics(watches []*configWatch, of func(*configWatch) []string) []string {
	topics := map[string]struct{}{}
	for _, w := range watches {
		for _, name := range of(w) {
			topics[name] = struct{}{}
		}
	}
	return sortedKeys(topics)
}

// shownConfigs is what an owner sees: of one reading, which it shares with others,
// its own topics, and how the newest try ended.
type shownConfigs struct {
	reading      *configReading
	topics       []string
	whole        bool  // nothing in the reading is to be known soon only
	err, passing error // of the newest try
}

// show takes in a try. One with a gap does not replace a whole reading of the same
// cluster. A cluster that tells no id is taken for the same.
func (w *configWatch) show(try *configReading) {
	next := shownConfigs{reading: try, topics: w.topics(), err: try.survey.Err, passing: try.passingOf(w.topics())}
	if w.invalid != nil {
		next.err = w.invalid
	}
	next.whole = next.err == nil && next.passing == nil
	last := w.shown.Load()
	if last != nil && last.whole && !next.whole && last.sameCluster(try) {
		next.reading, next.topics, next.whole = last.reading, last.topics, true
	}
	w.shown.Store(&next)
}

func (s *shownConfigs) sameCluster(try *configReading) bool {
	return try.survey.ClusterID == "" || try.survey.ClusterID == s.reading.survey.ClusterID
}

// survey is made when it is asked for: patterns of many owners may match the same
// thousands of topics.
func (s *shownConfigs) survey() kafka.ConfigSurvey {
	survey := s.reading.survey
	survey.Whole, survey.Err, survey.Passing = s.whole, s.err, s.passing
	survey.Topics = make(map[string]kafka.TopicConfig, len(s.topics))
	for _, name := range s.topics {
		if t, read := s.reading.survey.Topics[name]; read {
			survey.Topics[name] = t
		}
	}
	return survey
}

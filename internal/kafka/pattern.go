package kafka

import (
	"regexp"
	"strings"
)

// TopicPattern compiles a topic pattern (RE2) so that it matches whole names
// only. Operator and workers share it: they must agree on the topics. It
// returns the error of package regexp, which names the pattern and what is
// wrong with it.
func TopicPattern(pattern string) (*regexp.Regexp, error) {
	// Alone first: a parenthesis in it must not close ours.
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err //nolint:wrapcheck // it names the pattern and what is wrong with it
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`) //nolint:wrapcheck // the same
}

// Internal tells whether a topic is Kafka's own, and so matched by no pattern:
// marked as such by the cluster, or of a name that begins with "__".
func Internal(topic string, marked bool) bool {
	return marked || strings.HasPrefix(topic, "__")
}

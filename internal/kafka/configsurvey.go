package kafka

import "time"

// ConfigSurvey is what a cluster tells of the topics and brokers that producers
// depend on, read at one time. What could not be read says why in its place.
type ConfigSurvey struct {
	ClusterID string
	// At is when the reading began.
	At time.Time
	// Topics are those that were asked for, by name.
	Topics  map[string]TopicConfig
	Brokers BrokerConfig
	// Whole: nothing was missing in the reading that may be known soon. Passing and
	// Err may say that a later one brought less.
	Whole bool
	// Passing is why something is not known that may be known soon, as while a
	// broker restarts. It is nil where asking again brings the same.
	Passing error
	// Err is why the cluster could not be asked at all the last time.
	Err error
}

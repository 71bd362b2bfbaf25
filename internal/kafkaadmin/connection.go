package kafkaadmin

import (
	"slices"
	"strings"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// DefaultVersion is the newest Kafka version spoken when a Connection names
// none. Each broker is asked first what it speaks, and nothing newer is sent to
// it: with one of 3.0 every request has the form that 3.0 knows.
const DefaultVersion = "4.2.0"

// Connection is what distinguishes clients: equal connections share one client
// and one poll cycle. It is comparable; build it with NewConnection.
type Connection struct {
	// BootstrapServers are "host:port" addresses, sorted and comma-joined.
	BootstrapServers string
	// Version is the newest Kafka version to speak, such as "3.6.0", for brokers,
	// or what stands before them, that claim to speak more than they do. Empty
	// means DefaultVersion.
	Version string
	// Security is how the connection is encrypted and authenticated.
	Security kafkaauth.Security
}

// NewConnection makes the connection to a cluster from its bootstrap servers,
// whose order and repetition make no difference.
func NewConnection(servers []string, version string, security kafkaauth.Security) Connection {
	return Connection{BootstrapServers: strings.Join(sortedSet(servers), ","), Version: version, Security: security}
}

func (c Connection) servers() []string { return strings.Split(c.BootstrapServers, ",") }

// Subscription is one consumer group to be sampled.
type Subscription struct {
	// Connection is the cluster that the group lives in.
	Connection Connection
	// GroupID is the consumer group.
	GroupID string
	// Topics are the topics to sample, in any order. At least one, or
	// TopicPattern: without either the sample says kafka.ErrInvalid.
	Topics []string
	// TopicPattern is a regular expression (RE2) that must match the whole name
	// of a topic. All topics that match and are not internal are sampled, new
	// ones from within half a minute on. Only with empty Topics.
	TopicPattern string
	// Isolation is which records the group's consumers read. Empty means
	// kafka.ReadUncommitted.
	Isolation kafka.Isolation
}

// interest is what a cycle needs of a subscription: all cycles of a connection are
// of that connection.
type interest struct {
	GroupID      string
	Topics       []string
	TopicPattern string
	Isolation    kafka.Isolation
}

func (s Subscription) interest() interest {
	return interest{GroupID: s.GroupID, Topics: s.Topics, TopicPattern: s.TopicPattern, Isolation: s.Isolation}
}

// normalised makes subscriptions that ask for the same equal.
func (s Subscription) normalised() Subscription {
	s.Topics = sortedSet(s.Topics)
	return s
}

func (s Subscription) equal(other Subscription) bool {
	return s.Connection == other.Connection && s.GroupID == other.GroupID && slices.Equal(s.Topics, other.Topics) &&
		s.TopicPattern == other.TopicPattern && s.Isolation == other.Isolation
}

// sortedSet returns the distinct values in order, in a slice of its own.
func sortedSet(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}
